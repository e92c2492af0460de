"""Measure one column of answers against another: how many values differ, by how much, and which ones to ask why.

Any comparison uses it: a simulation, a replay of logged requests, a team's own copy of a feature. It names no causes:
``Measured.evidence`` hands its questions to ``check.causes``, and ``Measured.explained`` takes the diagnoses back.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.check.causes.evidence import Answered, Diagnosis
from diptych.check.compare import Column, as_column, differing
from diptych.check.findings import Cause, Mismatch, OutputFindings, Point
from diptych.describe.spelling import spell_type
from diptych.ground.values import Decimal, Float64, Int64
from diptych.plan.nodes import Feature

EXAMINED = 600
"""Mismatches of one output that are asked why, at most, spread over all of them in time."""

ENOUGH = 12
"""Mismatches of one output that must have been examined before the others are taken to be of their one cause."""

AGREEMENTS = 50
"""Equal answers of one output that no cause may contradict, at most."""

POINTS = 200
"""Pairs of one output that are kept for plots, spread in time, and at most half as many mismatches besides."""

EXAMPLES = 12
"""Mismatches that findings of one output keep; no cause has more than a third of them while others are there."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measured:
    """One output, compared: the findings so far (nothing explained yet), and what it takes to explain them.

    ``rows`` are the places of all mismatches among the questions, ``examined`` the mismatches that are asked why, in
    order of time, and ``agreed`` a sample of the equal answers: among them those about the same keys. ``left`` is one
    mismatch that is not examined, where there are any; ``at`` gives the question of any row.
    """

    feature: Feature
    findings: OutputFindings
    rows: Rows
    examined: tuple[Mismatch, ...]
    examined_rows: Rows
    agreed: tuple[Mismatch, ...]
    left: tuple[Mismatch, ...] = ()
    at: Callable[[int], Mismatch] | None = None

    def asked(self) -> list[Answered]:
        """The examined mismatches as ``check.causes`` takes them."""
        return [_answered(mismatch) for mismatch in self.examined]

    def agreements(self, beside: Sequence[int] = ()) -> list[Answered]:
        """The sample of equal answers, likewise; with those at some rows, where they are equal there."""
        if self.at is None:
            return [_answered(agreement) for agreement in self.agreed]
        rows = np.setdiff1d(np.array(beside, np.int64), self.rows)[:AGREEMENTS].tolist()
        return [_answered(agreement) for agreement in (*self.agreed, *map(self.at, rows))]

    def explained(self, diagnoses: Sequence[Diagnosis]) -> OutputFindings:
        """The findings with causes: one diagnosis for each of ``examined``, in order.

        Mismatches that nobody looked at stay unexplained, unless ``ENOUGH`` were and all have one and the same cause.
        """
        seen = [found for found in diagnoses if found.examined]
        rest = _alike(seen, self.findings.mismatches)
        named = [
            msgspec.structs.replace(mismatch, cause=found.cause, detail=found.detail, wrong=found.wrong)
            for mismatch, found in zip(self.examined, diagnoses, strict=True)
            if found.examined
        ]
        causes = Counter(found.cause for found in seen)
        left = self.findings.mismatches - len(seen)
        if left:
            causes[rest.cause] += left
        examples = _examples(named)
        if left and rest.cause is Cause.UNEXPLAINED:
            pairs = zip(self.examined, diagnoses, strict=True)
            unseen = [*((mismatch, found.detail) for mismatch, found in pairs if not found.examined)]
            one, why = unseen[0] if unseen and not seen else (unseen[0][0] if unseen else self.left[0], rest.detail)
            examples += (msgspec.structs.replace(one, detail=why),)
        ordered = dict(sorted(causes.items(), key=lambda item: (-item[1], item[0])))
        return msgspec.structs.replace(self.findings, causes=ordered, examples=examples)


def _alike(seen: Sequence[Diagnosis], of: int) -> Diagnosis:
    """What is known of the mismatches that nobody looked at."""
    if len(seen) >= ENOUGH and len({found.cause for found in seen}) == 1:
        return seen[0]
    return Diagnosis(detail=f"not examined: {len(seen):,} of {of:,} mismatches were")


def measure(
    service: str,
    output: str,
    view: str,
    feature: Feature,
    offline: Column,
    online: Column,
    *,
    keys: Mapping[str, Sequence[Any]],
    instants: npt.NDArray[np.int64],
    magnitude: npt.NDArray[np.float64] | None = None,
    statuses: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
    request_ids: Sequence[str] | None = None,
    examined: int = EXAMINED,
) -> Measured:
    """Compare N answers of one output; offline and online are columns as ``compare`` takes them.

    ``keys`` are N values for each of the entity's own key names, in the entity's order (for a derived column: of the
    request's columns), ``instants`` N microseconds, ``magnitude`` N float64 (None: equal to the bit, or as ``compare``
    says). ``statuses`` of (offline, online) are only kept, not compared. ``view`` is empty for a derived column. Raises
    Incomparable where the columns are not of N values of the feature's type.
    """
    one, other = as_column(feature, offline, len(instants)), as_column(feature, online, len(instants))
    wrong = differing(feature, one, other, magnitude)
    rows, equal = np.flatnonzero(wrong), np.flatnonzero(~wrong)
    chosen = _spread(rows, instants, examined)
    asked = _Questions(service, output, view, feature.name, keys, instants, one, other, statuses, request_ids)
    null, null_too = _nulls(one), _nulls(other)
    errors = _errors(feature, one, other, rows[~(null | null_too)[rows]])
    findings = OutputFindings(
        service=service,
        output=output,
        view=view,
        feature=feature.name if view else "",
        type=spell_type(feature.type),
        compared=len(instants),
        mismatches=len(rows),
        null_offline=int((null & ~null_too).sum()),
        null_online=int((null_too & ~null).sum()),
        causes={Cause.UNEXPLAINED: len(rows)} if len(rows) else {},
        largest_error=float(errors.max()) if len(errors) else None,
        typical_error=float(np.median(errors)) if len(errors) else None,
        points=_points(feature, one, other, instants, rows),
        examples=tuple(asked.at(row) for row in _spread(chosen, instants, EXAMPLES).tolist()),
    )
    agreed = _beside(keys, instants, chosen, equal) if len(rows) else equal[:0]
    return Measured(
        feature,
        findings,
        rows,
        tuple(map(asked.at, chosen.tolist())),
        chosen,
        tuple(map(asked.at, agreed.tolist())),
        tuple(map(asked.at, np.setdiff1d(rows, chosen)[:1].tolist())),
        asked.at,
    )


