"""From measured outputs to findings with causes: one diagnosis a view, and derived columns by what they read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diptych.check.causes import Clock, Diagnosis, Evidence, Key, Row, diagnose, diagnose_derived
from diptych.check.findings import Cause, OutputFindings
from diptych.check.measure import Measured
from diptych.ground.expression import columns_of
from diptych.plan.nodes import REQUEST_TIME, Derived, View

RowsOf = Callable[[View, Key], Sequence[Row]]
"""The raw rows of a view's source that belong to a key of its entity."""

SECONDS = 40.0
"""What diagnosing one comparison may take, where the caller does not say."""


@dataclass(frozen=True, slots=True)
class DerivedColumn:
    """A derived column of a service that was measured, row for row as the features that it reads.

    ``reads`` are the measured outputs by the names that the expression reads (those that were measured); ``inputs``
    gives the value of every name, request inputs included, at a row, as the judge holds values.
    """

    derived: Derived
    measured: Measured
    reads: Mapping[str, Measured]
    inputs: Callable[[int], Mapping[str, Any]]


@dataclass(slots=True)
class Diagnosed:
    """Diagnoses of measured outputs, by identity of what was measured."""

    found: dict[int, Sequence[Diagnosis]] = field(default_factory=dict)

    def of(self, measured: Measured) -> Sequence[Diagnosis]:
        """One for each examined mismatch."""
        return self.found.get(id(measured), ())

    def at(self, measured: Measured, row: int) -> Diagnosis | None:
        """What is known of the mismatch at one row; None where there is none."""
        if row not in measured.rows:
            return None
        places = np.flatnonzero(measured.examined_rows == row)
        return self.of(measured)[int(places[0])] if len(places) else Diagnosis(detail="not examined", examined=False)


def with_causes(
    measured: Sequence[Measured],
    views: Mapping[str, View],
    rows: RowsOf,
    *,
    derived: Sequence[DerivedColumn] = (),
    versions: Mapping[str, Sequence[View]] | None = None,
    seconds: float = SECONDS,
    clock: Clock,
) -> tuple[OutputFindings, ...]:
    """The findings of measured outputs, causes named, and then those of derived columns, in order.

    ``views`` and other ``versions`` of them are by name; what several services ask of one view is diagnosed together.
    Nothing is recomputed where nothing differs; ``seconds`` of the ``clock`` are shared by the views that differ.
    """
    until, diagnosed = clock() + seconds, Diagnosed()
    by_view: dict[str, list[Measured]] = {}
    differing = {each.findings.view for each in measured if each.examined}
    for each in measured:
        if each.findings.view in differing:
            by_view.setdefault(each.findings.view, []).append(each)
    for left, (name, outputs) in zip(range(len(by_view), 0, -1), by_view.items(), strict=True):
        view = views[name]
        found = diagnose(
            Evidence(
                view,
                lambda key, view=view: rows(view, key),  # type: ignore[misc]
                [asked for output in outputs for asked in output.asked()],
                [agreed for output in outputs for agreed in output.agreements(_beside(output, outputs))],
                (versions or {}).get(name, ()),
            ),
            max(0.0, until - clock()) / left,
            clock,
        )
        for output in outputs:
            diagnosed.found[id(output)], found = found[: len(output.examined)], found[len(output.examined) :]
    findings = [each.explained(diagnosed.of(each)) for each in measured]
    findings += [column.measured.explained(_of_derived(column, diagnosed)) for column in derived]
    return tuple(findings)


def _beside(output: Measured, outputs: Sequence[Measured]) -> list[int]:
    """Rows at which other features of the same service differ, for what an equal answer there says of a happening."""
    others = [each for each in outputs if each is not output and each.findings.service == output.findings.service]
    rows = [each.examined_rows for each in others if each.findings.compared == output.findings.compared]
    return sorted({int(row) for each in rows for row in each[:: max(1, len(each) // 50)]})


def _of_derived(column: DerivedColumn, diagnosed: Diagnosed) -> list[Diagnosis]:
    """The causes of a derived column: those of what it reads, else what its own expression shows."""
    found = []
    for mismatch, row in zip(column.measured.examined, column.measured.examined_rows.tolist(), strict=True):
        read = [name for name in dict.fromkeys(columns_of(column.derived.expression)) if name in column.reads]
        causes = {name: why for name in read if (why := diagnosed.at(column.reads[name], row)) is not None}
        if causes:
            name, why = min(causes.items(), key=lambda item: item[1].cause is Cause.UNEXPLAINED)
            found.append(Diagnosis(why.cause, f"follows from {name}: {why.detail or why.cause.value}", why.wrong))
        else:
            inputs = {**column.inputs(row), REQUEST_TIME: mismatch.at}
            found.append(diagnose_derived(column.measured.feature, inputs, mismatch.offline, mismatch.online))
    return found
