"""The answer to an online request: columns of values, each with its status, as Python, Arrow or numpy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.compile.online.answers import Answers
from diptych.compile.online.program import Program
from diptych.compile.online.together import Block, Together
from diptych.ground.expression import columns_of
from diptych.ground.instants import moment
from diptych.ground.values import Decimal, Enum, Float64, Int64, ListOf, ResultType, String, Timestamp, ValueType
from diptych.plan.nodes import Derived, Service
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
Offsets = npt.NDArray[np.intp]


@dataclass(frozen=True)
class RoleColumns:
    """Which columns of a role's view a service shows, prepared for fast reading.

    ``shown`` has (name, row of the answers, type) each; of these ``whole`` are plain integers and ``floating`` floats,
    whose words lie at the offsets beside them; ``other`` are decoded one by one. ``names`` are by row.
    """

    shown: tuple[tuple[str, int, ResultType], ...]
    whole: tuple[tuple[str, ...], Offsets]
    floating: tuple[tuple[str, ...], Offsets]
    other: tuple[tuple[str, int, ResultType], ...]
    names: dict[int, tuple[str, ...]]

    @classmethod
    def of(cls, program: Program, shown: Sequence[tuple[str, int]]) -> "RoleColumns":
        """The columns of a view that are shown under these names: (name, number of the feature) each."""
        typed = tuple((name, row, program.features[row].type) for name, row in shown)
        names: dict[int, tuple[str, ...]] = {}
        for name, row, kind in typed:
            if isinstance(kind, Int64 | Float64):
                place = program.features[row].row
                names[place] = (*names.get(place, ()), name)
        other = tuple(column for column in typed if not isinstance(column[2], Int64 | Float64))
        return cls(typed, _places(program, typed, Int64), _places(program, typed, Float64), other, names)


@dataclass(frozen=True, slots=True, eq=False)
class PlainColumns:
    """The outputs of a service that are all integers and floats, prepared to be taken out of a block at once.

    ``whole`` and ``floating`` are names and their rows among the words of a block whose views all have as many
    entities; ``valid`` the names and their rows of validity among its marks.
    """

    whole: tuple[tuple[str, ...], Offsets]
    floating: tuple[tuple[str, ...], Offsets]
    valid: tuple[tuple[str, ...], Offsets]

    @classmethod
    def of(cls, together: Together, shown: Sequence[tuple[str, int, int]]) -> "PlainColumns | None":
        """The columns of (name, number of the view, number of the feature) each; None if some are neither."""
        whole: list[tuple[str, int]] = []
        floating: list[tuple[str, int]] = []
        valid: list[tuple[str, int]] = []
        for name, view, row in shown:
            answer = together.programs[view].features[row]
            if not isinstance(answer.type, Int64 | Float64):
                return None
            words = sum(width for width, _ in together.shapes[:view])
            marks = sum(2 * rows + 1 for _, rows in together.shapes[:view])
            (whole if isinstance(answer.type, Int64) else floating).append((name, words + answer.offset))
            valid.append((name, marks + answer.row))
        return cls(_split(whole), _split(floating), _split(valid))

    def collect(self, block: Block, count: int, into: dict[str, list[Any]]) -> None:
        """Put the Python values of every column in; every view of the block has ``count`` entities."""
        words = block.words.reshape(-1, count)
        names, rows = self.whole
        into.update(zip(names, words.take(rows, 0).tolist(), strict=True))
        names, rows = self.floating
        into.update(zip(names, words.take(rows, 0).view(np.float64).tolist(), strict=True))
        names, rows = self.valid
        valid = block.marks.reshape(-1, count).take(rows, 0)
        if b"\0" in valid.tobytes():
            columns, places = (valid == 0).nonzero()
            for column, place in zip(columns.tolist(), places.tolist(), strict=True):
                into[names[column]][place] = None


def _split(columns: Sequence[tuple[str, int]]) -> tuple[tuple[str, ...], Offsets]:
    return tuple(name for name, _ in columns), np.array([row for _, row in columns], np.intp)


def _places(
    program: Program, columns: Sequence[tuple[str, int, ResultType]], kind: type[Int64 | Float64]
) -> tuple[tuple[str, ...], Offsets]:
    return _split([(name, program.features[row].offset) for name, row, type_ in columns if isinstance(type_, kind)])


@dataclass(frozen=True, slots=True, eq=False)
class RoleAnswers:
    """A role's answers: its view's, and which entity of them each request row is (None: the rows in order)."""

    columns: RoleColumns
    answers: Answers
    places: npt.NDArray[np.int64] | None

    def collect(self, into: dict[str, list[Any]]) -> None:
        """Put the Python values of every shown column in."""
        answers, columns, places = self.answers, self.columns, self.places
        words, valid = answers.words, answers.valid
        if places is not None:
            words, valid = words.take(places, 1), valid.take(places, 1)
        names, offsets = columns.whole
        into.update(zip(names, words.take(offsets, 0).tolist(), strict=True))
        names, offsets = columns.floating
        into.update(zip(names, words.take(offsets, 0).view(np.float64).tolist(), strict=True))
        if b"\0" in valid.tobytes():
            shown = columns.names
            rows, nulls = (valid == 0).nonzero()
            for row, place in zip(rows.tolist(), nulls.tolist(), strict=True):
                for name in shown.get(row, ()):
                    into[name][place] = None
        for name, row, kind in columns.other:
            decoded = [pythonic(kind, value) for value in answers.decode(row)]
            into[name] = decoded if places is None else [decoded[place] for place in places.tolist()]

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


@dataclass(frozen=True, eq=False)
class OnlineFeatures:
    """The answer to one request: the request's columns, then the service's outputs, then its derived columns.

    ``blank`` has the names of the outputs in order, with nothing in them yet; ``plain`` is given where all outputs can
    be taken out of one block, row for row. ``request_id`` is the caller's, or what the request log calls a sampled
    request; None if it has no name.
    """

    service: Service
    blank: dict[str, list[Any]]
    instant: int
    request: dict[str, list[Any]]
    make_roles: Callable[[], tuple[RoleAnswers, ...]]
    derived: dict[str, tuple[ValueType, Values]]
    count: int
    plain: tuple[PlainColumns, Block] | None = None
    request_id: str | None = None

    @cached_property
    def roles(self) -> tuple[RoleAnswers, ...]:
        """The answers of each role, made when they are first asked for."""
        return self.make_roles()

    def to_dict(self) -> dict[str, list[Any]]:
        """Python values per column: int, float, bool, str, Decimal, aware datetime, list; None where null."""
        result = self.request | self.blank
        if self.plain is not None:
            columns, block = self.plain
            columns.collect(block, self.count, result)
        else:
            for role in self.roles:
                role.collect(result)
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
        for derived in self.service.derived:
            valid = self.derived[derived.name][1].valid.tolist()
            overflowed = self._overflowed(derived)
            absent = [Status.OVERFLOW if row in overflowed else Status.NULL for row in range(self.count)]
            found[derived.name] = [Status.PRESENT if ok else why for ok, why in zip(valid, absent, strict=True)]
        return found

    def _overflowed(self, derived: Derived) -> set[int]:
        """The request rows in which a feature that a derived column reads has overflowed."""
        read = set(columns_of(derived.expression))
        rows: set[int] = set()
        for role, answers in zip(self.service.roles, self.roles, strict=True):
            for number, feature in enumerate(answers.answers.program.view.features):
                if f"{role.name}__{feature.name}" in read:
                    statuses = answers.statuses(number)
                    rows |= {row for row, status in enumerate(statuses) if status is Status.OVERFLOW}
        return rows

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
