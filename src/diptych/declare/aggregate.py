"""Aggregates: reducers over rows and a finish over their results; the standard ones are a table of just that.

The first positional of every function is the input expression. ``windows`` are durations or ``"lifetime"``; ``hop`` is
a duration or ``"exact"``; ``where`` keeps the events for which it is true; ``default`` stands in for the answer of an
empty window; ``name`` replaces ``{column}_{aggregate}`` in the names of the features; ``tolerance`` is relative.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from diptych.declare.frozen import frozen_items, frozen_mapping
from diptych.declare.operators import Expr, Written, written
from diptych.declare.place import Place, here
from diptych.declare.reduce import Reducer
from diptych.ground.expression import Column, Expression
from diptych.ground.values import Scalar

Duration: TypeAlias = str | timedelta
Windows: TypeAlias = Iterable[Duration] | Duration | None
Default: TypeAlias = Scalar | datetime | None

LIFETIME = "lifetime"
INPUT = Column("$input")
"""Stands in the table of standard aggregates for the input that the author gives."""
EVENT_TIME = Column("$timestamp")
"""Stands for the timestamp column of whatever source the view has."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate over one or more windows: as many features as windows.

    ``label`` is the name of its features up to the window; None when the input is an expression without a name.
    """

    kind: str
    label: str | None
    reducers: Mapping[str, Reducer]
    finish: str | Expression
    windows: tuple[Duration, ...]
    where: str | Expression | None = None
    hop: Duration | None = None
    default: Default = None
    tolerance: float | None = None
    description: str = ""
    place: Place = field(default_factory=here, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A standard aggregate: its reducers by name, and the finish over those names.

    ``lifelong``: no windows means lifetime. ``on_default`` replaces the finish of an aggregate that is never null, so
    that a declared default can stand for its empty window.
    """

    reducers: Mapping[str, Reducer]
    finish: str
    lifelong: bool = False
    on_default: "Recipe | None" = None


_COUNT = Reducer("count", INPUT)
_TOTAL = Reducer("sum", INPUT)
_VARIANCE = Reducer("moments", INPUT)
_DISTINCT = Reducer("distinct", INPUT)

STANDARD: Mapping[str, Recipe] = {
    "count": Recipe({"n": _COUNT}, "n", on_default=Recipe({"n": _COUNT}, "nullif(n, 0)")),
    "sum": Recipe(
        {"total": _TOTAL},
        "total",
        on_default=Recipe({"total": _TOTAL, "n": _COUNT}, "case when n > 0 then total end"),
    ),
    "mean": Recipe({"total": _TOTAL, "n": _COUNT}, "total / n"),
    "min": Recipe({"x": Reducer("min", INPUT)}, "x"),
    "max": Recipe({"x": Reducer("max", INPUT)}, "x"),
    "var": Recipe({"m": _VARIANCE}, "m"),
    "std": Recipe({"m": _VARIANCE}, "sqrt(m)"),
    "first": Recipe({"x": Reducer("first", INPUT)}, "x", lifelong=True),
    "last": Recipe({"x": Reducer("last", INPUT)}, "x", lifelong=True),
    "last_n": Recipe({"x": Reducer("latest", INPUT)}, "x"),
    "count_distinct": Recipe({"n": _DISTINCT}, "n", on_default=Recipe({"n": _DISTINCT}, "nullif(n, 0)")),
    "rate": Recipe({"hits": Reducer("count", None, INPUT), "n": _COUNT}, "hits / n"),
    "recency": Recipe(
        {"latest": Reducer("max", EVENT_TIME)}, "seconds_between(latest, request_time)", lifelong=True
    ),
    "since_first": Recipe(
        {"earliest": Reducer("min", EVENT_TIME)}, "seconds_between(earliest, request_time)", lifelong=True
    ),
}  # fmt: skip
"""Every standard aggregate, declared as a team would declare its own."""


@dataclass(frozen=True, slots=True)
class _Options:
    where: Written | None
    windows: Windows
    hop: Duration | None
    default: Default
    name: str | None
    tolerance: float | None
    description: str


