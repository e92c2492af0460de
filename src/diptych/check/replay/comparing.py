"""One part of a log against what offline says: values and statuses, output by output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from diptych.check.causes import Clock
from diptych.check.findings import Cause, Mismatch, OutputFindings
from diptych.check.measure import EXAMPLES, Measured, measure
from diptych.check.reasons import DerivedColumn, RowsOf, with_causes
from diptych.check.replay.expected import EMPTY, NULL_KEY, Expected
from diptych.check.replay.positions import positions_of, with_positions
from diptych.check.replay.recovery import Recovered
from diptych.ground.values import ListOf
from diptych.plan.nodes import Feature, Registry, View
from diptych.reference import TOLERANCE, held
from diptych.serve.requestlog.schema import REQUEST_ID, STATUS

UNSEEN = "UNSEEN_ENTITY"
"""What online says of an empty window whose entity has no state; offline cannot tell the two apart."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One output: its values measured, and examples of rows whose values agree while their statuses do not."""

    name: str
    measured: Measured
    differing_statuses: int
    examples: tuple[Mismatch, ...]

    def with_statuses(self, findings: OutputFindings) -> OutputFindings:
        """The findings of the values, with the rows counted whose statuses alone differ: nothing explains those."""
        if not self.differing_statuses:
            return findings
        causes = dict(findings.causes)
        causes[Cause.UNEXPLAINED] = causes.get(Cause.UNEXPLAINED, 0) + self.differing_statuses
        return msgspec.structs.replace(
            findings,
            mismatches=findings.mismatches + self.differing_statuses,
            causes=causes,
            examples=(*findings.examples, *self.examples[: max(1, EXAMPLES - len(findings.examples))]),
        )


@dataclass(frozen=True, slots=True)
class MeasuredPart:
    """One part of a log: outputs, derived columns, and the latter with what they read where they differ.

    ``positions`` says how far the streams were at requests that differ, by their ids.
    """

    outputs: Sequence[Compared]
    derived: Sequence[Compared]
    columns: Sequence[DerivedColumn]
    positions: Mapping[str, str]


def explained(
    parts: Sequence[MeasuredPart],
    views: Mapping[str, View],
    rows: RowsOf,
    versions: Mapping[str, Sequence[View]],
    seconds: float,
    clock: Clock,
) -> dict[str, list[OutputFindings]]:
    """What differs in all parts of one service, with causes, by output; ``versions`` are other versions of views."""
    outputs = [each for part in parts for each in part.outputs]
    derived = [each for part in parts for each in part.derived]
    findings = with_causes(
        [each.measured for each in outputs],
        views,
        rows,
        derived=[column for part in parts for column in part.columns],
        versions=versions,
        seconds=seconds,
        clock=clock,
    )
    found: dict[str, list[OutputFindings]] = {}
    positions = {request: words for part in parts for request, words in part.positions.items()}
    for each, said in zip([*outputs, *derived], findings, strict=True):
        found.setdefault(each.name, []).append(with_positions(each.with_statuses(said), positions))
    return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """N rows of a log and what each should have got; ``instants`` are microseconds."""

    registry: Registry
    recovered: Recovered
    instants: npt.NDArray[np.int64]
    right: Expected

    def outputs(self) -> list[Compared]:
        """Every output of the service that was recovered."""
        found = []
        for output in self.recovered.service.outputs:
            role = next(role for role in self.recovered.service.roles if role.name == output.role)
            view, column = self.registry.view(role.view), self.right.columns[output.name]
            keys = {key.name: self._online(on) for key, on in zip(view.entity.keys, role.on, strict=True)}
            found.append(self._compared(output.name, view.name, column.feature, column.values, keys, column.magnitude))
        return found

    def derived(self) -> list[Compared]:
        """Every derived column of it, in the order of the service."""
        service = self.recovered.service
        columns = [column for role in service.roles for column in role.on] + [field.name for field in service.request]
        keys = {name: self._online(name) for name in dict.fromkeys(columns)}
        return [
            self._compared(
                derived.name,
                "",
                Feature(derived.name, derived.type, derived.expression, tolerance=TOLERANCE),
                self.right.derived[derived.name],
                keys,
                None,
            )
            for derived in service.derived
        ]

    def measured(self) -> "MeasuredPart":
        """Everything of it measured, small enough to be kept until causes are looked for."""
        outputs, derived = self.outputs(), self.derived()
        service = self.recovered.service
        reads = {
            f"{output.role}__{output.feature}": each.measured
            for output, each in zip(service.outputs, outputs, strict=True)
        }
        columns = []
        for wanted, each in zip(service.derived, derived, strict=True):
            inputs = {row: self._inputs_at(row) for row in each.measured.examined_rows.tolist()}
            columns.append(DerivedColumn(wanted, each.measured, reads, inputs.__getitem__))
        ids = [asked.request_id for each in [*outputs, *derived] for asked in (*each.measured.examined, *each.examples)]
        return MeasuredPart(outputs, derived, columns, positions_of(ids, self.recovered.table))

    def _inputs_at(self, row: int) -> dict[str, Any]:
        """What derived columns read in a row: offline values and request inputs, as the judge holds them."""
        found: dict[str, Any] = {}
        for output in self.recovered.service.outputs:
            column = self.right.columns[output.name]
            if not isinstance(column.feature.type, ListOf):
                found[f"{output.role}__{output.feature}"] = held(column.values[row].as_py(), column.feature.type)
        for field in self.recovered.service.request:
            found[field.name] = held(self.recovered.table[field.name][row].as_py(), field.type)
        return found

    def _online(self, name: str) -> Any:
        column = self.recovered.table[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return column.combine_chunks()

    def _compared(
        self,
        name: str,
        view: str,
        feature: Feature,
        offline: Any,
        keys: Mapping[str, Any],
        magnitude: npt.NDArray[np.float64] | None,
    ) -> Compared:
        online, ids = self._online(name), self._online(REQUEST_ID)
        told = (self.right.statuses[name], self._online(name + STATUS))
        service = self.recovered.service.name
        measured = measure(
            service,
            name,
            view,
            feature,
            offline,
            online,
            keys=keys,
            instants=self.instants,
            magnitude=magnitude,
            statuses=told,
            request_ids=ids,
        )
        unequal = self._statuses_differ(*told)
        unequal[measured.rows] = False
        rows = np.flatnonzero(unequal)
        examples = tuple(
            Mismatch(
                service=service,
                output=name,
                view=view,
                feature=feature.name if view else "",
                key={key: values[row].as_py() for key, values in keys.items()},
                at=int(self.instants[row]),
                offline=offline[row].as_py(),
                online=online[row].as_py(),
                offline_status=told[0][row].as_py(),
                online_status=told[1][row].as_py(),
                detail=f"the values agree, their statuses do not: {told[0][row]} offline, {told[1][row]} online",
                request_id=ids[row].as_py(),
            )
            for row in rows[:EXAMPLES].tolist()
        )
        return Compared(name, measured, len(rows), examples)

    def _statuses_differ(self, offline: Any, online: Any) -> npt.NDArray[np.bool_]:
        """Where two statuses differ in what both sides can tell."""
        one = pc.if_else(pc.and_(pa.array(self.recovered.unknown), pc.equal(offline, NULL_KEY)), EMPTY, offline)
        other = pc.if_else(pc.equal(online, UNSEEN), EMPTY, online)
        return np.array(pc.not_equal(one, other).to_numpy(zero_copy_only=False), np.bool_)