@dataclass(frozen=True, slots=True)
class _Questions:
    """All questions of one output, with both answers."""

    service: str
    output: str
    view: str
    feature: str
    keys: Mapping[str, Sequence[Any]]
    instants: npt.NDArray[np.int64]
    offline: pa.Array
    online: pa.Array
    statuses: tuple[Sequence[str] | None, Sequence[str] | None]
    request_ids: Sequence[str] | None

    def at(self, row: int) -> Mismatch:
        """One of them."""
        offline_status, online_status = (None if each is None else str(each[row]) for each in self.statuses)
        return Mismatch(
            service=self.service,
            output=self.output,
            view=self.view,
            feature=self.feature if self.view else "",
            key={name: _plain(values[row]) for name, values in self.keys.items()},
            at=int(self.instants[row]),
            offline=self.offline[row].as_py(),
            online=self.online[row].as_py(),
            offline_status=offline_status,
            online_status=online_status,
            request_id=None if self.request_ids is None else str(self.request_ids[row]),
        )


def _answered(mismatch: Mismatch) -> Answered:
    return Answered(
        mismatch.feature,
        tuple(mismatch.key.values()),
        mismatch.at,
        mismatch.offline,
        mismatch.online,
        mismatch.offline_status,
        mismatch.online_status,
    )


def _plain(value: Any) -> Any:
    """A key part as Python has it."""
    return value.as_py() if isinstance(value, pa.Scalar) else value.item() if isinstance(value, np.generic) else value


def _nulls(column: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _numbers(feature: Feature, column: pa.Array, rows: Rows) -> npt.NDArray[np.float64] | None:
    """Some values as float64, null as NaN; None where the type is no number."""
    if not isinstance(feature.type, Int64 | Float64 | Decimal):
        return None
    return np.asarray(column.take(pa.array(rows)).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _errors(feature: Feature, one: pa.Array, other: pa.Array, rows: Rows) -> npt.NDArray[np.float64]:
    a, b = _numbers(feature, one, rows), _numbers(feature, other, rows)
    if a is None or b is None:
        return np.empty(0)
    errors = np.abs(a - b)
    return errors[np.isfinite(errors)]


def _points(
    feature: Feature, one: pa.Array, other: pa.Array, instants: npt.NDArray[np.int64], wrong: Rows
) -> tuple[Point, ...]:
    every = _spread(np.arange(len(instants)), instants, POINTS)
    rows = np.union1d(every, _spread(wrong, instants, POINTS // 2))
    rows = rows[np.argsort(instants[rows], kind="stable")]
    a, b = _numbers(feature, one, rows), _numbers(feature, other, rows)
    if a is None or b is None:
        return ()
    return tuple(
        Point(int(at), None if np.isnan(x) else float(x), None if np.isnan(y) else float(y), bool(differs))
        for at, x, y, differs in zip(instants[rows], a, b, np.isin(rows, wrong), strict=True)
    )


def _spread(rows: Rows, instants: npt.NDArray[np.int64], most: int) -> Rows:
    """At most so many of the rows, evenly over their order in time, in that order."""
    ordered = rows[np.argsort(instants[rows], kind="stable")]
    if len(ordered) <= most:
        return ordered
    return ordered[np.linspace(0, len(ordered) - 1, most).astype(np.int64)]


def _beside(keys: Mapping[str, Sequence[Any]], instants: npt.NDArray[np.int64], wrong: Rows, equal: Rows) -> Rows:
    """Equal answers to hold causes against: half of them about the keys of the mismatches, where there are such."""
    columns = list(keys.values())
    asked = {tuple(_plain(column[row]) for column in columns) for row in wrong.tolist()}
    few = _spread(equal, instants, 50 * AGREEMENTS)
    same = np.array([tuple(_plain(column[row]) for column in columns) in asked for row in few.tolist()], np.bool_)
    near = _spread(few[same], instants, AGREEMENTS // 2)
    return np.concatenate([near, _spread(np.setdiff1d(few, near), instants, AGREEMENTS - len(near))])


def _examples(named: Sequence[Mismatch]) -> tuple[Mismatch, ...]:
    """A few mismatches of every cause, the commonest causes first."""
    by_cause: dict[Cause, list[Mismatch]] = {}
    for mismatch in named:
        by_cause.setdefault(mismatch.cause, []).append(mismatch)
    each = max(1, EXAMPLES // max(3, len(by_cause)))
    if len(by_cause) == 1:
        each = EXAMPLES // 2
    common = sorted(by_cause.values(), key=len, reverse=True)
    return tuple(mismatch for group in common for mismatch in group[:each])[:EXAMPLES]
