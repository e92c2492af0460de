"""The verdict of a simulation: what was compared, what differed, and how much of it was hard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.check.compare import Difference, compare
from diptych.check.coverage import Shares
from diptych.check.judged import Judged
from diptych.check.offline import Column
from diptych.ground.instants import moment
from diptych.operate.backfill import Backfilled
from diptych.plan.nodes import Derived, Feature, Service
from diptych.reference import TOLERANCE, spoken
from diptych.serve.ingested import Ingested

SHOWN = 5
"""Differences of one output that a verdict keeps."""


@dataclass(frozen=True, slots=True)
class OutputVerdict:
    """One output: answers compared with offline, how many differ, and the first few that do."""

    output: str
    compared: int
    present: int
    differing: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class PanelVerdict:
    """One service: its outputs against offline, and a sample of them against the judge."""

    service: str
    requests: int
    outputs: tuple[OutputVerdict, ...]
    judged: int
    judged_differences: tuple[Difference, ...]

    @property
    def compared(self) -> int:
        """Answers compared with offline."""
        return sum(output.compared for output in self.outputs)

    @property
    def mismatches(self) -> int:
        """Answers that differ from offline or from the judge."""
        return sum(output.differing for output in self.outputs) + len(self.judged_differences)


@dataclass(frozen=True, slots=True)
class Injected:
    """Deliveries that the simulation made up, by seed: late ones, repeats within and beyond the window."""

    late: int = 0
    repeated: int = 0
    repeated_beyond: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole simulation; equal when nothing differs and something was compared."""

    panels: tuple[PanelVerdict, ...]
    backfilled: Backfilled
    ingested: Ingested
    injected: Injected
    shares: Shares
    seconds: float

    @property
    def compared(self) -> int:
        """Answers compared with offline."""
        return sum(panel.compared for panel in self.panels)

    @property
    def mismatches(self) -> int:
        """Answers that differ."""
        return sum(panel.mismatches for panel in self.panels)

    @property
    def equal(self) -> bool:
        """Whether both panels are one picture."""
        return self.compared > 0 and self.mismatches == 0

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain JSON values."""
        return {
            "equal": self.equal,
            "compared": self.compared,
            "mismatches": self.mismatches,
            "judged": sum(panel.judged for panel in self.panels),
            "seconds": round(self.seconds, 3),
            "events": {"backfilled": self.backfilled.events, "streamed": self.ingested.events},
            "rejected": dict(self.ingested.rejected),
            "injected": {
                "late": self.injected.late,
                "repeated": self.injected.repeated,
                "repeated_beyond": self.injected.repeated_beyond,
            },
            "shares": self.shares.to_dict(),
            "services": [_panel_dict(panel) for panel in self.panels],
        }


def _panel_dict(panel: PanelVerdict) -> dict[str, Any]:
    return {
        "service": panel.service,
        "requests": panel.requests,
        "compared": panel.compared,
        "judged": panel.judged,
        "judged_differences": [_difference_dict(difference) for difference in panel.judged_differences[:SHOWN]],
        "outputs": [
            {
                "output": output.output,
                "compared": output.compared,
                "present": output.present,
                "differing": output.differing,
                "differences": [_difference_dict(difference) for difference in output.differences],
            }
            for output in panel.outputs
        ],
    }


def _difference_dict(difference: Difference) -> dict[str, Any]:
    return {
        "feature": difference.feature,
        "key": [str(part) for part in difference.key],
        "at": moment(difference.t).isoformat(),
        "offline": str(difference.left),
        "online": str(difference.right),
    }


def compared(
    service: Service,
    requests: pa.Table,
    instants: npt.NDArray[np.int64],
    online: pa.Table,
    columns: Mapping[str, Column],
    derived: Mapping[str, pa.Array],
    sample: Sequence[Judged],
) -> PanelVerdict:
    """Compare what online answered (row for row as the requests) with the offline columns and the judge's sample."""
    outputs = []
    for output in service.outputs:
        column = columns[output.name]
        on = next(role.on for role in service.roles if role.name == output.role)
        keys = _keys(requests, on)
        outputs.append(_output(output.name, column.feature, column.values, online, keys, instants, column.magnitude))
    for wanted in service.derived:
        feature = _as_feature(wanted)
        keys = _keys(requests, tuple(field.name for field in service.request))
        outputs.append(_output(wanted.name, feature, derived[wanted.name], online, keys, instants, None))
    differences = _judged_differences(columns, sample, instants)
    return PanelVerdict(service.name, len(instants), tuple(outputs), len(sample), differences)


def _output(
    name: str,
    feature: Feature,
    offline: pa.Array,
    online: pa.Table,
    keys: Sequence[tuple[object, ...]],
    instants: npt.NDArray[np.int64],
    magnitude: npt.NDArray[np.float64] | None,
) -> OutputVerdict:
    answers = online[name].combine_chunks()
    found = compare(feature, offline, answers, keys=keys, instants=instants, magnitude=magnitude)
    present = len(answers) - answers.null_count
    return OutputVerdict(name, len(answers), present, len(found), tuple(found[:SHOWN]))


def _judged_differences(
    columns: Mapping[str, Column], sample: Sequence[Judged], instants: npt.NDArray[np.int64]
) -> tuple[Difference, ...]:
    differences: list[Difference] = []
    for name in dict.fromkeys(judged.output for judged in sample):
        mine = [judged for judged in sample if judged.output == name]
        feature = columns[name].feature
        inexact = columns[name].magnitude is not None
        differences += compare(
            feature,
            [spoken(judged.answer.value, feature.type) for judged in mine],
            [judged.online for judged in mine],
            keys=[judged.key for judged in mine],
            instants=instants[[judged.row for judged in mine]],
            magnitude=np.array([judged.answer.magnitude for judged in mine]) if inexact else None,
            statuses=([judged.answer.status for judged in mine], [judged.status for judged in mine]),
        )
    return tuple(differences)


def _keys(requests: pa.Table, on: tuple[str, ...]) -> list[tuple[object, ...]]:
    if not on:
        return [()] * requests.num_rows
    return list(zip(*(requests[column].to_pylist() for column in on), strict=True))


def _as_feature(derived: Derived) -> Feature:
    return Feature(derived.name, derived.type, derived.expression, tolerance=TOLERANCE)
