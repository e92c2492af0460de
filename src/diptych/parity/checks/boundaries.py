"""The check of one feature at one engine or store, at the boundaries of its own meaning."""

from dataclasses import dataclass

from diptych.check.findings import Checked
from diptych.parity.outcome import Outcome
from diptych.parity.wording import missed
from diptych.parity.workbench import Workbench
from diptych.plan.nodes import View
from diptych.testing.boundaries import gaps


@dataclass(frozen=True, slots=True)
class BoundariesCheck:
    """A feature's part of its view's boundary cases."""

    view: View
    feature: str
    target: str
    kind: str = "boundaries"

    @property
    def name(self) -> str:
        """``boundaries[view:feature-target]``."""
        return f"boundaries[{self.view.name}:{self.feature}-{self.target}]"

    def ready(self, bench: Workbench) -> None:
        """There is always something to ask."""

    def run(self, bench: Workbench) -> Outcome:
        """Put the view's cases to the target, unless another feature did that already."""
        taken = bench.taken(self.view, self.target)
        if not taken.questions:
            return Outcome(skipped="; ".join(f"{gap.what}: {gap.why}" for gap in gaps(self.view)))
        failures = taken.of(self.feature)
        text = missed(self.view, self.feature, self.target, failures) if failures else ""
        checked = Checked(
            kind=self.kind,
            view=self.view.name,
            feature=self.feature,
            target=self.target,
            cases=taken.questions,
            seconds=taken.seconds / len(self.view.features),
            failure=text,
        )
        return Outcome(checks=(checked,), failure=text, properties={"cases": taken.questions})
