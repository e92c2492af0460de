"""The door of a request: rows of entity keys and request inputs, checked against what a service declares.

What a service needs is prepared once; a request then costs a few list comprehensions. A value of the wrong type, an
unknown or a missing column is an error; a null in a key is not, it asks for the answer of an empty window.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np

from diptych.admit.keys import key_parts
from diptych.ground.errors import DiptychError
from diptych.ground.values import INT64_MAX, INT64_MIN, Bool, Enum, Float64, Int64, String, ValueType
from diptych.plan.nodes import Entity, Field, Registry, Role, Service
from diptych.rows.misfit import Misfit, spell
from diptych.rows.objects import from_list
from diptych.rows.values import Values

EntityRows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]
"""A list of rows, or the same as columns of equal length."""

KeyPart = Callable[[Sequence[Any]], list[bytes | None]]


class BadRequest(DiptychError):
    """Entity rows that do not fit the service."""


@dataclass(frozen=True, slots=True)
class RequestDoor:
    """What the rows of one service must hold: ``columns`` in order, and how keys are made of them.

    ``parts`` are the different keys (roles may share one), ``role_keys`` says which of them each role has.
    """

    service: str
    columns: tuple[str, ...]
    inputs: tuple[tuple[Field, Callable[[Sequence[Any]], bool]], ...]
    parts: tuple[tuple[tuple[str, KeyPart], ...], ...]
    role_keys: tuple[int, ...]

    @classmethod
    def of(cls, registry: Registry, service: Service) -> "RequestDoor":
        """The door of a service of the registry."""
        shapes: dict[object, tuple[tuple[str, KeyPart], ...]] = {}
        role_keys = []
        for role in service.roles:
            entity = registry.view(role.view).entity
            shape = (role.on, tuple(key.type for key in entity.keys))
            shapes.setdefault(shape, _parts(role, entity))
            role_keys.append(list(shapes).index(shape))
        names = dict.fromkeys(name for parts in shapes.values() for name, _ in parts)
        names.update(dict.fromkeys(field.name for field in service.request))
        inputs = tuple((field, _plain_of(field.type)) for field in service.request)
        return cls(service.name, tuple(names), inputs, tuple(shapes.values()), tuple(role_keys))

    def columns_of(self, rows: EntityRows) -> dict[str, list[Any]]:
        """The rows as columns in the order of ``self.columns``; raises BadRequest."""
        if isinstance(rows, Mapping):
            return self._from_columns(rows)
        if not isinstance(rows, list):
            return self._from_other(rows)
        wanted = self.columns
        try:
            columns = {name: [row[name] for row in rows] for name in wanted}
        except (KeyError, TypeError):
            self._refuse_rows(rows)
            raise
        if columns and set(map(len, rows)) - {len(wanted)}:
            self._refuse_rows(rows)
        return columns

    def _from_other(self, rows: Any) -> dict[str, list[Any]]:
        """Rows that are neither a dict nor a list: a frame of pandas, or another sequence of dicts."""
        if hasattr(rows, "iloc"):
            return self._from_columns({str(name): rows[name].tolist() for name in rows})
        if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
            raise BadRequest(f"entity_rows is a {type(rows).__name__}; pass a list of dicts, or a dict of columns")
        return self.columns_of(list(rows))

    def keys(self, columns: Mapping[str, list[Any]], count: int) -> list[list[bytes | None]]:
        """Per key of ``self.parts``, its bytes for each row, None where a part of it is null; raises BadRequest."""
        return [_joined([encode(columns[name]) for name, encode in parts], count) for parts in self.parts]

    def input_values(self, columns: Mapping[str, list[Any]]) -> dict[str, Values]:
        """The request inputs as typed columns; raises BadRequest."""
        return {field.name: _fitted(_input(field), field.type, columns[field.name]) for field, _ in self.inputs}

    def check_inputs(self, columns: Mapping[str, list[Any]]) -> None:
        """Raise BadRequest where a request input does not fit, without converting what is plainly right."""
        for field, plain in self.inputs:
            if not plain(columns[field.name]):
                _fitted(_input(field), field.type, columns[field.name])

    def _from_columns(self, given: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        self._refuse_names(given, "")
        single = [name for name in self.columns if isinstance(given[name], str) or not hasattr(given[name], "__iter__")]
        if single:
            raise BadRequest(
                f"entity_rows of {self.service!r}: column {single[0]!r} is {given[single[0]]!r}, not a list of values; for "
                "one row pass [{...}]"
            )
        columns = {name: list(given[name]) for name in self.columns}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise BadRequest(f"the columns of entity_rows differ in length: {lengths}")
        return columns

    def _refuse_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise BadRequest(f"entity_rows: row {number} is of type {type(row).__name__}, not a dict of columns")
            self._refuse_names(row, f" in row {number}")

    def _refuse_names(self, given: Mapping[str, Any], where: str) -> None:
        missing = [name for name in self.columns if name not in given]
        unknown = [str(name) for name in given if name not in self.columns]
        if missing or unknown:
            faults = [
                f"{what} {', '.join(names)}" for what, names in (("missing", missing), ("unknown", unknown)) if names
            ]
            needs = ", ".join(self.columns) or "no column"
            raise BadRequest(f"entity_rows of {self.service!r}{where}: {'; '.join(faults)}; it needs {needs}")


def _input(field: Field) -> str:
    return f"request input {field.name!r}"


def _parts(role: Role, entity: Entity) -> tuple[tuple[str, KeyPart], ...]:
    return tuple((column, _part(column, entity, key)) for column, key in zip(role.on, entity.keys, strict=True))


def _part(column: str, entity: Entity, key: Field) -> KeyPart:
    """An encoder of one key part: its length in bytes, a colon, its bytes."""
    kind = Enum(*key.type.values) if isinstance(key.type, Enum) else replace(key.type, nullable=True)
    what = f"{column!r}, key {key.name!r} of entity {entity.name!r},"
    written, plain = key_parts(kind), _plain_of(kind)
    text = isinstance(kind, String | Enum)

    def encode(items: Sequence[Any]) -> list[bytes | None]:
        if plain(items):
            return [*written(map(str.encode, items) if text else items)]
        fitted = _fitted(what, kind, items)
        found = iter(written(fitted.data[fitted.valid].tolist()))
        return [next(found) if valid else None for valid in fitted.valid.tolist()]

    return encode


def _joined(parts: list[list[bytes | None]], count: int) -> list[bytes | None]:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return [b""] * count
    return [None if None in row else b"".join(row) for row in zip(*parts, strict=True)]


def _plain_of(kind: ValueType) -> Callable[[Sequence[Any]], bool]:
    """A quick test whether items are all plainly of a type and none is null; False means: look closer."""
    match kind:
        case String(max_bytes):
            return lambda items: set(map(type, items)) == {str} and _plain_text("".join(items), items, max_bytes)
        case Enum(values):
            words = frozenset(values)
            return lambda items: set(map(type, items)) == {str} and words.issuperset(items)
        case Int64(ge=ge, le=le):
            least, most = INT64_MIN if ge is None else ge, INT64_MAX if le is None else le
            return lambda items: set(map(type, items)) == {int} and min(items) >= least and max(items) <= most
        case Float64(ge=None, le=None):
            return lambda items: set(map(type, items)) == {float} and isfinite(sum(items))
        case Bool():
            return lambda items: set(map(type, items)) == {bool}
        case _:
            return lambda items: False


def _plain_text(joined: str, items: Sequence[str], max_bytes: int) -> bool:
    return joined.isascii() and "\0" not in joined and max(map(len, items)) <= max_bytes


def _fitted(what: str, kind: ValueType, items: Sequence[Any]) -> Values:
    fitted = from_list(kind, items)
    if fitted.misfits.any():
        row = int(np.flatnonzero(fitted.misfits)[0])
        verdict = spell(Misfit(int(fitted.misfits[row])), kind)
        raise BadRequest(f"entity_rows: {what} is {items[row]!r} in row {row}, which {verdict}")
    return fitted.values
