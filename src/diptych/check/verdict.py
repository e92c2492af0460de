"""The verdict of a simulation: what was compared, what differed, and how much of it was hard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.check.compare import Difference, compare
from diptych.check.coverage import Shares
from diptych.check.findings import Findings, Mismatch, OutputFindings, Sampling
from diptych.check.judged import Judged
from diptych.check.offline import Column
from diptych.ground.instants import moment
from diptych.operate.backfill import Backfilled
from diptych.reference import spoken
from diptych.serve.ingested import Ingested

SHOWN = 5
"""Differences of one output that a dictionary shows."""


@dataclass(frozen=True, slots=True)
class PanelVerdict:
    """One service: its outputs against offline, causes named, and a sample of them against the judge."""

    service: str
    requests: int
    outputs: tuple[OutputFindings, ...]
    judged: int
    judged_differences: tuple[Difference, ...]
    sampling: Sampling

    @property
    def compared(self) -> int:
        """Answers compared with offline."""
        return sum(output.compared for output in self.outputs)

    @property
    def mismatches(self) -> int:
        """Answers that differ from offline or from the judge."""
        return sum(output.mismatches for output in self.outputs) + len(self.judged_differences)


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
    begun_at: int = 0

    @property
    def findings(self) -> Findings:
        """The verdict as suites and reports take it."""
        whole = self.to_dict()
        facts = {name: whole[name] for name in ("judged", "shares", "injected", "rejected", "events")}
        return Findings(
            kind="simulate",
            name="simulation",
            begun_at=self.begun_at,
            seconds=self.seconds,
            outputs=tuple(output for panel in self.panels for output in panel.outputs),
            sampling=tuple(panel.sampling for panel in self.panels),
            facts={"requests": sum(panel.requests for panel in self.panels), **facts},
            contradicted=sum(len(panel.judged_differences) for panel in self.panels),
        )

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
                "differing": output.mismatches,
                "causes": {cause.value: count for cause, count in output.causes.items()},
                "differences": [_mismatch_dict(mismatch) for mismatch in output.examples[:SHOWN]],
            }
            for output in panel.outputs
        ],
    }


def _mismatch_dict(mismatch: Mismatch) -> dict[str, Any]:
    return {
        "feature": mismatch.feature or mismatch.output,
        "key": [str(part) for part in mismatch.key.values()],
        "at": moment(mismatch.at).isoformat(),
        "offline": str(mismatch.offline),
        "online": str(mismatch.online),
        "cause": mismatch.cause.value,
        "detail": mismatch.detail,
        "wrong": mismatch.wrong,
    }


def _difference_dict(difference: Difference) -> dict[str, Any]:
    return {
        "feature": difference.feature,
        "key": [str(part) for part in difference.key],
        "at": moment(difference.t).isoformat(),
        "offline": str(difference.left),
        "online": str(difference.right),
    }


def judged_differences(
    columns: Mapping[str, Column], sample: Sequence[Judged], instants: npt.NDArray[np.int64]
) -> tuple[Difference, ...]:
    """Where online's answers differ from the judge's, in value or status."""
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
