"""Random definitions written as an author writes them, through the public names: the whole road from text to plan.

``definitions`` gives a ``FeatureView`` that loads; ``resolved`` gives the plan's view of one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

import diptych as dt
from diptych.declare.project import Project
from diptych.ground.values import ValueType
from diptych.plan.nodes import View
from diptych.plan.resolve import resolve
from diptych.testing.views import COLUMNS, KEYS

NUMBERS: Mapping[str, tuple[str, ...]] = {
    "i": ("i", "cast(i as double)"),
    "j": ("j", "j * j - 3", "abs(j)", "mod(j, 7)", "j / 4", "case when j > 0 then j else 0 end", "nullif(j, 1)"),
    "k": ("k", "cast(k as double) / 3"),
    "m": ("m", "greatest(m, 0)", "1 / m", "-m"),
    "f": ("f", "abs(f)", "floor(f)"),
    "g": ("g", "g * 2 + 1", "sqrt(g)", "ceil(g)", "coalesce(g, 0.5)"),
    "d": ("d",),
    "p": ("p", "p * 2", "p + 1", "p / 3"),
}
"""Numbers that an author may write, by the column that they need."""

OTHERS: Mapping[str, tuple[str, ...]] = {
    "b": ("b",),
    "s": ("s", "concat(s, '!')", "coalesce(s, 'é')"),
    "e": ("e",),
    "w": ("w",),
}

CONDITIONS: Mapping[str, tuple[str, ...]] = {
    "i": ("i > 0", "i is null", "mod(i, 2) = 0"),
    "j": ("j > 15", "j between -5 and 5", "not (j < 0 or j = 3)", "j in (1, 2, 3)", "j <> 0 and j is not null"),
    "k": ("k <= 0",),
    "m": ("m = 0", "m >= -1"),
    "f": ("f < 0.5", "f is null or f > 1"),
    "g": ("g >= 0", "floor(g) = g"),
    "d": ("d > 0",),
    "p": ("p <= 0.5", "p = 1"),
    "b": ("b", "not b", "b is null"),
    "s": ("s > 'a'", "starts_with(s, 'é')", "s = ''"),
    "e": ("e = 'x'", "e in ('x', 'né')"),
    "w": ("w is not null", "seconds_between(w, at) > 0"),
}

WINDOWS = ("1s", "10s", "90s", "7m", "1h", "24h", "7d", "30d", "lifetime")
SHORT = ("5s", "1h", "25h")
"""Windows for exact tails and for the hops of HOPS."""
HOPS = ("1s", "1m", "1h")

_NUMERIC: Mapping[str, Callable[..., dt.Aggregate]] = {
    "sum": dt.sum, "mean": dt.mean, "min": dt.min, "max": dt.max, "std": dt.std, "var": dt.var
}  # fmt: skip
_ANY: Mapping[str, Callable[..., dt.Aggregate]] = {
    "count": dt.count, "first": dt.first, "last": dt.last, "distinct": dt.count_distinct
}  # fmt: skip


def resolved(view: dt.FeatureView) -> View:
    """The plan's view of a declared one; RegistryError when it does not load."""
    registry = resolve([view], Project(project="parity", modules=()))
    return registry.view(view.name)


@st.composite
def definitions(draw: st.DrawFn, max_aggregates: int = 4) -> dt.FeatureView:
    """A view that loads: any aggregate, type, window, condition, key and rule of the source."""
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True))
    source = draw(_sources(names))
    parts = draw(st.sampled_from(((), ("user",), ("shop",), ("user", "shop"))))
    aggregates = [draw(_aggregates(names, f"f{number}")) for number in range(draw(st.integers(1, max_aggregates)))]
    return dt.FeatureView(
        "view",
        entity=dt.Entity("entity", keys={f"{part}_key": KEYS[part] for part in parts}),
        on={f"{part}_key": part for part in parts},
        source=source,
        features=aggregates,
        ttl=draw(st.sampled_from((None, None, "1h", "3d"))),
    )


