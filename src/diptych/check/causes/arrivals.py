"""Suspects about what arrives late, twice, or at the same instant."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import total_ordering
from itertools import groupby
from typing import Any

from diptych.check.causes.bench import Case, Rules
from diptych.check.causes.suspect import Suspect, by_events, by_rules
from diptych.check.causes.windows import HOPS
from diptych.check.findings import Cause
from diptych.ground.instants import spell
from diptych.plan.nodes import Kind, View
from diptych.reference import Answer, Event, Value, order
from diptych.reference.door import standing

_FOREVER = 2**62


def arrivals(view: View) -> Iterator[Suspect]:
    """All suspects about the order and the repetition of arrivals."""
    if view.source.timestamp is not None:
        yield from _late(view)
    if view.source.event_id is not None:
        yield from _copies(view)
    if any(each.kind in (Kind.FIRST, Kind.LAST, Kind.LATEST) for each in view.reductions):
        yield from _ties()


def _late(view: View) -> Iterator[Suspect]:
    def known_at_once(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return [replace(event, known_at=event.ts) for event in events]

    def by_arrival(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return [replace(event, ts=event.known_at) for event in events]

    def known_at_once_too(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return standing(known_at_once(case, events), view.source)

    detail = "as if every event were known when it happened"
    yield by_events(Cause.LATE_EVENT, detail, known_at_once, 2)
    if view.source.event_id is not None:
        yield by_events(Cause.LATE_EVENT, f"{detail}, copies too", known_at_once_too, 2, repeats=True)
    yield by_events(Cause.LATE_EVENT, "as if events known later than they happened never counted", _on_time(None), 4)
    yield by_events(Cause.LATE_EVENT, "as if events happened when they became known", by_arrival, 5)
    for hop in HOPS:
        detail = f"as if events known after their {spell(hop)} was over never counted"
        yield by_events(Cause.LATE_EVENT, detail, _on_time(hop), 8, 2.0)
    yield by_rules(
        Cause.LATE_EVENT,
        "as if the last to be known came last, whenever it happened",
        Rules(order=lambda event, value: (event.known_at, event.row)),
        6,
    )


def _on_time(hop: int | None) -> Callable[[Case, Sequence[Event]], Sequence[Event]]:
    def change(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        if hop is None:
            return [event for event in events if event.known_at <= event.ts]
        return [event for event in events if event.known_at < event.ts // hop * hop + hop]

    return change


def _copies(view: View) -> Iterator[Suspect]:
    def all_of_them(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return events

    def once_and_for_all(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return standing(events, replace(view.source, dedup_window=_FOREVER))

    def since_the_first(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        stand: list[Event] = []
        for copies in _by_identity(events):
            before: int | None = None
            for copy in copies:
                if before is None or copy.known_at - before > view.source.dedup_window:
                    stand.append(copy)
                    before = copy.known_at
        return stand

    def last(case: Case) -> Answer | None:
        """The latest copy known so far in place of the first, at the first's arrival."""
        seen = [event for event in case.entity.passed() if event.known_at < case.t]
        stand = []
        for copies in _by_identity(seen):
            start = 0
            for i, copy in enumerate(copies):
                if i + 1 == len(copies) or copies[i + 1].known_at - copy.known_at > view.source.dedup_window:
                    stand.append(replace(copy, known_at=copies[start].known_at))
                    start = i + 1
        return case.recomputed(stand)

    yield by_events(Cause.DUPLICATE, "as if every copy of an event counted", all_of_them, 1, repeats=True)
    detail = "as if copies were dropped however late they came"
    yield by_events(Cause.DUPLICATE, detail, once_and_for_all, 2, repeats=True)
    detail = "as if the window of repeats began at the first copy, not at the one before"
    yield by_events(Cause.DUPLICATE, detail, since_the_first, 4, repeats=True)
    yield Suspect(Cause.DUPLICATE, "as if the last copy stood in place of the first", last, 3)


def _by_identity(events: Sequence[Event]) -> Iterator[list[Event]]:
    """The copies of each event id, in the order in which they became known."""

    def identity(event: Event) -> str:
        return str(event.event_id)

    for _, copies in groupby(sorted(events, key=identity), identity):
        yield sorted(copies, key=lambda event: (event.known_at, event.ts, event.payload))


def _ties() -> Iterator[Suspect]:
    orders: dict[str, tuple[Callable[[Event, Value], Any], int]] = {
        "as if of two at one instant the last to arrive came last": (lambda e, v: (e.ts, e.known_at, e.row), 2),
        "as if of two at one instant the first to arrive came last": (lambda e, v: (e.ts, -e.known_at, -e.row), 3),
        "as if of two at one instant the smaller value came last": (lambda e, v: (e.ts, _Reversed(order(v))), 3),
    }
    for detail, (by, rank) in orders.items():
        yield by_rules(Cause.TIE, detail, Rules(order=by), rank)


@total_ordering
class _Reversed:
    """A sort key, the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)
