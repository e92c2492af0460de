"""The door as the judge keeps it: which raw rows of a source become events of a view, and why the others do not.

In this order: types and ranges, time, ``derive``, ``filter``, entity key, duplicates.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from diptych.ground.instants import EARLIEST
from diptych.ground.values import Timestamp
from diptych.plan.nodes import Field, Source, View
from diptych.reference.expression import evaluate
from diptych.reference.values import Reason, Unfit, Value, held, order

ARRIVED_AT = "arrived_at"
"""The entry of a raw row that says when the store accepted it; it outranks a declared ``known_at`` column."""

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Event:
    """A row that passed: ``row`` is its index in the history; instants are microseconds."""

    row: int
    key: tuple[Value, ...]
    event_id: object
    ts: int
    known_at: int
    inputs: tuple[Value | None, ...]
    conditions: tuple[bool, ...]  # a null condition is false

    @property
    def payload(self) -> tuple[tuple[int, object], ...]:
        """What orders copies of one event that agree in both times."""
        return tuple(order(value) for value in (*self.inputs, *self.conditions))


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was refused; ``column`` is empty where the reason is about the whole row."""

    row: int
    reason: Reason
    column: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """The verdict on a history: row indices, each row in exactly one of the four lists."""

    admitted: tuple[Event, ...]
    rejected: tuple[Rejected, ...]
    filtered: tuple[int, ...]
    repeated: tuple[int, ...]


class Refused(Exception):
    """Internal to the door: the row in hand is refused."""

    def __init__(self, reason: Reason, column: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column


def door(view: View, rows: Iterable[Row]) -> Door:
    """Judge each raw row of the view's source; timestamps are datetimes or int microseconds."""
    passed: list[Event] = []
    rejected: list[Rejected] = []
    filtered: list[int] = []
    for index, row in enumerate(rows):
        try:
            event = _event(view, index, row)
        except Refused as refusal:
            rejected.append(Rejected(index, refusal.reason, refusal.column))
            continue
        if event is None:
            filtered.append(index)
        else:
            passed.append(event)
    admitted = standing(passed, view.source) if view.source.event_id else passed
    stand = {event.row for event in admitted}
    repeated = tuple(event.row for event in passed if event.row not in stand)
    return Door(tuple(admitted), tuple(rejected), tuple(filtered), repeated)


def standing(events: Iterable[Event], source: Source) -> list[Event]:
    """The events left when copies are taken out.

    A copy stands when it is the first of its id, or known more than ``dedup_window`` after the copy before it,
    whether that one stood or not.
    """

    def identity(event: Event) -> tuple[object, ...]:
        return (*(order(part) for part in event.key), str(event.event_id))

    def age(event: Event) -> tuple[object, ...]:
        return (event.known_at, event.ts, event.payload)

    stand = []
    for _, group in groupby(sorted(events, key=identity), identity):
        before: Event | None = None
        for copy in sorted(group, key=age):
            if before is None or copy.known_at - before.known_at > source.dedup_window:
                stand.append(copy)
            before = copy
    return sorted(stand, key=lambda event: event.row)


def key_of(view: View, parts: tuple[object, ...]) -> tuple[Value | None, ...]:
    """Key parts as held; raises Unfit where one does not fit the entity's type. A null part stays null."""
    return tuple(
        None if part is None else held(part, field.type) for field, part in zip(view.entity.keys, parts, strict=True)
    )


def _event(view: View, index: int, row: Row) -> Event | None:
    source = view.source
    own = (source.timestamp, source.known_at, source.event_id)  # a null in these has a reason of its own
    columns = {
        field.name: None if field.name in own and row.get(field.name) is None else _checked(field, row)
        for field in source.columns
    }
    ts, known_at = _times(source, row, columns)
    event_id = _event_id(source, row)
    for name, expression in source.derive:
        columns[name] = evaluate(expression, columns)
    if source.filter is not None and evaluate(source.filter, columns) is not True:
        return None
    return Event(
        row=index,
        key=_key(view, columns),
        event_id=event_id,
        ts=ts,
        known_at=known_at,
        inputs=tuple(evaluate(expression, columns) for expression in view.inputs),
        conditions=tuple(evaluate(expression, columns) is True for expression in view.conditions),
    )


def _checked(field: Field, row: Row) -> Value | None:
    try:
        return held(row.get(field.name), field.type)
    except Unfit as unfit:
        raise Refused(unfit.reason, field.name) from None


def _times(source: Source, row: Row, columns: dict[str, Value | None]) -> tuple[int, int]:
    ts = EARLIEST if source.timestamp is None else _instant(source.timestamp, row, Reason.NO_TIMESTAMP)
    known_at = ts
    if row.get(ARRIVED_AT) is not None:
        known_at = _instant(ARRIVED_AT, row, Reason.NO_KNOWN_AT)
    elif source.known_at is not None:
        known_at = _instant(source.known_at, row, Reason.NO_KNOWN_AT)
    if source.timestamp is not None:
        columns[source.timestamp] = ts
        if source.lateness is not None and known_at - ts > source.lateness:
            raise Refused(Reason.LATE)
        if source.max_skew is not None and ts - known_at > source.max_skew:
            raise Refused(Reason.FUTURE)
    if source.known_at is not None:
        columns[source.known_at] = known_at
    return ts, known_at


def _instant(column: str, row: Row, missing: Reason) -> int:
    at = _checked(Field(column, Timestamp()), row)
    if at is None:
        raise Refused(missing, column)
    assert isinstance(at, int)
    return at


def _event_id(source: Source, row: Row) -> object:
    if source.event_id is None:
        return None
    event_id = row.get(source.event_id)
    if event_id is None:
        raise Refused(Reason.NO_EVENT_ID, source.event_id)
    return event_id


def _key(view: View, columns: Mapping[str, Value | None]) -> tuple[Value, ...]:
    parts: list[Value] = []
    for field, column in zip(view.entity.keys, view.on, strict=True):
        part = columns[column]
        if part is None:
            raise Refused(Reason.NULL_KEY, column)
        fit = _checked(field, {field.name: part})
        assert fit is not None
        parts.append(fit)
    return tuple(parts)
