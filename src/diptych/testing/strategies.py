"""Strategies for hypothesis: values, histories of raw rows, and instants, biased to where engines go wrong.

Rows are dicts as a user would have them, instants are int microseconds. All that is drawn fits an arrow table of
the source (``diptych.testing.build.table``): rows that the door must refuse are out of range, overlong or null,
never of another Python type.
"""

import decimal
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st

from diptych.ground.instants import DAY, EARLIEST, HOUR, LATEST, SECOND
from diptych.ground.values import (
    INT64_MAX,
    INT64_MIN,
    Bool,
    Decimal,
    Enum,
    Float64,
    Int64,
    String,
    Timestamp,
    ValueType,
)
from diptych.plan.nodes import Field, Source, View
from diptych.reference import door, spoken
from diptych.testing.boundaries.cast import identifier
from diptych.testing.boundaries.pools import fits
from diptych.testing.cases.case import Question

Row = dict[str, Any]

TEXTS = ("", "a", "b", "ab", "B", "é", "éé", "\uff5e", "\U0001f600", "a ", "0")
ANCHORS = (0, 1_357_034_400 * SECOND, 1_709_164_800 * SECOND, -3 * DAY)
"""The epoch, New Year 2013 in New York, a leap day, a time before the epoch."""


@cache
def values_of(type_: ValueType, *, invalid: bool = False) -> st.SearchStrategy[Any]:
    """Values of a type with its edges, null where it is nullable; ``invalid`` adds what the door must refuse."""
    strategy = _fitting(type_)
    if type_.nullable:
        strategy = st.one_of(st.none(), strategy, strategy, strategy)
    if invalid:
        refused = [*_refused(type_), *([] if type_.nullable else [None])]
        if refused:
            strategy = st.one_of(strategy, strategy, strategy, strategy, st.sampled_from(refused))
    return strategy


def _fitting(type_: ValueType) -> st.SearchStrategy[Any]:
    match type_:
        case Bool():
            return st.booleans()
        case Int64():
            return _whole(INT64_MIN if type_.ge is None else type_.ge, INT64_MAX if type_.le is None else type_.le)
        case Float64():
            return _floats(type_)
        case Decimal():
            low = INT64_MIN if type_.ge is None else int(type_.ge.scaleb(type_.scale))
            high = INT64_MAX if type_.le is None else int(type_.le.scaleb(type_.scale))
            return _whole(low, high).map(lambda units: decimal.Decimal(units).scaleb(-type_.scale))
        case Timestamp():
            return st.sampled_from((EARLIEST, LATEST, 0, -1, 1)) | st.integers(-3 * DAY, 3 * DAY)
        case String():
            fitting = [text for text in TEXTS if len(text.encode()) <= type_.max_bytes]
            return st.sampled_from([*fitting, "z" * type_.max_bytes])
        case Enum():
            return st.sampled_from(type_.values)


def _whole(low: int, high: int) -> st.SearchStrategy[int]:
    edges = [edge for edge in (low, low + 1, high - 1, high, 0, 1, -1, 2**53 + 1) if low <= edge <= high]
    few = st.integers(max(low, min(high, -5)), min(high, max(low, 5)))
    return st.one_of(few, few, st.sampled_from(edges), st.integers(low, high))


def _floats(type_: Float64) -> st.SearchStrategy[float]:
    def fits(x: float) -> bool:
        return x != x or ((type_.ge is None or x >= type_.ge) and (type_.le is None or x <= type_.le))

    edges = (-0.0, 0.0, float("nan"), 0.1, -0.1, 1.0, 1e-300, 5e-324, 1e16, 1e16 + 2, -1e16, 1e100, 2.5, -2.5)
    bounds = [edge for edge in (type_.ge, type_.le) if edge is not None]
    low, high = (-1e6 if type_.ge is None else type_.ge), (1e6 if type_.le is None else type_.le)
    return st.sampled_from([x for x in (*edges, *bounds) if fits(x)]) | st.floats(low, high)


def _refused(type_: ValueType) -> list[Any]:
    match type_:
        case Int64():
            beyond = ([] if type_.ge is None else [type_.ge - 1]) + ([] if type_.le is None else [type_.le + 1])
            return [edge for edge in beyond if INT64_MIN <= edge <= INT64_MAX]
        case Float64():
            beyond_range = [] if type_.le is None else [type_.le + abs(type_.le) + 1]
            return [float("inf"), float("-inf"), *beyond_range]
        case Decimal():
            unit = decimal.Decimal(1).scaleb(-type_.scale)
            high = decimal.Decimal(INT64_MAX).scaleb(-type_.scale) if type_.le is None else type_.le
            return [high + unit]
        case String():
            return ["z" * (type_.max_bytes + 1), *(["\0"] if type_.max_bytes else [])]
        case Enum():
            return ["?" if "?" not in type_.values else "??"]
        case Bool() | Timestamp():
            return []


