"""The check of one view at one engine or store, over random histories of its own declared types."""

import math
from dataclasses import dataclass

from diptych.check.findings import Checked
from diptych.parity.outcome import Outcome
from diptych.parity.wording import found_by_search
from diptych.parity.workbench import Workbench
from diptych.plan.nodes import View
from diptych.testing.owned import search


@dataclass(frozen=True, slots=True)
class PropertiesCheck:
    """A search for a history of a view on which a target and the judge differ.

    ``share`` is this check's part of the seconds that all searches of the suite have together.
    """

    view: View
    target: str
    share: float
    kind: str = "properties"

    @property
    def name(self) -> str:
        """``properties[view-target]``."""
        return f"properties[{self.view.name}-{self.target}]"

    def ready(self, bench: Workbench) -> None:
        """There is always something to search."""

    def run(self, bench: Workbench) -> Outcome:
        """Search as long as the budget lasts."""
        suite, budget = bench.suite, bench.budget
        result = search(
            self.view,
            bench.target(self.target),
            seed=suite.seed,
            examples=budget.count(suite.examples),
            seconds=budget.seconds(suite.seconds) * self.share,
        )
        if not result.examples:
            text = f"{self.view.name} on {self.target}: no history could be tried: raise seconds= of the suite"
            return Outcome(failure=text, properties={"cases": 0})
        text, code = found_by_search(self.view, self.target, result.found) if result.found else ("", "")
        checked = Checked(
            kind=self.kind,
            view=self.view.name,
            feature=result.found[0].feature if result.found else "",
            target=self.target,
            cases=result.questions,
            seconds=math.ceil(result.seconds * 1_000) / 1_000,
            failure=text,
            code=code,
        )
        properties = {"cases": result.questions, "examples": result.examples, "done": result.done}
        return Outcome(checks=(checked,), failure=f"{text}\n\n{code}" if code else text, properties=properties)
