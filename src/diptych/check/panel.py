"""One service's answers of both sides, measured: its features row for row, and its derived columns with what they read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.check.measure import Measured, measure
from diptych.check.offline import Column
from diptych.check.reasons import DerivedColumn
from diptych.ground.values import ValueType
from diptych.plan.nodes import Derived, Feature, Registry, Service
from diptych.reference import TOLERANCE, held


@dataclass(frozen=True, slots=True)
class Panel:
    """What was measured of one service: its outputs in order, and its derived columns in order."""

    outputs: tuple[Measured, ...]
    derived: tuple[DerivedColumn, ...]


def measure_panel(
    registry: Registry,
    service: Service,
    requests: pa.Table,
    instants: npt.NDArray[np.int64],
    online: pa.Table,
    columns: Mapping[str, Column],
    derived: Mapping[str, pa.Array],
) -> Panel:
    """Compare what online answered (columns ``{output}`` and ``{output}__status``) with offline, row for row."""
    outputs: dict[str, Measured] = {}
    for output in service.outputs:
        role = next(role for role in service.roles if role.name == output.role)
        view = registry.view(role.view)
        keys = {part.name: requests[column] for part, column in zip(view.entity.keys, role.on, strict=True)}
        column = columns[output.name]
        outputs[f"{output.role}__{output.feature}"] = measure(
            service.name,
            output.name,
            view.name,
            column.feature,
            column.values,
            online[output.name],
            keys={name: values.to_pylist() for name, values in keys.items()},
            instants=instants,
            magnitude=column.magnitude,
            statuses=(None, online[f"{output.name}__status"].to_pylist()),
        )
    inputs = _inputs(service, requests, columns)
    asked = {field.name: requests[field.name].to_pylist() for field in service.request}
    measured = tuple(
        DerivedColumn(wanted, _derived(service, wanted, asked, instants, online, derived), outputs, inputs)
        for wanted in service.derived
    )
    return Panel(tuple(outputs.values()), measured)


def _derived(
    service: Service,
    wanted: Derived,
    asked: Mapping[str, list[Any]],
    instants: npt.NDArray[np.int64],
    online: pa.Table,
    derived: Mapping[str, pa.Array],
) -> Measured:
    feature = Feature(wanted.name, wanted.type, wanted.expression, tolerance=TOLERANCE)
    offline = derived[wanted.name]
    return measure(service.name, wanted.name, "", feature, offline, online[wanted.name], keys=asked, instants=instants)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What derived columns read: offline values and request inputs by name, with their types."""

    columns: Mapping[str, tuple[Any, ValueType]]

    def __call__(self, row: int) -> dict[str, Any]:
        return {name: held(values[row].as_py(), type_) for name, (values, type_) in self.columns.items()}


def _inputs(service: Service, requests: pa.Table, columns: Mapping[str, Column]) -> _Inputs:
    """Of features, those that an expression can read: no lists."""
    found: dict[str, tuple[Any, ValueType]] = {}
    for output in service.outputs:
        type_ = columns[output.name].feature.type
        if isinstance(type_, ValueType):
            found[f"{output.role}__{output.feature}"] = (columns[output.name].values, type_)
    found |= {field.name: (requests[field.name], field.type) for field in service.request}
    return _Inputs(found)