def spans_of(view: View) -> list[int]:
    """The durations at which something changes for a view: windows, hops, reaches, and the source's own limits."""
    windows = [reduction.window for reduction in view.reductions]
    found = {window.length for window in windows} | {window.hop for window in windows}
    found |= {window.reach for window in windows if not window.lifetime}
    found |= {view.source.dedup_window, view.source.lateness, view.source.max_skew}
    return sorted(span for span in found if span)


@st.composite
def histories(
    draw: st.DrawFn,
    view: View,
    max_size: int = 16,
    representatives: Sequence[Mapping[str, Any]] = (),
    *,
    arrivals: bool = True,
) -> list[Row]:
    """Raw rows of a view's source: colliding times, hop and window edges, delays, copies, rows to refuse.

    Most rows hold what one of the ``representatives`` holds, where there are any: rows that the view takes in. With
    ``arrivals`` a quarter of the histories say in ``arrived_at`` when the store accepted some or all rows.
    """
    source = view.source
    spans = spans_of(view) or [HOUR]
    offset = _offsets(spans)
    anchor = draw(st.sampled_from(ANCHORS))
    keys = draw(st.lists(_key_columns(view), min_size=1, max_size=2))  # few, so that events meet
    rows: list[Row] = []
    for _ in range(draw(st.integers(0, max_size) | st.integers(max_size // 2, max_size))):
        again = source.event_id is not None and rows and draw(st.integers(0, 3)) == 0
        if again:
            rows.append(_copy(draw, view, draw(st.sampled_from(rows)), offset))
        else:
            known_good = representatives and draw(st.integers(0, 3)) > 0
            like = draw(st.sampled_from(representatives)) if known_good else None
            rows.append(_fresh(draw, view, anchor, keys, offset, like))
    if arrivals and draw(st.integers(0, 3)) == 3:
        every = draw(st.booleans())
        rows = [row | _arrival(draw, view, row, offset) if every or draw(st.booleans()) else row for row in rows]
    return draw(st.permutations(rows)) if draw(st.booleans()) else rows


def _arrival(draw: st.DrawFn, view: View, row: Row, offset: st.SearchStrategy[int]) -> Row:
    """When the store accepted a row: around its time and around when it declares to be known."""
    declared = [row[name] for name in (view.source.timestamp, view.source.known_at) if name and row[name] is not None]
    near = st.sampled_from(declared) if declared else st.sampled_from(ANCHORS)
    return {"arrived_at": min(LATEST, max(EARLIEST, draw(near) + draw(offset)))}


def _offsets(spans: Sequence[int]) -> st.SearchStrategy[int]:
    """A duration of the view, or a small multiple, more or less one microsecond; or next to nothing."""
    near = st.sampled_from((-1, 0, 1))
    edge = st.builds(lambda span, k, e: span * k + e, st.sampled_from(spans), st.sampled_from((0, 1, 1, 2, -1)), near)
    return st.one_of(near, edge, st.integers(-3, 3), st.builds(lambda a, b: a + b, edge, edge))


def _fresh(
    draw: st.DrawFn,
    view: View,
    anchor: int,
    keys: Sequence[Row],
    offset: st.SearchStrategy[int],
    like: Mapping[str, Any] | None,
) -> Row:
    source = view.source
    invalid = like is None and draw(st.integers(0, 11)) == 0
    if like is None:
        row: Row = {field.name: draw(values_of(field.type, invalid=invalid)) for field in source.columns}
        row |= draw(st.sampled_from(keys))
    else:
        row = dict(like)
    ts = EARLIEST
    if source.timestamp is not None:
        ts = anchor + draw(offset)
        row[source.timestamp] = None if invalid and draw(st.integers(0, 9)) == 0 else ts
    if source.known_at is not None:
        late = draw(st.sampled_from((0, 0, 1, -1)) | offset)
        row[source.known_at] = None if invalid and draw(st.integers(0, 9)) == 0 else max(EARLIEST, ts + late)
    if source.event_id is not None and source.event_id not in view.on:
        row[source.event_id] = _an_id(source, draw(st.integers(0, 3) if not invalid else st.none() | st.just(0)))
    return row


def _copy(draw: st.DrawFn, view: View, row: Row, offset: st.SearchStrategy[int]) -> Row:
    """The same event again: known later or at once, sometimes with another time or another value."""
    source = view.source
    copy = dict(row)
    known = source.known_at or source.timestamp
    shift = draw(st.sampled_from((0, 1, source.dedup_window, source.dedup_window + 1, source.dedup_window - 1)))
    if known is not None and copy[known] is not None:
        copy[known] += shift
    if draw(st.booleans()):
        columns = [field for field in source.columns if field.name not in _own(source)]
        field = draw(st.sampled_from(columns)) if columns else None
        if field is not None and field.name not in view.on:
            copy[field.name] = draw(values_of(field.type))
    if source.timestamp is not None and copy[source.timestamp] is not None and draw(st.integers(0, 3)) == 0:
        copy[source.timestamp] += draw(offset)
    return copy


def _own(source: Source) -> set[str | None]:
    return {source.timestamp, source.known_at, source.event_id}


def _an_id(source: Source, number: int | None) -> Any:
    declared = next(field for field in source.columns if field.name == source.event_id)
    return None if number is None else identifier(declared, number)


def _key_columns(view: View) -> st.SearchStrategy[Row]:
    """The source's columns that hold a key, with few different values; derived ones are left to their columns."""
    declared = {field.name: field for field in view.source.columns}
    return st.fixed_dictionaries(
        {name: _few(declared[name]) for name in view.on if name in declared and name not in _own(view.source)}
    )


def _few(field: Field) -> st.SearchStrategy[Any]:
    few = _fitting(field.type)
    if isinstance(field.type, Int64):
        low = INT64_MIN if field.type.ge is None else field.type.ge
        high = INT64_MAX if field.type.le is None else field.type.le
        few = st.sampled_from([n for n in (0, 1, -1, 12) if low <= n <= high] or [low, min(low + 1, high)])
    if isinstance(field.type, String):
        few = st.sampled_from([text for text in ("a", "ab", "b", "") if len(text) <= field.type.max_bytes])
    return few if not field.type.nullable else st.integers(0, 11).flatmap(lambda n: st.none() if n == 11 else few)


@st.composite
def spines(
    draw: st.DrawFn, view: View, history: Sequence[Mapping[str, Any]], max_size: int = 12, min_size: int = 0
) -> list[Question]:
    """Questions at the instants where answers change, mostly about the entity for which they do."""
    keys = _keys(view, history)
    anything = st.builds(Question, _entities(view, keys), instants(view, history))
    edges = [
        Question(key, at)
        for row, key in zip(history, keys, strict=True)
        if key is not None and _asks(view, key)
        for at in _edges(view, row)
    ]
    if not edges:
        return draw(st.lists(anything, min_size=min_size, max_size=2))
    telling = st.builds(lambda question, e: _moved(question, e), st.sampled_from(edges), st.sampled_from((-1, 0, 1)))
    return draw(st.lists(st.one_of(telling, telling, telling, anything), min_size=min_size, max_size=max_size))


def _moved(question: Question, by: int) -> Question:
    return Question(question.key, min(LATEST, max(EARLIEST, question.t + by)))


def _keys(view: View, history: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...] | None]:
    """The key that each raw row has; where a part is derived, of those that the door admits."""
    declared = {field.name for field in view.source.columns}
    if set(view.on) <= declared:
        return [tuple(row[name] for name in view.on) if set(view.on) <= set(row) else None for row in history]
    keys: list[tuple[Any, ...] | None] = [None] * len(history)
    for event in door(view, history).admitted:
        parts = zip(event.key, view.entity.keys, strict=True)
        keys[event.row] = tuple(spoken(part, field.type) for part, field in parts)
    return keys


def _entities(view: View, keys: Sequence[tuple[Any, ...] | None]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Entity keys out of a history, others of the right types, and some with a null part."""
    fresh = st.tuples(*(_with_null(_fitting(field.type)) for field in view.entity.keys))
    seen = list(dict.fromkeys(key for key in keys if key is not None and _asks(view, key)))
    return st.one_of(st.sampled_from(seen), st.sampled_from(seen), fresh) if seen else fresh


def _asks(view: View, key: tuple[Any, ...]) -> bool:
    """Whether a key may be asked about: every part is null or of its declared type."""
    parts = zip(key, view.entity.keys, strict=True)
    return all(part is None or fits(field.type, part) for part, field in parts)


def _with_null(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy, strategy, strategy)


def instants(view: View, history: Sequence[Mapping[str, Any]]) -> st.SearchStrategy[int]:
    """Instants at which an answer may change, more or less one microsecond, and a few in between."""
    edges = sorted({EARLIEST + 1, 0, *(at for row in history for at in _edges(view, row))})
    near = st.builds(lambda at, e: at + e, st.sampled_from(edges), st.sampled_from((-1, 0, 1)))
    return st.one_of(near, near, near, st.integers(edges[1], edges[-1]))


def _edges(view: View, row: Mapping[str, Any]) -> list[int]:
    """When a raw row becomes visible to the view's windows, and when it leaves each of them."""
    source = view.source
    ts = EARLIEST if source.timestamp is None else row[source.timestamp]
    known = row.get("arrived_at")
    if known is None:
        known = ts if source.known_at is None else row[source.known_at]
    if ts is None or known is None:
        return []
    windows = {reduction.window for reduction in view.reductions if not reduction.window.lifetime}
    leaves = [(ts + 1 if w.hop is None else ts // w.hop * w.hop) + w.reach for w in windows]
    seen = max(ts, known) + 1
    return [at for at in (ts, known, seen, seen, *leaves, *leaves) if EARLIEST < at < LATEST]
