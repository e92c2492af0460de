"""What a service should have answered: compiled SQL over history, as of each request's instant and as known then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from diptych.check.offline import Column
from diptych.check.questions import INSTANT
from diptych.ground.expression import columns_of
from diptych.ground.values import ListOf
from diptych.plan.nodes import REQUEST_TIME, Derived, Registry, Role, Service, View
from diptych.run.columns import stored_again
from diptych.run.engine import OfflineEngine
from diptych.run.errors import BadHistory
from diptych.run.location import Location
from diptych.run.request import Request, read_request
from diptych.run.spine import questions

OVERFLOW, NULL, PRESENT, EMPTY, NULL_KEY = "OVERFLOW", "NULL", "PRESENT", "EMPTY_WINDOW", "NULL_KEY"


@dataclass(frozen=True, slots=True)
class Expected:
    """N answers of every output and derived column by name, and the status of each."""

    columns: Mapping[str, Column]
    derived: Mapping[str, pa.Array]
    statuses: Mapping[str, pa.Array]


def expected(
    registry: Registry,
    service: Service,
    requests: pa.Table,
    histories: Mapping[str, Location],
    engine: OfflineEngine,
) -> Expected:
    """The answers to N requests: key columns, inputs, and ``event_timestamp``. Raises BadHistory, BadSpine."""
    views = {view.name: view for view in registry.views}
    request = read_request(requests, service, views, INSTANT)
    found: dict[str, Column] = {}
    statuses: dict[str, pa.Array] = {}
    for name in dict.fromkeys(role.view for role in service.roles):
        roles = tuple(role for role in service.roles if role.view == name)
        for role, columns, told in _of_view(views[name], roles, request, histories, engine):
            found |= {f"{role}__{feature}": column for feature, column in columns.items()}
            statuses |= {f"{role}__{feature}": status for feature, status in told.items()}
    derived = _derived(service, found, request, engine)
    outputs = {output.name: f"{output.role}__{output.feature}" for output in service.outputs}
    told = {name: statuses[full] for name, full in outputs.items()}
    told |= {each.name: _derived_status(each, derived[each.name], statuses) for each in service.derived}
    return Expected({name: found[full] for name, full in outputs.items()}, derived, told)


def _of_view(
    view: View, roles: Sequence[Role], request: Request, histories: Mapping[str, Location], engine: OfflineEngine
) -> list[tuple[str, dict[str, Column], dict[str, pa.Array]]]:
    """The columns and statuses of every role, out of one computation of the view."""
    keys = {
        key.name: pa.concat_arrays([request.keys[role.on[place]] for role in roles])
        for place, key in enumerate(view.entity.keys)
    }
    asked = questions(keys, pa.concat_arrays([request.instants] * len(roles)))
    wanted = {feature for role in roles for feature in role.features}
    features = {feature.name: feature for feature in view.features if feature.name in wanted}
    if view.source.name not in histories:
        known = ", ".join(sorted(histories)) or "none"
        raise BadHistory(
            f"no history is known for source {view.source.name!r}; known are: {known}; name it in diptych.toml"
        )
    table = engine.compute(view, histories[view.source.name], asked.table, tuple(features), evidence=True)
    found = []
    for role, rows in zip(roles, np.split(asked.rows, len(roles)), strict=True):
        taken = pa.array(rows)
        columns = {
            name: Column(features[name], view, _taken(table, name, taken), _magnitude(table, name, taken), None)
            for name in role.features
        }
        found.append((role.name, columns, {name: _taken(table, f"{name}__status", taken) for name in role.features}))
    return found


def _taken(table: pa.Table, name: str, rows: pa.Array) -> pa.Array:
    return table[name].combine_chunks().take(rows)


def _magnitude(table: pa.Table, feature: str, rows: pa.Array) -> npt.NDArray[np.float64] | None:
    name = f"{feature}__magnitude"
    if name not in table.column_names:
        return None
    return np.asarray(_taken(table, name, rows).fill_null(0.0).to_numpy(zero_copy_only=False))


def _derived(
    service: Service, found: Mapping[str, Column], request: Request, engine: OfflineEngine
) -> dict[str, pa.Array]:
    if not service.derived:
        return {}
    inputs: dict[str, Any] = {field.name: request.inputs[field.name] for field in service.request}
    inputs[REQUEST_TIME] = request.instants
    for name, column in found.items():
        if not isinstance(column.feature.type, ListOf):
            inputs[name] = stored_again(column.feature.type, column.values)
    arrays = engine.derive(service.derived, inputs)
    return {derived.name: array for derived, array in zip(service.derived, arrays, strict=True)}


def _derived_status(derived: Derived, values: pa.Array, statuses: Mapping[str, pa.Array]) -> pa.Array:
    overflowed: Any = pa.scalar(False)
    for name in columns_of(derived.expression):
        if name in statuses:
            overflowed = pc.or_(overflowed, pc.equal(statuses[name], OVERFLOW))
    absent = pc.if_else(overflowed, OVERFLOW, NULL)
    return pc.if_else(pc.is_valid(values), PRESENT, absent)
