"""The bench: the judge's own computation, with parts that can be exchanged one at a time.

``answer`` with the rules as they are gives what the judge gives (a test holds that). A suspect hands in other events,
another view, or other ``Rules``, and sees what the answer would have been.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal as Exact
from typing import Any

from diptych.check.causes.evidence import Answered, Key, Row
from diptych.ground.expression import Column, columns_of
from diptych.ground.instants import EARLIEST, instant
from diptych.ground.values import Decimal, Float64, Int64, ListOf, ResultType
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, Reduction, View, Window
from diptych.reference import TOLERANCE, Answer, Event, Status, Value, door, evaluate, held, order
from diptych.reference.door import standing
from diptych.reference.judge import LISTS, REDUCERS, tail
from diptych.reference.span import Span, around, span
from diptych.reference.values import Result

MANY = 100
"""Events before a question that are enough for a lifetime that only reads its ends."""

Reducer = Callable[[Reduction, list[tuple[int, Value]], float], Span]
Order = Callable[[Event, Value], Any]

_ORDERED = (Kind.FIRST, Kind.LAST, Kind.LATEST)


@dataclass(frozen=True, slots=True)
class Rules:
    """The law, as far as a suspect may break it.

    An event is seen when ``ts < t + head`` and ``known_at < t + known``, and ``ts >= tail(window, t)``. ``order`` None:
    first, last and lists go by (ts, value). ``asked`` is added to what a finish reads as the instant of the request.
    """

    head: int = 0
    known: int = 0
    tail: Callable[[Window, int], int | None] = tail
    reducers: Mapping[Kind, Reducer] = field(default_factory=lambda: QUICK)
    order: Order | None = None
    asked: int = 0


def quick_sum(reduction: Reduction, seen: list[tuple[int, Value]], tolerance: float) -> Span:
    """The judge's sum, floats added in their own width; not for verdicts."""
    if not isinstance(reduction.type, Float64):
        return REDUCERS[Kind.SUM](reduction, seen, tolerance)
    values = [float(value) for _, value in seen]
    return around(math.fsum(values), 2 * tolerance * math.fsum(map(abs, values)))


def quick_moments(reduction: Reduction, seen: list[tuple[int, Value]], tolerance: float) -> Span:
    """The judge's variance, likewise."""
    values = [float(value) for _, value in seen]
    if len(values) < 2 or max(map(abs, values)) > 1e100:
        return REDUCERS[Kind.MOMENTS](reduction, seen, tolerance)
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    place = 4 * math.ulp(max(map(abs, values)))
    error = 2 * place * math.sqrt(squares * len(values)) + len(values) * place * place
    return around(squares / (len(values) - 1), 2 * tolerance * squares / (len(values) - 1) + error / (len(values) - 1))


QUICK: Mapping[Kind, Reducer] = {**REDUCERS, Kind.SUM: quick_sum, Kind.MOMENTS: quick_moments}
"""The judge's reducers, but sums and deviations of floats in floats: a suspect is held to twice the tolerance."""

LAW = Rules()
JUDGE = Rules(reducers=REDUCERS)
"""The judge to the last digit; what ``LAW`` gives is as good, and quicker."""


def events_moved(by: int) -> Rules:
    """The rules as if every event had happened later by so many microseconds, without changing any."""

    def begin(window: Window, t: int) -> int | None:
        start = tail(window, t)
        return None if start is None else start - by

    return Rules(head=-by, tail=begin, asked=-by)


def arrivals_moved(by: int) -> Rules:
    """The rules as if every event had become known later by so many microseconds."""
    return Rules(known=-by)


def question_moved(by: int) -> Rules:
    """The rules for a question that is put later by so many microseconds, of what is known when it is put in truth."""
    return Rules(known=-by)


class Timeline(list[Event]):
    """Events in order of time, of which a stretch can be taken without looking at the others."""

    def __init__(self, events: Iterable[Event]) -> None:
        super().__init__(sorted(events, key=lambda event: event.ts))
        self.instants = [event.ts for event in self]

    def between(self, first: int, last: int) -> list[Event]:
        """The events with ``first <= ts < last``."""
        return self[bisect_left(self.instants, first) : bisect_left(self.instants, last)]


def answer(view: View, feature: Feature, events: Sequence[Event], t: int, rules: Rules = LAW) -> Answer:
    """The value of a feature at ``t`` over the events of one entity, by the rules."""
    if isinstance(events, Timeline):
        starts = [rules.tail(view.reductions[index].window, t) for index in reads(feature)]
        bounded = [start for start in starts if start is not None]
        if bounded and len(bounded) == len(starts):
            near = events.between(min(bounded), t + rules.head)
            found = _answer(view, feature, near, t, rules)
            if found.status is not Status.UNSEEN_ENTITY:
                return found
    return _answer(view, feature, events, t, rules)


