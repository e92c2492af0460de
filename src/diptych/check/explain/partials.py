"""What a tile ought to hold: every reducer's partial over the events that belong in it, and whether the tile agrees.

Exact partials must be equal. Float sums may differ by rounding relative to their magnitudes, since a tile was added up
in another order.
"""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from diptych.check.explain.wording import shown_partial, spelled_reducer
from diptych.compile.online.layout import Reducer
from diptych.compile.online.unpack import Held, Partial, Tile
from diptych.ground.values import Float64
from diptych.plan.nodes import Kind, View
from diptych.reference import Event, order
from diptych.reference.judge import TOLERANCE

Given: TypeAlias = Held | tuple[Held, ...] | None
_LOOSE = 1e-6
"""Of squared deviations, which carry the rounding of the mean twice over."""


def unlike(view: View, tile: Tile, members: Sequence[Event]) -> dict[str, tuple[Any, Any]]:
    """The partials that are not what the members give: by reducer, what the tile holds and what they give."""
    wrong = {}
    for partial in tile.partials:
        seen = _seen(partial.reducer, members)
        given = _given(view, partial.reducer, seen)
        if not _agree(view, partial, given, seen):
            reducer = partial.reducer
            both = shown_partial(view, reducer, partial.value), shown_partial(view, reducer, given)
            wrong[spelled_reducer(view, reducer)] = both
    return wrong


def _seen(reducer: Reducer, members: Sequence[Event]) -> list[tuple[int, Any]]:
    """(ts, value) of the members that a reducer takes."""
    taken = []
    for event in members:
        value = True if reducer.input is None else event.inputs[reducer.input]
        if value is not None and (reducer.where is None or event.conditions[reducer.where]):
            taken.append((event.ts, value))
    return taken


def _given(view: View, reducer: Reducer, seen: Sequence[tuple[int, Any]]) -> Given:
    """The partial of what a reducer takes; None of nothing."""
    if not seen:
        return None
    values = [value for _, value in seen]
    match reducer.kind:
        case Kind.COUNT:
            return len(values)
        case Kind.SUM:
            return _float_sum(values) if _is_float(view, reducer) else sum(values)
        case Kind.MIN:
            return min(values, key=order)  # type: ignore[no-any-return]
        case Kind.MAX:
            return max(values, key=order)  # type: ignore[no-any-return]
        case Kind.FIRST:
            return min(seen, key=_by_time)
        case Kind.LAST:
            return max(seen, key=_by_time)
        case Kind.MOMENTS if _is_float(view, reducer):
            mean = _float_sum(values) / len(values)
            return len(values), mean, _float_sum([(value - mean) ** 2 for value in values])
        case Kind.MOMENTS:
            return len(values), sum(values), sum(value * value for value in values)
        case Kind.DISTINCT | Kind.LATEST:
            raise AssertionError("no tile serves it")


def _float_sum(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf


def _by_time(seen: tuple[int, Any]) -> tuple[int, object]:
    ts, value = seen
    return ts, order(value)


def _agree(view: View, partial: Partial, given: Given, seen: Sequence[tuple[int, Any]]) -> bool:
    held = partial.value
    if held is None or given is None or not _is_float(view, partial.reducer):
        return held == given
    if partial.reducer.kind is Kind.SUM:
        return _near(held, given, TOLERANCE * _float_sum([abs(value) for _, value in seen]))
    if partial.reducer.kind is not Kind.MOMENTS:
        return held == given
    assert isinstance(held, tuple)
    assert isinstance(given, tuple)
    largest = max(abs(value) for _, value in seen)
    place = len(seen) * (TOLERANCE * largest) ** 2 if largest < 1e150 else math.inf
    return (
        held[0] == given[0]
        and _near(held[1], given[1], TOLERANCE * largest)
        and _near(held[2], given[2], _LOOSE * abs(float(given[2])) + place)
    )


def _near(held: Any, given: Any, error: float) -> bool:
    if not (math.isfinite(held) and math.isfinite(given) and math.isfinite(error)):
        return True  # what leaves float64 on the way depends on the order
    return bool(abs(held - given) <= error)


def _is_float(view: View, reducer: Reducer) -> bool:
    return reducer.input is not None and isinstance(view.inputs[reducer.input].type, Float64)
