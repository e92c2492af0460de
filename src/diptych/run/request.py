"""The columns of a spine that a service reads: its time, its keys by role, its request inputs, each checked.

A value that does not fit its declared type is an error here, not a refused row: a training set must answer every row.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diptych.ground.values import Enum, Timestamp, ValueType
from diptych.plan.nodes import Field, Service, View
from diptych.rows.fit import from_arrow
from diptych.rows.misfit import Misfit, spell
from diptych.rows.python import to_python
from diptych.run import frames
from diptych.run.columns import Array, flat, stored
from diptych.run.errors import BadSpine


@dataclass(frozen=True, slots=True)
class Request:
    """N rows as engines take them: ``instants`` int64, ``keys`` by column of the spine, ``inputs`` by name."""

    instants: Array
    keys: Mapping[str, Array]
    inputs: Mapping[str, Array]


def read_request(spine: Any, service: Service, views: Mapping[str, View], timestamp: str) -> Request:
    """Read what the service needs of the spine. Raises BadSpine at the first thing that is wrong."""
    columns = frames.names(spine)
    if timestamp not in columns:
        raise BadSpine(
            f"the spine has no time column {timestamp!r}; it has: {_listed(columns)}; name its time column by "
            f"timestamp=, it is never guessed"
        )
    keys = _key_fields(service, views)
    for name, reader in [*((name, role) for name, (_, role) in keys.items()), *((f.name, "") for f in service.request)]:
        _require(name, columns, f"key of {reader!r}" if reader else f"request input of service {service.name!r}")
    wanted = list(dict.fromkeys([timestamp, *keys, *(field.name for field in service.request)]))
    twice = [name for name in wanted if columns.count(name) > 1]
    if twice:
        raise BadSpine(f"the spine has two columns {twice[0]!r}; drop or rename one")
    table = frames.pick(spine, wanted)
    return Request(
        _instants(table, timestamp),
        {name: _fitted(table, name, type_, "key") for name, (type_, _) in keys.items()},
        {field.name: _fitted(table, field.name, field.type, "request input") for field in service.request},
    )


def _key_fields(service: Service, views: Mapping[str, View]) -> dict[str, tuple[ValueType, str]]:
    """For each column that a role reads a key part from: the part's type, a null allowed, and the role."""
    found: dict[str, tuple[ValueType, str]] = {}
    for role in service.roles:
        for column, part in zip(role.on, views[role.view].entity.keys, strict=True):
            found.setdefault(column, (_nullable(part), role.name))
    return found


def _nullable(part: Field) -> ValueType:
    """A null key part is answered as an empty window, whatever the entity says of its events."""
    match part.type:
        case Enum(values):
            return Enum(*values)
        case _:
            return replace(part.type, nullable=True)


def _require(name: str, columns: Sequence[str], what: str) -> None:
    if name in columns:
        return
    close = difflib.get_close_matches(name, columns, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise BadSpine(f"the spine has no column {name!r} ({what}); it has: {_listed(columns)}{hint}")


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns) or "no columns"


def _instants(table: Any, timestamp: str) -> Array:
    column = table[timestamp]
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise BadSpine(f"{column.null_count} rows of the spine have no time; the first is row {row} of {timestamp!r}")
    return _fitted(table, timestamp, Timestamp(), "time")


def _fitted(table: Any, name: str, type_: ValueType, what: str) -> Array:
    fitted = from_arrow(type_, table[name])
    wrong = np.flatnonzero(fitted.misfits)
    if len(wrong):
        row = int(wrong[0])
        said = spell(Misfit(int(fitted.misfits[row])), type_)
        raise BadSpine(
            f"{what} column {name!r} of the spine ({flat(table[name]).type}): {len(wrong)} of {len(fitted.misfits)} "
            f"values do not fit; the first, {to_python(table[name].slice(row, 1))[0]!r} in row {row}, {said}"
        )
    return stored(type_, fitted.values)