def _answer(view: View, feature: Feature, events: Sequence[Event], t: int, rules: Rules) -> Answer:
    known = [event for event in events if event.ts < t + rules.head and event.known_at < t + rules.known]
    nothing = Status.EMPTY_WINDOW if known else Status.UNSEEN_ENTITY
    tolerance = feature.tolerance or TOLERANCE
    if isinstance(feature.type, ListOf):
        reduction = view.reductions[reads(feature)[0]]
        seen = _seen(view, reduction, known, t, rules)
        if rules.order is None:
            values = LISTS[reduction.kind](reduction, [(event.ts, value) for event, value in seen])
        else:
            values = tuple(value for _, value in _sorted(seen, rules.order)[-reduction.n :])
        return Answer(values, Status.PRESENT if seen else nothing)
    columns, empty = {REQUEST_TIME: Span(t + rules.asked)}, True
    for index in reads(feature):
        reduction = view.reductions[index]
        seen = _seen(view, reduction, known, t, rules)
        empty = empty and not seen
        try:
            columns[f"r{index}"] = _reduced(reduction, seen, tolerance, rules)
        except OverflowError:
            return Answer(None, Status.OVERFLOW)
    return _finished(feature, columns, nothing if empty and len(columns) > 1 else None, tolerance)


def _finished(feature: Feature, columns: dict[str, Span], nothing: Status | None, tolerance: float) -> Answer:
    value = evaluate(feature.finish, {name: column.value for name, column in columns.items()})
    error = span(feature.finish, columns).error
    status = nothing or (Status.NULL if value is None else Status.PRESENT)
    if value is None and feature.default is not None:
        assert not isinstance(feature.type, ListOf)
        value = held(feature.default, feature.type)
    return Answer(value, status, error / tolerance)


def _seen(view: View, reduction: Reduction, known: Sequence[Event], t: int, rules: Rules) -> list[tuple[Event, Value]]:
    start = rules.tail(reduction.window, t)
    seen = []
    for event in known:
        if start is not None and event.ts < start:
            continue
        if reduction.where is not None and not event.conditions[reduction.where]:
            continue
        value = True if reduction.input is None else event.inputs[reduction.input]
        if value is not None:
            seen.append((event, value))
    return seen


def _reduced(reduction: Reduction, seen: list[tuple[Event, Value]], tolerance: float, rules: Rules) -> Span:
    if rules.order is not None and reduction.kind in _ORDERED:
        if not seen:
            return Span(None)
        ordered = _sorted(seen, rules.order)
        return Span(ordered[0][1] if reduction.kind is Kind.FIRST else ordered[-1][1])
    return rules.reducers[reduction.kind](reduction, [(event.ts, value) for event, value in seen], tolerance)


def _sorted(seen: list[tuple[Event, Value]], by: Order) -> list[tuple[Event, Value]]:
    return sorted(seen, key=lambda pair: by(*pair))


def reads(feature: Feature) -> list[int]:
    """Indices of the reductions that a feature reads."""
    return sorted({int(name[1:]) for name in columns_of(feature.finish) if name != REQUEST_TIME})


def unspoken(value: Any, type_: ResultType) -> Result:
    """A compared value as the judge holds it; of a value that does not fit the type, whatever comes nearest."""
    if value is None:
        return None
    if isinstance(type_, ListOf):
        return tuple(unspoken(element, type_.element) for element in value)  # type: ignore[misc]
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(type_, Decimal) and isinstance(value, Exact):
        return int(value.scaleb(type_.scale))
    return value  # type: ignore[no-any-return]


def same(feature: Feature, found: Answer, value: Result) -> bool:
    """Whether an answer, with its tolerance, is a given value; where any value would do it says nothing, so no."""
    mine = found.value
    if mine is None or value is None:
        return mine is None and value is None
    if isinstance(feature.type, Float64):
        assert isinstance(mine, float | int)
        assert isinstance(value, float | int)
        allowed = (feature.tolerance or TOLERANCE) * found.magnitude if found.magnitude else 0.0
        return mine == value or (math.isfinite(allowed) and abs(mine - value) <= allowed)
    return mine == value


@dataclass(slots=True)
class Entity:
    """The history of one key through the door of one view; doors are kept, also those of changed views."""

    view: View
    key: Key
    rows: Sequence[Row]
    _passed: dict[int, tuple[View, tuple[Event, ...]]] = field(default_factory=dict)
    _events: dict[str, Timeline] = field(default_factory=dict)

    def passed(self, view: View | None = None) -> tuple[Event, ...]:
        """All events of the key that pass the door, repeats included, in the order of the rows."""
        chosen = view or self.view
        if id(chosen) not in self._passed:
            self._passed[id(chosen)] = (chosen, _passed(chosen, self.key, self.rows))
        return self._passed[id(chosen)][1]

    def events(self, view: View | None = None) -> Timeline:
        """The events of the key that stand, repeats taken out."""
        chosen = view or self.view
        return self.changed(f"door of {id(chosen)}", lambda: _standing(chosen, self.passed(chosen)))

    def changed(self, name: str, change: Callable[[], Sequence[Event]]) -> Timeline:
        """Events under a name, made once."""
        if name not in self._events:
            self._events[name] = Timeline(change())
        return self._events[name]


