"""The answer to an online request: columns of values, each with its status, as Python, Arrow or numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.compile.online.answers import Answers
from diptych.ground.instants import moment
from diptych.ground.values import Decimal, Enum, Float64, Int64, ListOf, ResultType, String, Timestamp, ValueType
from diptych.plan.nodes import Service
from diptych.rows.values import Values, arrow_type, to_arrow, to_list


class Status(StrEnum):
    """What kind of answer a value is; the order is that of the kernel's codes."""

    PRESENT = "PRESENT"
    EMPTY_WINDOW = "EMPTY_WINDOW"  # the entity is known, its window is empty
    UNSEEN_ENTITY = "UNSEEN_ENTITY"  # no state: never seen, or expired
    NULL_KEY = "NULL_KEY"  # a part of the key is null
    OVERFLOW = "OVERFLOW"
    NULL = "NULL"  # the answer itself is null: a deviation of one value, a division by zero


_STATUSES = tuple(Status)


@dataclass(frozen=True)
class RoleColumns:
    """Which columns of a role's view a service shows, prepared for fast reading: (name, row of the answers) each."""

    shown: tuple[tuple[str, int, ResultType], ...]

    @cached_property
    def whole(self) -> tuple[tuple[str, int], ...]:
        """Columns of plain integers."""
        return tuple((name, row) for name, row, kind in self.shown if isinstance(kind, Int64))

    @cached_property
    def floating(self) -> tuple[tuple[str, int], ...]:
        """Columns of floats."""
        return tuple((name, row) for name, row, kind in self.shown if isinstance(kind, Float64))

    @cached_property
    def other(self) -> tuple[tuple[str, int, ResultType], ...]:
        """Columns of anything else, decoded one by one."""
        return tuple(column for column in self.shown if not isinstance(column[2], Int64 | Float64))


@dataclass(frozen=True, slots=True, eq=False)
class RoleAnswers:
    """A role's answers: its view's, and which entity of them each request row is (None: the rows in order)."""

    columns: RoleColumns
    answers: Answers
    places: npt.NDArray[np.int64] | None

    def collect(self, into: dict[str, list[Any]]) -> None:
        """Put the Python values of every shown column in."""
        answers, columns = self.answers, self.columns
        words, valid = answers.words, answers.valid
        if self.places is not None:
            words, valid = words[:, self.places], valid[:, self.places]
        offsets = answers.program.features
        for (name, _), column in zip(columns.whole, _rows(words, columns.whole, offsets), strict=True):
            into[name] = column
        floats = words.view(np.float64)
        for (name, _), column in zip(columns.floating, _rows(floats, columns.floating, offsets), strict=True):
            into[name] = column
        if b"\0" in valid.tobytes():
            for name, row in (*columns.whole, *columns.floating):
                known = valid[row].tolist()
                if 0 in known:
                    into[name] = [value if ok else None for value, ok in zip(into[name], known, strict=True)]
        for name, row, kind in columns.other:
            decoded = [pythonic(kind, value) for value in answers.decode(row)]
            into[name] = decoded if self.places is None else [decoded[place] for place in self.places.tolist()]

    def values(self, row: int) -> Values:
        """One feature that is no list, per request row."""
        found = self.answers.to_values(row)
        return found if self.places is None else found.take(self.places)

    def array(self, row: int, kind: ResultType) -> pa.Array:
        """One feature as an Arrow array."""
        if not isinstance(kind, ListOf):
            return to_arrow(kind, self.values(row))
        items = self.answers.decode(row)
        kept = items if self.places is None else [items[place] for place in self.places.tolist()]
        return pa.array([pythonic(kind, item) for item in kept], pa.list_(arrow_type(kind.element)))

    def statuses(self, row: int) -> list[Status]:
        """The status of one feature per request row."""
        codes = self.answers.status[self.answers.program.features[row].row]
        return [_STATUSES[code] for code in (codes if self.places is None else codes[self.places]).tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class OnlineFeatures:
    """The answer to one request: the request's columns, then the service's outputs, then its derived columns."""

    service: Service
    instant: int
    request: dict[str, list[Any]]
    roles: tuple[RoleAnswers, ...]
    derived: dict[str, tuple[ValueType, Values]]
    count: int

    def to_dict(self) -> dict[str, list[Any]]:
        """Python values per column: int, float, bool, str, Decimal, aware datetime, list; None where null."""
        found: dict[str, list[Any]] = {}
        for role in self.roles:
            role.collect(found)
        result = dict(self.request)
        for output in self.service.outputs:
            result[output.name] = found[output.name]
        for name, (kind, values) in self.derived.items():
            result[name] = [pythonic(kind, value) for value in to_list(kind, values)]
        return result

    def to_arrow(self) -> pa.Table:
        """The outputs and derived columns after the request's columns, typed as declared."""
        arrays: dict[str, pa.Array] = {name: pa.array(items) for name, items in self.request.items()}
        rows = self._rows()
        for output in self.service.outputs:
            role, row = rows[output.name]
            arrays[output.name] = role.array(row, output.type)
        for name, (kind, values) in self.derived.items():
            arrays[name] = to_arrow(kind, values)
        return pa.table(arrays)

    def to_numpy(self) -> dict[str, npt.NDArray[Any]]:
        """Outputs and derived columns as masked arrays of shape (rows,), masked where null.

        dtypes: int64, float64 and bool as declared, datetime64[us] for instants, objects for text, decimals and lists.
        """
        rows = self._rows()
        arrays: dict[str, npt.NDArray[Any]] = {}
        for output in self.service.outputs:
            role, row = rows[output.name]
            if isinstance(output.type, ListOf):
                arrays[output.name] = _objects(role.array(row, output.type).to_pylist())
            else:
                arrays[output.name] = _masked(output.type, role.values(row))
        for name, (kind, values) in self.derived.items():
            arrays[name] = _masked(kind, values)
        return arrays

    def statuses(self) -> dict[str, list[Status]]:
        """The status of every value of every output and derived column."""
        rows = self._rows()
        found = {}
        for output in self.service.outputs:
            role, row = rows[output.name]
            found[output.name] = role.statuses(row)
        for name, (_, values) in self.derived.items():
            found[name] = [Status.PRESENT if ok else Status.NULL for ok in values.valid.tolist()]
        return found

    def _rows(self) -> dict[str, tuple[RoleAnswers, int]]:
        return {name: (role, row) for role in self.roles for name, row, _ in role.columns.shown}


def pythonic(kind: ResultType, value: Any) -> Any:
    """A scalar of the plan as a user of Python expects it: an instant becomes an aware datetime."""
    if value is None:
        return None
    if isinstance(kind, Timestamp):
        return moment(value)
    if isinstance(kind, ListOf) and isinstance(kind.element, Timestamp):
        return [moment(item) for item in value]
    return value


def _rows(words: npt.NDArray[Any], columns: Sequence[tuple[str, int]], answers: Any) -> list[list[Any]]:
    offsets = [answers[row].offset for _, row in columns]
    return words[offsets].tolist() if offsets else []


def _objects(items: list[Any]) -> npt.NDArray[Any]:
    array = np.empty(len(items), object)
    array[:] = items
    return array


def _masked(kind: ValueType, values: Values) -> npt.NDArray[Any]:
    plain: npt.NDArray[Any] = values.data
    if isinstance(kind, Timestamp):
        plain = plain.view("datetime64[us]")
    elif isinstance(kind, String | Enum | Decimal):
        plain = _objects(to_list(kind, values))
    return np.ma.MaskedArray(plain, ~values.valid)