@st.composite
def _sources(draw: st.DrawFn, names: list[str]) -> dt.EventSource:
    columns: dict[str, ValueType] = {"at": dt.Timestamp(), **KEYS, **{name: COLUMNS[name] for name in names}}
    known_at = draw(st.sampled_from((None, "known")))
    if known_at:
        columns["known"] = dt.Timestamp()
    event_id = draw(st.sampled_from((None, "id")))
    if event_id:
        ids: tuple[ValueType, ...] = (dt.String(12), dt.Int64())
        columns["id"] = draw(st.sampled_from(ids))
    derive = {"flag": draw(_conditions(names)), "twice": "j + j"} if "j" in names else {}
    limits = st.sampled_from((None, None, None, "1s", "1h", "30d"))
    return dt.EventSource(
        "events",
        columns=columns,
        timestamp="at",
        known_at=known_at,
        event_id=event_id,
        dedup_window=draw(st.sampled_from(("1us", "10s", "1h", "24h"))),
        lateness=draw(limits),
        max_skew=draw(limits),
        derive=derive,
        filter=draw(_conditions(names)) if draw(st.integers(0, 4)) == 0 else None,
    )


def _conditions(names: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from([text for name in names for text in CONDITIONS[name]])


@st.composite
def _aggregates(draw: st.DrawFn, names: list[str], name: str) -> dt.Aggregate:
    options: dict[str, Any] = {"name": name, "where": draw(st.none() | _conditions(names))} | draw(_windows())
    numbers = [text for column in names for text in NUMBERS.get(column, ())]
    others = [text for column in names for text in OTHERS.get(column, ())]
    shape = draw(st.sampled_from(("any", "any", "numeric", "numeric", "list", "rate", "recency", "events", "composed")))
    if shape == "recency":
        return draw(st.sampled_from((dt.recency, dt.since_first)))(**options)
    if shape == "rate":
        return dt.rate(draw(_conditions(names)), **options)
    if shape == "composed" and "j" in names:
        options.pop("name")
        parts = {"n": dt.reduce.count(where="j > 0"), "most": dt.reduce.max("j"), "at": dt.reduce.max(dt.event_time)}
        finish = "case when n > 0 then most / n else seconds_between(at, request_time) end"
        return dt.aggregate(name, reducers=parts, finish=finish, **options)
    if shape == "list":
        return dt.last_n(draw(st.sampled_from(numbers + others)), n=draw(st.integers(1, 4)), **options)
    if shape == "numeric" and numbers:
        kind = draw(st.sampled_from(sorted(_NUMERIC)))
        bounded = [text for text in numbers if not text.startswith(("i", "d"))]
        texts = bounded if kind in ("std", "var") else numbers
        if texts:
            default = draw(st.sampled_from((None, None, 0)))
            return _NUMERIC[kind](draw(st.sampled_from(texts)), default=default, **options)
    if shape == "events":
        return dt.count(**options, default=draw(st.sampled_from((None, -1))))
    kind = draw(st.sampled_from(sorted(_ANY)))
    return _ANY[kind](draw(st.sampled_from(numbers + others)), **options)


@st.composite
def _windows(draw: st.DrawFn) -> dict[str, Any]:
    """Windows with their default hops, exact ones, and ones with a hop of the author's."""
    style = draw(st.integers(0, 3))
    if style < 2:
        return {"windows": draw(st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=2, unique=True))}
    windows = draw(st.lists(st.sampled_from(SHORT), min_size=1, max_size=2, unique=True))
    if style == 2:
        return {"windows": windows, "hop": "exact"}
    hops = [hop for hop in HOPS if hop == "1s" or (hop == "1m" and "5s" not in windows) or windows == ["25h"]]
    return {"windows": windows, "hop": draw(st.sampled_from(hops))}