def _passed(view: View, key: Key, rows: Sequence[Row]) -> tuple[Event, ...]:
    name = view.source.event_id
    mine = _key_of(view, key)
    anonymous = replace(view, source=replace(view.source, event_id=None))
    events = [event for event in door(anonymous, rows).admitted if event.key == mine]
    if name is not None:
        named = [replace(event, event_id=rows[event.row].get(name)) for event in events]
        events = [event for event in named if event.event_id is not None]
    return tuple(events)


def _standing(view: View, passed: Sequence[Event]) -> Sequence[Event]:
    return passed if view.source.event_id is None else standing(passed, view.source)


def _key_of(view: View, key: Key) -> tuple[Value | None, ...]:
    return tuple(
        None if part is None else held(part, field.type) for part, field in zip(key, view.entity.keys, strict=True)
    )


@dataclass(slots=True)
class Case:
    """One question with what its entity went through, and the answer that a suspect has to give.

    ``side`` is the side that ``target`` comes from; for an agreement it is empty and the target what both say.
    """

    place: int
    asked: Answered
    feature: Feature
    entity: Entity
    side: str
    target: Result
    law: Answer

    @property
    def t(self) -> int:
        """The instant of the question."""
        return self.asked.at

    def recomputed(
        self, events: Sequence[Event] | None = None, rules: Rules = LAW, shift: int = 0, view: View | None = None
    ) -> Answer:
        """The answer with other events, rules or view, or at an instant moved by ``shift``."""
        chosen = view or self.entity.view
        feature = self.feature if view is None else next(f for f in view.features if f.name == self.feature.name)
        mine = self.entity.events() if events is None else events
        return answer(chosen, feature, mine, self.t + shift, rules)

    def near(self, margin: int) -> Sequence[Event]:
        """The events that the question may see if anything is moved by less than ``margin``."""
        windows = [self.entity.view.reductions[index].window for index in reads(self.feature)]
        reaches = [window.reach for window in windows if window.length is not None]
        events = self.entity.events()
        if len(reaches) == len(windows) > 0:
            return events.between(self.t - max(reaches) - margin, self.t + margin)
        if len(events) > 2 * MANY:
            before = events.between(EARLIEST, self.t + margin)
            ends = [*before[: MANY // 2], *before[MANY // 2 :][-MANY:]]
            if answer(self.entity.view, self.feature, ends, self.t).value == self.law.value:
                return ends
        return events

    def moved(self, event: Event, ts: int, known_at: int) -> Event:
        """An event at another instant, known at another; inputs that are those columns move with them."""
        source = self.entity.view.source
        inputs = event.inputs
        for place, tree in enumerate(self.entity.view.inputs):
            if isinstance(tree, Column) and event.inputs[place] is not None:
                if tree.name == source.timestamp:
                    inputs = (*inputs[:place], ts, *inputs[place + 1 :])
                elif tree.name == source.known_at:
                    inputs = (*inputs[:place], known_at, *inputs[place + 1 :])
        return replace(event, ts=ts, known_at=known_at, inputs=inputs)

    def explained_by(self, found: Answer | None) -> bool:
        """Whether an answer is that of the wrong side."""
        return found is not None and same(self.feature, found, self.target)

    def moved_by(self, found: Answer | None) -> bool:
        """Whether an answer is another one than the judge's."""
        return found is not None and not (same(self.feature, found, self.law.value) or found.value == self.law.value)

    @property
    def weight(self) -> float:
        """How much it takes to hit the target by chance: 1 for the next whole number, up to 4 for rare values."""
        return weight(self.feature.type, self.law.value, self.target)


def weight(type_: ResultType, right: Result, wrong: Result) -> float:
    """How telling a wrong value is: 1 is what a hundred things could explain, 4 hardly any other."""
    if right is None or wrong is None:
        return 1.0
    if isinstance(type_, Int64):
        assert isinstance(right, int)
        assert isinstance(wrong, int)
        return min(4.0, 1.0 + math.log2(max(1, abs(wrong - right))) / 2)
    if isinstance(type_, ListOf):
        return 3.0
    return 3.0 if isinstance(type_, Float64 | Decimal) else 2.0


def by_ts(event: Event, value: Value) -> Any:
    """The law's order of first, last and lists."""
    return event.ts, order(value)