def count(
    input: Written | None = None, *, where: Written | None = None, windows: Windows = None,
    hop: Duration | None = None, default: Default = None, name: str | None = None,
    tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Number of events, or of the events whose input is not null (Int64)."""
    return _standard("count", input, _Options(where, windows, hop, default, name, tolerance, description))


def sum(
    input: Written, *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Sum of an Int64, Decimal or Float64; 0 of an empty window."""
    return _standard("sum", input, _Options(where, windows, hop, default, name, tolerance, description))


def mean(
    input: Written, *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Mean (Float64); null of an empty window."""
    return _standard("mean", input, _Options(where, windows, hop, default, name, tolerance, description))


def min(
    input: Written, *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Least value; null of an empty window."""
    return _standard("min", input, _Options(where, windows, hop, default, name, tolerance, description))


def max(
    input: Written, *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Greatest value; null of an empty window."""
    return _standard("max", input, _Options(where, windows, hop, default, name, tolerance, description))


def var(
    input: Written, *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Sample variance (Float64); null below two values."""
    return _standard("var", input, _Options(where, windows, hop, default, name, tolerance, description))


def std(
    input: Written, *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Sample standard deviation (Float64); null below two values."""
    return _standard("std", input, _Options(where, windows, hop, default, name, tolerance, description))


def first(
    input: Written, *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Value that is first by (timestamp, value), of any type; without windows over the lifetime."""
    return _standard("first", input, _Options(where, windows, hop, default, name, tolerance, description))


def last(
    input: Written, *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Value that is last by (timestamp, value), of any type; without windows over the lifetime."""
    return _standard("last", input, _Options(where, windows, hop, default, name, tolerance, description))


def last_n(
    input: Written, *, n: int, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """List of the last ``n`` values by (timestamp, value), oldest first; empty of an empty window."""
    options = _Options(where, windows, hop, default, name, tolerance, description)
    return _standard("last_n", input, options, n)


def count_distinct(
    input: Written, *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Exact number of different values (Int64)."""
    return _standard("count_distinct", input, _Options(where, windows, hop, default, name, tolerance, description))


def rate(
    input: Written, *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Share of the events with a non-null condition for which it is true (Float64, 0 to 1)."""
    return _standard("rate", input, _Options(where, windows, hop, default, name, tolerance, description))


def recency(
    *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Seconds since the last event (Float64); without windows over the lifetime."""
    return _standard("recency", None, _Options(where, windows, hop, default, name, tolerance, description))


def since_first(
    *, where: Written | None = None, windows: Windows = None, hop: Duration | None = None,
    default: Default = None, name: str | None = None, tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """Seconds since the first event (Float64); without windows over the lifetime."""
    return _standard("since_first", None, _Options(where, windows, hop, default, name, tolerance, description))


def aggregate(
    name: str, *, reducers: Mapping[str, Reducer], finish: Written, where: Written | None = None,
    windows: Windows = None, hop: Duration | None = None, default: Default = None,
    tolerance: float | None = None, description: str = "",
) -> Aggregate:  # fmt: skip
    """An aggregate of a team's own: reducers of ``diptych.reduce`` by name, and an expression over those names.

    Its features are ``{name}_{window}``; the finish also sees ``request_time``.
    """
    parts = frozen_mapping(reducers, f"reducers of {name!r}")
    frozen_items(parts.values(), (Reducer,), f"reducers of {name!r}")
    options = _Options(where, windows, hop, default, None, tolerance, description)
    return _aggregate(name, name, parts, written(finish, f"finish of {name!r}"), _spans(windows), options)


def _standard(kind: str, input: Written | None, options: _Options, n: int = 0) -> Aggregate:
    recipe = STANDARD[kind]
    tree = None if input is None else written(input, f"input of {kind}")
    column = _column_name(tree)
    suffix = f"last_{n}" if kind == "last_n" else kind
    label = options.name or (f"{column}_{suffix}" if column else suffix if tree is None else None)
    if recipe.on_default is not None and options.default is not None:
        parts, finish = recipe.on_default.reducers, recipe.on_default.finish
    else:
        parts, finish = recipe.reducers, recipe.finish
    filled = {name: _filled(part, tree, n) for name, part in parts.items()}
    windows = _spans(options.windows) or ((LIFETIME,) if recipe.lifelong else ())
    return _aggregate(kind, label, frozen_mapping(filled, kind), finish, windows, options)


def _aggregate(
    kind: str,
    label: str | None,
    reducers: Mapping[str, Reducer],
    finish: str | Expression,
    windows: tuple[Duration, ...],
    options: _Options,
) -> Aggregate:
    where = None if options.where is None else written(options.where, f"where of {kind}")
    return Aggregate(
        kind, label, reducers, finish, windows, where, options.hop, options.default, options.tolerance,
        options.description,
    )  # fmt: skip


def _spans(windows: Windows) -> tuple[Duration, ...]:
    if windows is None:
        return ()
    if isinstance(windows, (str, timedelta)):
        return (windows,)
    spans: tuple[Duration, ...] = frozen_items(windows, (str, timedelta), "windows")
    return spans


def _filled(part: Reducer, input: str | Expression | None, n: int) -> Reducer:
    """The reducer of the table with the author's input in place of the table's."""
    return replace(
        part,
        input=input if part.input == INPUT else part.input,
        where=input if part.where == INPUT else part.where,
        n=n,
    )


def _column_name(tree: str | Expression | None) -> str | None:
    match tree:
        case Column(name):
            return name
        case str() if tree.strip().isidentifier():
            return tree.strip()
    return None


event_time = Expr(EVENT_TIME)
"""The timestamp of the event, whatever the source calls it: an input for composed aggregates."""
