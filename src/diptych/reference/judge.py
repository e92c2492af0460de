"""The judge: what a feature's value is, said as plainly as Python can, one entity and one instant at a time.

It goes through the whole history for every question and shares no code with the engines that it judges: windows,
reducers and finishes are written out here once more, as the definitions of the reducers themselves.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from diptych.ground.errors import DiptychError
from diptych.ground.expression import columns_of
from diptych.ground.values import INT64_MAX, INT64_MIN, Float64, ListOf
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, Reduction, Service, View, Window
from diptych.reference.door import Event, Row, door, key_of
from diptych.reference.expression import evaluate
from diptych.reference.span import Span, anything, around, span
from diptych.reference.values import Result, Unfit, Value, held, order

TOLERANCE = 1e-9
"""Of the sum of magnitudes (of squared deviations) inside the window, where a feature declares none."""


Seen: TypeAlias = list[tuple[int, Value]]
"""What a reduction sees at an instant: (ts, value)."""


class Status(StrEnum):
    """Which kind of answer a value is."""

    PRESENT = "PRESENT"
    EMPTY_WINDOW = "EMPTY_WINDOW"  # the entity was seen, but nothing that this feature counts is in its window
    UNSEEN_ENTITY = "UNSEEN_ENTITY"  # no event of the entity is known yet
    NULL_KEY = "NULL_KEY"
    OVERFLOW = "OVERFLOW"  # the window's own value leaves its type; the value is null
    NULL = "NULL"  # there is something in the window, but the answer is null, as the deviation of one value


@dataclass(frozen=True, slots=True)
class Answer:
    """A value, its status, and what tolerance is relative to.

    ``magnitude`` is 0 where the value must be equal to the bit; elsewhere an engine may be off by tolerance times
    magnitude. It is inf where any answer is right, null included (a comparison of sums nearer than the tolerance).
    """

    value: Result
    status: Status
    magnitude: float = 0.0


class BadQuestion(DiptychError):
    """A question that has no answer: an entity key or a request input that does not fit its declared type."""


class Judge:
    """Answers every feature of one view over one history of raw rows, in any order."""

    def __init__(self, view: View, rows: Iterable[Row]) -> None:
        self.view = view
        self.door = door(view, rows)

    def answer(self, feature: str, key: Sequence[object], t: int) -> Answer:
        """The value of a feature for an entity key (its parts in the entity's order) at the instant ``t``.

        Raises BadQuestion when a key part does not fit its type; a null part is answered as an empty window.
        """
        return self.answers(key, t, [feature])[feature]

    def answers(self, key: Sequence[object], t: int, features: Iterable[str] | None = None) -> dict[str, Answer]:
        """The values of the named features, or of all of the view."""
        try:
            entity = key_of(self.view, tuple(key))
        except Unfit as unfit:
            raise BadQuestion(f"entity {self.view.entity.name!r}: {unfit}") from unfit
        known = [event for event in self.door.admitted if event.key == entity and event.ts < t and event.known_at < t]
        nothing = Status.NULL_KEY if None in entity else Status.EMPTY_WINDOW if known else Status.UNSEEN_ENTITY
        wanted = None if features is None else set(features)
        return {
            feature.name: _feature(self.view, feature, known, t, nothing)
            for feature in self.view.features
            if wanted is None or feature.name in wanted
        }


def serve(service: Service, judges: Mapping[str, Judge], row: Mapping[str, object], t: int) -> dict[str, Answer]:
    """All outputs and derived columns of a service for one request row; ``judges`` are by view name.

    Raises BadQuestion when a request input or key part does not fit its declared type.
    """
    found: dict[str, Answer] = {}
    for role in service.roles:
        key = [row.get(column) for column in role.on]
        for feature, answer in judges[role.view].answers(key, t, role.features).items():
            found[f"{role.name}__{feature}"] = answer
    answers = {output.name: found[f"{output.role}__{output.feature}"] for output in service.outputs}
    columns = {name: _as_span(answer) for name, answer in found.items()}
    columns[REQUEST_TIME] = Span(t)
    for field in service.request:
        try:
            columns[field.name] = Span(held(row.get(field.name), field.type))
        except Unfit as unfit:
            raise BadQuestion(f"request input {field.name!r} of service {service.name!r}: {unfit}") from unfit
    for derived in service.derived:
        value = evaluate(derived.expression, {name: column.value for name, column in columns.items()})
        error = span(derived.expression, columns).error
        read = [found[name].status for name in columns_of(derived.expression) if name in found]
        absent = Status.OVERFLOW if Status.OVERFLOW in read else Status.NULL
        answers[derived.name] = Answer(value, absent if value is None else Status.PRESENT, error / TOLERANCE)
    return answers


def _as_span(answer: Answer) -> Span:
    """The span of a feature, as a derived expression reads it; lists cannot be read."""
    if isinstance(answer.value, tuple):
        return Span(None)
    if answer.magnitude == 0:
        return Span(answer.value)
    if math.isinf(answer.magnitude) or not isinstance(answer.value, float):
        return anything(answer.value)
    return around(answer.value, answer.magnitude * TOLERANCE)


def tail(window: Window, t: int) -> int | None:
    """The first instant inside the window that ends before ``t``; None when it has no tail."""
    if window.length is None:
        return None
    start = t - window.length
    return start if window.hop is None else start // window.hop * window.hop


def matching(view: View, reduction: Reduction, known: Iterable[Event], t: int) -> Seen:
    """(ts, value) of the events that a reduction sees at ``t``: inside the window, ``where`` true, input not null.

    Without an input every event counts, with the value true.
    """
    start = tail(reduction.window, t)
    seen = []
    for event in known:
        value = True if reduction.input is None else event.inputs[reduction.input]
        if start is not None and event.ts < start:
            continue
        if reduction.where is not None and not event.conditions[reduction.where]:
            continue
        if value is not None:
            seen.append((event.ts, value))
    return seen


def _feature(view: View, feature: Feature, known: list[Event], t: int, nothing: Status) -> Answer:
    if isinstance(feature.type, ListOf):
        index = _reads(feature)[0]
        seen = matching(view, view.reductions[index], known, t)
        return Answer(
            LISTS[view.reductions[index].kind](view.reductions[index], seen), Status.PRESENT if seen else nothing
        )
    tolerance = feature.tolerance or TOLERANCE
    columns: dict[str, Span] = {REQUEST_TIME: Span(t)}
    empty = True
    for index in _reads(feature):
        reduction = view.reductions[index]
        seen = matching(view, reduction, known, t)
        empty = empty and not seen
        try:
            columns[f"r{index}"] = REDUCERS[reduction.kind](reduction, seen, tolerance)
        except OverflowError:
            return Answer(None, Status.OVERFLOW)
    value = evaluate(feature.finish, {name: column.value for name, column in columns.items()})
    error = span(feature.finish, columns).error
    status = Status.NULL if value is None else Status.PRESENT
    if empty and len(columns) > 1:
        status = nothing
    if value is None and feature.default is not None:
        value = held(feature.default, feature.type)
    return Answer(value, status, error / tolerance)


def _reads(feature: Feature) -> list[int]:
    """Indices of the reductions that a feature's finish reads."""
    return sorted({int(name[1:]) for name in columns_of(feature.finish) if name != REQUEST_TIME})


def latest(reduction: Reduction, seen: Seen) -> tuple[Value, ...]:
    """The last ``n`` values by (ts, value), oldest first."""
    return tuple(value for _, value in sorted(seen, key=_by_time)[-reduction.n :])


def total(reduction: Reduction, seen: Seen, tolerance: float) -> Span:
    """The sum, 0 of nothing; OverflowError when it leaves its type."""
    values = [value for _, value in seen]
    if isinstance(reduction.type, Float64):
        return float_sum([float(value) for value in values], tolerance)
    return Span(whole_sum([int(value) for value in values]))


def _most(seen: Seen) -> Value | None:
    return max(seen, key=_by_time)[1] if seen else None


def _least(seen: Seen) -> Value | None:
    return min(seen, key=_by_time)[1] if seen else None


def _by_time(seen: tuple[int, Value]) -> tuple[int, object]:
    ts, value = seen
    return ts, order(value)


def whole_sum(values: list[int]) -> int:
    """The exact sum; OverflowError when it is no int64."""
    total = sum(values)
    if not INT64_MIN <= total <= INT64_MAX:
        raise OverflowError(total)
    return total


def float_sum(values: list[float], tolerance: float) -> Span:
    """The true sum, rounded once, with an error relative to the sum of magnitudes."""
    total = float(sum(map(Fraction, values)))  # a Fraction too large for a float raises OverflowError
    try:
        magnitude = math.fsum(map(abs, values))
    except OverflowError:
        return anything(total)  # whether a partial overflows on the way depends on the order
    return around(total, tolerance * magnitude)


def variance(values: Sequence[Value], tolerance: float) -> Span:
    """The sample variance, rounded once; null below two values.

    The error is relative to the squared deviations, and never less than what the last place of a float64 mean
    brings about, which no algorithm that keeps (n, mean, M2) can know.
    """
    n = len(values)
    if n < 2:
        return Span(None)
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / n
    squares = sum((value - mean) ** 2 for value in exact)
    result = float(squares / (n - 1))
    place = 4 * math.ulp(max(abs(float(value)) for value in values))
    try:
        root = math.sqrt(float(squares * n * n))
    except OverflowError:
        return anything(result)
    error = tolerance * result + (2 * place * root + n * place * place) / (n - 1) + n * 1e-323
    return Span(result, max(0.0, result - error), result + error)


REDUCERS: Mapping[Kind, Callable[[Reduction, Seen, float], Span]] = {
    Kind.COUNT: lambda reduction, seen, tolerance: Span(len(seen)),
    Kind.SUM: total,
    Kind.MIN: lambda reduction, seen, tolerance: Span(min((value for _, value in seen), key=order, default=None)),
    Kind.MAX: lambda reduction, seen, tolerance: Span(max((value for _, value in seen), key=order, default=None)),
    Kind.FIRST: lambda reduction, seen, tolerance: Span(_least(seen)),
    Kind.LAST: lambda reduction, seen, tolerance: Span(_most(seen)),
    Kind.MOMENTS: lambda reduction, seen, tolerance: variance([value for _, value in seen], tolerance),
    Kind.DISTINCT: lambda reduction, seen, tolerance: Span(len({value for _, value in seen})),
}
"""What each reducer makes of what it sees, given the tolerance of the feature; OverflowError as for ``total``."""

LISTS: Mapping[Kind, Callable[[Reduction, Seen], tuple[Value, ...]]] = {Kind.LATEST: latest}
"""Likewise the reducers whose result is a list, which no expression reads."""
