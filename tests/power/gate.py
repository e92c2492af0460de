"""The gate as a team runs it, in one process: the default suite's own checks over the shops, stage by stage.

Nothing here checks anything: the plan, the checks and the verdicts are those of ``diptych.parity``.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from diptych.check.findings import Cause
from diptych.parity.outcome import Check, Outcome
from diptych.parity.planning import checks
from diptych.parity.suite import Copy, Replay, Simulate, Suite
from diptych.parity.workbench import Workbench
from tests.power import handwritten
from tests.power.faults.copies import COPIED, WEIGHED
from tests.power.world import CUT, REQUESTS, SERVICE

STAGES = ("boundaries", "properties", "simulate", "replay", "copy")
"""The suites in the order in which the gate comes to them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one suite made of a fault: the first item that failed, after how long, and the causes that it named."""

    name: str
    seconds: float
    item: str = ""
    message: str = ""
    causes: tuple[tuple[Cause, int], ...] = ()

    @property
    def caught(self) -> bool:
        """Whether anything failed."""
        return bool(self.item)


def suite(features: Sequence[str] = (), *, questions: int = 80, examples: int = 20, replay: bool = False) -> Suite:
    """The default suite over the shops, with a team's copy of a feature; only the amounts are small."""
    asked = (SERVICE, REQUESTS) if not features or SERVICE in features else None
    copies = [Copy(COPIED, sql=handwritten.NOTED, questions=300), Copy(WEIGHED, sql=handwritten.WEIGHED, questions=300)]
    return Suite(
        features=features,
        simulate=Simulate(cut=CUT, questions=questions, slices=8, judged=3, requests=asked),
        replay=Replay() if replay else None,
        copies=[copy for copy in copies if not features or copy.feature.partition(":")[0] in " ".join(features)],
        examples=examples,
    )


@contextmanager
def opened(root: Path, wanted: Suite) -> Iterator[Workbench]:
    """The suite's repository."""
    with Workbench(wanted, root, None, "default") as bench:
        yield bench


def stage(bench: Workbench, name: str, *, stop: bool = True) -> Stage:
    """Run the checks of one suite, up to the first that fails unless all are wanted."""
    begun, first, counted = time.perf_counter(), ("", ""), Counter[Cause]()
    caught_after = 0.0
    for check in planned(bench, name):
        failure, causes = _result(check, bench)
        counted.update(causes)
        if failure and not first[0]:
            first, caught_after = (check.name, failure), time.perf_counter() - begun
            if stop:
                break
    seconds = caught_after if first[0] else time.perf_counter() - begun
    return Stage(name, seconds, *first, tuple(counted.most_common()))


def planned(bench: Workbench, name: str) -> Sequence[Check]:
    """The checks of one suite."""
    return [check for check in checks(bench) if check.kind == name]


def _result(check: Check, bench: Workbench) -> tuple[str, Counter[Cause]]:
    try:
        check.ready(bench)
        outcome = check.run(bench)
    except Exception as error:  # as pytest has it: whatever a check raises is a failure
        return f"{type(error).__name__}: {error}", Counter()
    return outcome.failure, causes_of(outcome)


def causes_of(outcome: Outcome) -> Counter[Cause]:
    """How often each cause was named."""
    found: Counter[Cause] = Counter()
    for findings in outcome.findings:
        for output in findings.outputs:
            found.update(output.causes)
    return found
