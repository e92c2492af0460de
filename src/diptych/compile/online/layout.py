"""What the stored state of a view looks like: the places of its raw record and of its tile, and what they cost.

Everything is 8-byte words. A raw record is ``[ts, known_at, event id, flags..., inputs...]``, a tile is
``[start, size, seen bits..., partials...]``. Which reductions can be served out of tiles is decided here.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from diptych.ground.expression import Column, Expression
from diptych.ground.instants import spell
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp, ValueType
from diptych.kernel import places as k
from diptych.plan.nodes import Kind, Reduction, View

_NARROW_LIMIT = 2**23
"""Sums of numbers up to this magnitude cannot leave 64 bits before 2^40 events."""
FLAG_BITS = 63
"""Flags in one flag word; its lowest bit is COUNTED."""


@dataclass(frozen=True, slots=True)
class InputPlace:
    """Where an input lies in a raw record: its first word, how many, and its bit of validity (None: never null)."""

    offset: int
    words: int
    flag: int | None
    type: ValueType


@dataclass(frozen=True, slots=True)
class Reducer:
    """One accumulator that reductions share; ``tiled`` ones read tiles and uncounted records, others all records."""

    kind: Kind
    input: int | None
    where: int | None
    n: int
    tiled: bool


@dataclass(frozen=True)
class Layout:
    """The words of a view's raw record and tile."""

    view: View
    inputs: tuple[InputPlace, ...]
    conditions: tuple[int, ...]
    flag_words: int
    record_words: int
    reducers: tuple[Reducer, ...]
    partials: tuple[int, ...]
    seen_words: int
    tile_words: int

    @classmethod
    def of(cls, view: View) -> "Layout":
        """The layout of a resolved view (every expression typed)."""
        stored = [not is_event_time(view, expression) for expression in view.inputs]
        flags = sum(stored) + len(view.conditions)
        flag_words = max(1, -(-flags // FLAG_BITS))
        places: list[InputPlace] = []
        offset, flag = k.FLAGS + flag_words, 0
        for expression, own in zip(view.inputs, stored, strict=True):
            kind = type_of(expression)
            if not own:
                places.append(InputPlace(k.TS, 1, None, kind))
                continue
            words = words_of(kind)
            places.append(InputPlace(offset, words, flag, kind))
            offset, flag = offset + words, flag + 1
        reducers = tuple(sorted(dict.fromkeys(map(reducer_of, view.reductions)), key=_filter_order))
        tiled = sum(reducer.tiled for reducer in reducers)
        seen_words = -(-tiled // 64)
        partials: list[int] = []
        partial = k.TILE_SEEN + seen_words
        for reducer in reducers:
            partials.append(partial if reducer.tiled else -1)
            partial += partial_words(places, reducer) if reducer.tiled else 0
        return cls(
            view=view,
            inputs=tuple(places),
            conditions=tuple(range(flag, flag + len(view.conditions))),
            flag_words=flag_words,
            record_words=offset,
            reducers=reducers,
            partials=tuple(partials),
            seen_words=seen_words,
            tile_words=partial,
        )

    @property
    def record_bytes(self) -> int:
        """Bytes that one event adds to the state of its entity."""
        return 8 * self.record_words

    @property
    def tile_bytes(self) -> int:
        """Bytes of one tile."""
        return 8 * self.tile_words

    @property
    def hops(self) -> tuple[tuple[int, int], ...]:
        """(length, hop) of every window that tiles serve, distinct."""
        windows = (reduction.window for reduction in self.view.reductions if reducer_of(reduction).tiled)
        return tuple(dict.fromkeys((w.length, w.hop) for w in windows if w.length is not None and w.hop is not None))

    @property
    def keeps_lifetime(self) -> bool:
        """Whether a base tile keeps what no bounded window can see any more."""
        return any(r.window.lifetime and reducer_of(r).tiled for r in self.view.reductions)

    @cached_property
    def reach(self) -> int | None:
        """Age in microseconds after which no window can see an event; None if some window has no tail."""
        if any(reduction.window.lifetime for reduction in self.view.reductions):
            return None
        return max((reduction.window.reach for reduction in self.view.reductions), default=0)

    def record_dtype(self) -> np.dtype[np.void]:
        """The raw record as a structured dtype (text as sortable words), to look into stored bytes by hand."""
        fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = [
            ("ts", "<i8"),
            ("known_at", "<i8"),
            ("event_id", "<i8"),
        ]
        fields.append(("flags", "<i8", (self.flag_words,)))
        for index, place in enumerate(self.inputs):
            if place.flag is not None:
                fields.append((f"input_{index}", "<i8", (place.words,)))
        return np.dtype(fields)

    def tile_dtype(self) -> np.dtype[np.void]:
        """The tile as a structured dtype of words."""
        fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = [("start", "<i8"), ("size", "<i8")]
        fields.append(("seen", "<i8", (self.seen_words,)))
        for reducer, partial in zip(self.reducers, self.partials, strict=True):
            if partial >= 0:
                fields.append((_spell(reducer), "<i8", (partial_words(self.inputs, reducer),)))
        return np.dtype(fields)

    def pins(self) -> tuple[str, ...]:
        """For each reduction that makes the state keep raw records: which, and why."""
        lines: dict[str, None] = {}
        for reduction in self.view.reductions:
            reducer, window = reducer_of(reduction), reduction.window
            if reducer.tiled:
                continue
            within = "ever" if window.length is None else f"of the last {spell(window.length)}"
            if reduction.kind is Kind.DISTINCT:
                why = f"keeps the newest record {within} of every value"
            elif reduction.kind is Kind.LATEST:
                why = f"keeps the last {reduction.n} records {within}"
            else:
                why = f"has an exact window, so it keeps every record {within}"
            lines[f"{_spell(reducer)} {why} ({self.record_bytes} bytes each)"] = None
        return tuple(lines)


def is_event_time(view: View, expression: Expression) -> bool:
    """Whether an input is the event's own timestamp, which every record holds anyway."""
    return isinstance(expression, Column) and expression.name == view.source.timestamp


def type_of(expression: Expression) -> ValueType:
    """The type that the resolved plan gave to an expression."""
    assert expression.type is not None, f"not resolved: {expression}"
    return expression.type


def words_of(kind: ValueType) -> int:
    """Words of one value of a type."""
    match kind:
        case String() | Enum():
            return max(1, -(-kind.max_bytes // 8))
        case Bool() | Int64() | Float64() | Decimal() | Timestamp():
            return 1


def reducer_of(reduction: Reduction) -> Reducer:
    """The accumulator that a reduction reads."""
    pinned = reduction.window.exact or reduction.kind in (Kind.DISTINCT, Kind.LATEST)
    n = reduction.n if reduction.kind is Kind.LATEST else 0
    return Reducer(reduction.kind, reduction.input, reduction.where, n, not pinned)


def operation_of(inputs: "tuple[InputPlace, ...] | list[InputPlace]", reducer: Reducer) -> int:
    """The kernel's operation for a reducer: its kind, and how its numbers are kept."""
    kind = None if reducer.input is None else inputs[reducer.input].type
    match reducer.kind:
        case Kind.COUNT:
            return k.COUNT
        case Kind.SUM:
            if isinstance(kind, Float64):
                return k.SUM_FLOAT
            return k.SUM_NARROW if _is_narrow(kind) else k.SUM_WIDE
        case Kind.MIN:
            return k.MIN
        case Kind.MAX:
            return k.MAX
        case Kind.FIRST:
            return k.FIRST
        case Kind.LAST:
            return k.LAST
        case Kind.MOMENTS:
            return k.MOMENTS_FLOAT if isinstance(kind, Float64) else k.MOMENTS_EXACT
        case Kind.DISTINCT:
            return k.DISTINCT
        case Kind.LATEST:
            return k.LATEST


def partial_words(inputs: "tuple[InputPlace, ...] | list[InputPlace]", reducer: Reducer) -> int:
    """Words of a reducer's partial, the word that says whether anything was seen not among them."""
    value = 1 if reducer.input is None else inputs[reducer.input].words
    operation = operation_of(inputs, reducer)
    sizes = {
        k.SUM_WIDE: 2,
        k.FIRST: 1 + value,
        k.LAST: 1 + value,
        k.MOMENTS_EXACT: 5,
        k.MOMENTS_FLOAT: 3,
        k.LATEST: 1 + reducer.n,
    }
    return sizes.get(operation, 1)


def _is_narrow(kind: ValueType | None) -> bool:
    match kind:
        case Int64(ge=least, le=most):
            return least is not None and most is not None and max(abs(least), abs(most)) <= _NARROW_LIMIT
        case Decimal(scale, ge=low, le=high):
            return low is not None and high is not None and max(abs(low), abs(high)) * 10**scale <= _NARROW_LIMIT
        case _:
            return False


def _filter_order(reducer: Reducer) -> tuple[bool, int, int]:
    """Brings together the reducers that take the same records, which the kernel then chooses once."""
    none = -1
    where = none if reducer.where is None else reducer.where
    return (reducer.tiled, where, none if reducer.input is None else reducer.input)


def _spell(reducer: Reducer) -> str:
    of = "" if reducer.input is None else f"_of_{reducer.input}"
    where = "" if reducer.where is None else f"_where_{reducer.where}"
    return f"{reducer.kind}{of}{where}" + (f"_n{reducer.n}" if reducer.n else "")
