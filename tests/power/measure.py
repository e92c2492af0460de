"""One fault through the gate: which suites catch it, after how long, and what cause they name."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from diptych.check.findings import Cause
from tests.power.faults import FAULTS, Fault
from tests.power.gate import STAGES, Stage, opened, stage, suite
from tests.power.served import serve
from tests.power.world import settle


@dataclass(frozen=True, slots=True)
class Examined:
    """What the gate made of one fault (by name; empty: of none)."""

    name: str
    stages: tuple[Stage, ...]

    @property
    def fault(self) -> Fault:
        """The fault itself."""
        return next(fault for fault in FAULTS if fault.name == self.name)

    @property
    def caught(self) -> bool:
        """Whether any suite caught it."""
        return any(each.caught for each in self.stages)

    @property
    def causes(self) -> Counter[Cause]:
        """How many values differ by each cause, in all comparisons together."""
        found: Counter[Cause] = Counter()
        for each in self.stages:
            found.update(dict(each.causes))
        return found

    @property
    def cause(self) -> Cause | None:
        """The cause that the gate names: that of most values."""
        return max(self.causes, key=lambda cause: (self.causes[cause], cause is not Cause.UNEXPLAINED), default=None)

    @property
    def right(self) -> bool:
        """Whether the cause is one that the fault was said to have."""
        return self.cause in self.fault.causes


def examine(fault: Fault | None, stages: Sequence[str] = STAGES, features: Sequence[str] = ()) -> Examined:
    """Plant a fault (None: none) and put the shops through the suites named; ``features`` narrows what is looked at."""
    with tempfile.TemporaryDirectory(prefix="power-") as folder:
        root = settle(Path(folder) / "shops")
        with fault.plant() if fault else nullcontext():
            if "replay" in stages:
                serve(root)
            small = {"questions": 30} if fault and fault.slow else {}
            with opened(root, suite(features, replay="replay" in stages, **small)) as bench:
                found = tuple(stage(bench, name, stop=fault is not None) for name in stages)
    return Examined(fault.name if fault else "", found)


def quick(fault: Fault) -> Examined:
    """The suite that names its cause (or is the only one to catch it), over the one view in which the fault shows."""
    return examine(fault, [fault.suite], [fault.shows])


def by_name(name: str, suites: Sequence[str], *, only_quick: bool = False) -> Examined:
    """The fault of that name, examined: what a process of its own can be told to do."""
    fault = next(fault for fault in FAULTS if fault.name == name)
    return quick(fault) if only_quick else examine(fault, suites)
