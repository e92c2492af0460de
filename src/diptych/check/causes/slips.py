"""Suspects about what people and their clients get wrong around a definition: ids, conditions, lists, the door."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from diptych.check.causes.bench import Case, Entity, Rules, reads
from diptych.check.causes.contents import contents
from diptych.check.causes.evidence import Key, Row
from diptych.check.causes.rewriting import with_reductions, with_rows
from diptych.check.causes.suspect import Suspect, by_door, by_events, by_rules, by_value, by_view
from diptych.check.findings import Cause
from diptych.ground.expression import Call, Column, Expression, Literal, Op, columns_of
from diptych.ground.instants import DAY, HOUR, MINUTE, SECOND, spell
from diptych.ground.values import Decimal, Float64, Int64, ListOf
from diptych.plan.nodes import Kind, View
from diptych.reference import Answer, Event, Result, Unfit, Value, order
from diptych.reference.door import standing

RowsOf = Callable[[Key], Sequence[Row]]
KEPT = (MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 20 * MINUTE, 30 * MINUTE, HOUR, DAY)
REPEATS = (0, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 12 * HOUR, DAY, 7 * DAY)
MOST_VALUES = 16


def slips(view: View, rows: RowsOf, asked: Mapping[int, Sequence[Key]]) -> Iterator[Suspect]:
    """All of them; ``asked`` gives the keys that were asked for at each instant of the evidence."""
    keys = list(dict.fromkeys(key for each in asked.values() for key in each if None not in key))
    if view.source.event_id is not None:
        yield from _identities(view, rows, keys)
    yield from _doors(view)
    yield from _conditions(view, rows, keys)
    yield from contents(view)
    yield from _orders(view)
    yield from _lists(view)
    yield from _instants(view)
    if len(keys) > 1:
        yield _another_key(view, rows, asked)


def _identities(view: View, rows: RowsOf, keys: Sequence[Key]) -> Iterator[Suspect]:
    cause, source = Cause.DUPLICATE, view.source

    def by_time(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return standing([replace(event, event_id=event.ts) for event in events], source)

    def by_attempt(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return standing([replace(event, event_id=(event.event_id, event.known_at)) for event in events], source)

    def the_last(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        found: dict[object, Event] = {}
        stand = []
        for event in sorted(events, key=lambda each: (each.known_at, each.ts, each.payload)):
            before = found.get(str(event.event_id))
            if before is not None and event.known_at - before.known_at > source.dedup_window:
                stand.append(before)
            found[str(event.event_id)] = event
        return [*stand, *found.values()]

    yield by_events(cause, "as if events of one instant were one event", by_time, 3, repeats=True)
    yield by_events(cause, "as if every delivery known at another time counted", by_attempt, 2, repeats=True)
    yield by_events(cause, "as if the last copy of all stood", the_last, 3, repeats=True)
    for window in REPEATS:
        if window != source.dedup_window:
            other = replace(source, dedup_window=window)
            detail = f"as if copies were the same event for {spell(window) if window else 'no time at all'} only"
            yield by_events(cause, detail, lambda _, events, other=other: standing(events, other), 4, repeats=True)  # type: ignore[misc]
    if len(keys) > 1:
        yield _ids_of_all(view, rows, keys)


_Copy = tuple[str, int, int, tuple[tuple[int, object], ...]]


def _copy(event: Event) -> _Copy:
    return str(event.event_id), event.known_at, event.ts, event.payload


def _ids_of_all(view: View, rows: RowsOf, keys: Sequence[Key]) -> Suspect:
    """Copies are sought among all entities that anybody asked about."""
    found: dict[Key, set[_Copy]] = {}

    def stand() -> dict[Key, set[_Copy]]:
        if not found:
            everywhere = [(key, event) for key in keys for event in _passed(view, rows, key)]
            everywhere.sort(key=lambda pair: (str(pair[1].event_id), pair[1].known_at, pair[1].ts, pair[1].payload))
            before: Event | None = None
            for key, event in everywhere:
                mine = found.setdefault(key, set())
                same = before is not None and str(before.event_id) == str(event.event_id)
                if before is None or not same or event.known_at - before.known_at > view.source.dedup_window:
                    mine.add(_copy(event))
                before = event
        return found

    def change(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        mine = stand().get(case.asked.key)
        return (
            events if mine is None else list({_copy(event): event for event in events if _copy(event) in mine}.values())
        )

    return by_events(Cause.DUPLICATE, "as if an id belonged to no entity", change, 6, 2.0, repeats=True)


def _passed(view: View, rows: RowsOf, key: Key) -> Sequence[Event]:
    try:
        return Entity(view, key, rows(key)).passed()
    except (Unfit, ValueError, TypeError):
        return ()


def _doors(view: View) -> Iterator[Suspect]:
    """The door lets in what it must refuse."""
    source = view.source
    free = tuple(
        replace(field, type=replace(field.type, ge=None, le=None))
        if isinstance(field.type, Int64 | Float64 | Decimal)
        else field
        for field in source.columns
    )
    if free != source.columns:
        open_ = replace(view, source=replace(source, columns=free))
        yield from by_door(Cause.FILTER, "as if values out of their range came in", open_, 3)
    if source.lateness is not None:
        late = replace(view, source=replace(source, lateness=None))
        yield from by_door(Cause.LATE_EVENT, "as if events later than lateness allows came in", late, 3)
    if source.max_skew is not None:
        early = replace(view, source=replace(source, max_skew=None))
        yield from by_door(Cause.CLOCK_SKEW, "as if events further ahead than max_skew allows came in", early, 3)


_COMPARED = (Op.LT, Op.LE, Op.GT, Op.GE)


def _conditions(view: View, rows: RowsOf, keys: Sequence[Key]) -> Iterator[Suspect]:
    for one in range(len(view.conditions)):
        for other in range(len(view.conditions)):
            if one != other:
                changed = with_reductions(view, lambda r, a=one, b=other: replace(r, where=b) if r.where == a else r)  # type: ignore[misc]
                yield from by_view(Cause.FILTER, "as if the condition were that of another feature", changed, 6)
    for column, literal in _thresholds(view):
        for value in _observed(rows, keys, column):
            if value == literal.value:
                continue

            def moved(call: Call, column: str = column, literal: Literal = literal, value: Any = value) -> Expression:
                here = call.op in _COMPARED and call.args == (call.args[0], literal)
                if here and isinstance(call.args[0], Column) and call.args[0].name == column:
                    return replace(call, args=(call.args[0], replace(literal, value=value)))
                return call

            detail = f"as if the limit of {column} were {value}, not {literal.value}"
            for suspect in by_door(Cause.FILTER, detail, with_rows(view, moved), 9, 2.0):
                yield replace(suspect, compute=_of_readers(view, column, suspect.compute))


def _of_readers(view: View, column: str, compute: Any) -> Callable[[Case], Answer | None]:
    """Only of features whose conditions or inputs go back to a column."""
    touched = {column}
    for name, tree in view.source.derive:
        if touched & set(columns_of(tree)):
            touched.add(name)
    inputs = {at for at, tree in enumerate(view.inputs) if touched & set(columns_of(tree))}
    conditions = {at for at, tree in enumerate(view.conditions) if touched & set(columns_of(tree))}

    def of_readers(case: Case) -> Answer | None:
        used = [view.reductions[index] for index in reads(case.feature)]
        found: Answer | None = None
        if any(each.where in conditions or each.input in inputs for each in used):
            found = compute(case)
        return found

    return of_readers


def _thresholds(view: View) -> list[tuple[str, Literal]]:
    """Columns that are compared with a literal, in conditions and in what is derived."""
    found: dict[tuple[str, Literal], None] = {}

    def look(call: Call) -> Expression:
        match call:
            case Call(op, (Column(name), Literal(int() | float()) as literal)) if op in _COMPARED:
                found[name, literal] = None
        return call

    with_rows(view, look)
    return list(found)


def _observed(rows: RowsOf, keys: Sequence[Key], column: str) -> list[Any]:
    """A few values that a column really has, spread over all of them."""
    found = {row.get(column) for key in keys[:2] for row in rows(key)}
    values = sorted(value for value in found if isinstance(value, int | float) and not isinstance(value, bool))
    finite = [value for value in values if math.isfinite(value)]
    step = max(1, len(finite) // MOST_VALUES)
    return finite[::step][:MOST_VALUES]


def _orders(view: View) -> Iterator[Suspect]:
    """Of what arrived at once the larger value is the later."""
    if any(each.kind in (Kind.FIRST, Kind.LAST, Kind.LATEST) for each in view.reductions):
        orders: dict[str, tuple[Cause, Callable[[Event, Value], Any]]] = {
            "as if the last to be known came last": (Cause.LATE_EVENT, lambda e, v: (e.known_at, order(v))),
            "as if of two at one instant the last to be known came last": (
                Cause.TIE,
                lambda e, v: (e.ts, e.known_at, order(v)),
            ),
        }
        for detail, (cause, by) in orders.items():
            yield by_rules(cause, detail, Rules(order=by), 4)


def _lists(view: View) -> Iterator[Suspect]:
    lists = [feature for feature in view.features if isinstance(feature.type, ListOf)]
    if not lists:
        return
    cause = Cause.OTHER_DEFINITION
    yield by_value(cause, "as if the list went from the newest to the oldest", _turned, 5)
    for by in (-1, 1):
        words = "short" if by < 0 else "long"
        changed = with_reductions(view, lambda r, by=by: replace(r, n=r.n + by) if r.kind is Kind.LATEST else r)  # type: ignore[misc]
        yield from by_view(cause, f"as if lists were one value too {words}", changed, 5)


def _turned(case: Case) -> Result:
    value = case.law.value
    return tuple(reversed(value)) if isinstance(value, tuple) else value


def _instants(view: View) -> Iterator[Suspect]:
    yield Suspect(
        Cause.BOUNDARY, "as if it were asked a microsecond later, when the event of that instant counts",
        lambda case: case.recomputed(shift=1), 2,
    )  # fmt: skip
    for length in KEPT:
        detail = f"as if events known more than {spell(length)} after they happened never counted"
        yield by_events(Cause.LATE_EVENT, detail, _on_time(length), 7, 2.0)
        detail = f"as if answers were kept for {spell(length)}"
        yield Suspect(Cause.STALE_INGESTION, detail, _kept(length), 6, 2.0)
    for divisor, words in (
        (1_000, "milliseconds were taken for microseconds"),
        (1_000_000, "seconds for microseconds"),
    ):
        yield by_events(Cause.TIME_UNIT, f"as if {words}", _divided(divisor), 5)
    for unit in (1_000, SECOND, MINUTE):
        yield by_events(Cause.TIME_UNIT, f"as if timestamps were cut to whole {spell(unit)}", _cut(unit), 9, 2.0)


def _on_time(limit: int) -> Callable[[Case, Sequence[Event]], Sequence[Event]]:
    return lambda _, events: [event for event in events if event.known_at - event.ts <= limit]


def _kept(length: int) -> Callable[[Case], Answer | None]:
    return lambda case: case.recomputed(shift=case.t // length * length - case.t)


def _divided(divisor: int) -> Callable[[Case, Sequence[Event]], Sequence[Event]]:
    return lambda case, events: [case.moved(event, event.ts // divisor, event.known_at) for event in events]


def _cut(unit: int) -> Callable[[Case, Sequence[Event]], Sequence[Event]]:
    return lambda case, events: [case.moved(event, event.ts // unit * unit, event.known_at) for event in events]


def _another_key(view: View, rows: RowsOf, asked: Mapping[int, Sequence[Key]]) -> Suspect:
    """The answer for the other key that was asked for at the same instant, as another role has it."""

    def compute(case: Case) -> Answer | None:
        others = [key for key in asked.get(case.t, ()) if key != case.asked.key]
        if len(others) != 1:
            return None
        if None in others[0]:
            return case.recomputed([])

        def events() -> Sequence[Event]:
            return Entity(view, others[0], rows(others[0])).events()

        return case.recomputed(case.entity.changed(f"of {others[0]}", events))

    return Suspect(Cause.KEY_ENCODING, "as if it were asked about the other key of the request", compute, 6, 2.0)
