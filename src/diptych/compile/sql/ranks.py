"""Spine ranks: time as the positions of an entity's own spine instants, where every window is a range of whole numbers.

Of one entity, the distinct instants that are asked about are numbered 0, 1, 2, ... An event is seen by the instants
``first <= rank < until``: from the first instant after both its time and the moment it was known, until the first
instant whose window has left it behind. Delays, hops, exact windows and lifetimes all become such ranges, so all that
follows is arithmetic on ranks, and events with the same ranges fold together.
"""

from collections.abc import Sequence

from sqlglot import exp

from diptych.compile.sql.dialects import Dialect
from diptych.compile.sql.door import key_name
from diptych.compile.sql.tree import (
    Sql,
    Step,
    ascending,
    coalesce,
    column,
    equal,
    floor_to,
    greatest,
    integer,
    join,
    minus,
    not_null,
    over,
    plus,
    select,
)
from diptych.ground.instants import spell
from diptych.plan.nodes import View, Window

KEYS = "spine_keys"
"""The relation of what is asked: ``row_id``, ``t`` in microseconds and the key parts, distinct in (key parts, t)."""


def entities(view: View) -> Step:
    """The entities that are asked about, numbered."""
    keys = [column(KEYS, key_name(field)) for field in view.entity.keys]
    number = over(exp.RowNumber(), [], [ascending(key) for key in keys]) if keys else integer(1)
    columns = [("entity", number), *((key.name, key.copy()) for key in keys)]
    if not keys:
        query = exp.select(*(exp.alias_(value, name, quoted=True) for name, value in columns))
    else:
        query = select(columns, KEYS, where=[not_null(key.copy()) for key in keys], group=[key.copy() for key in keys])
    return Step("entities", query, "the entities that the spine asks about", materialized=True)


def spine(view: View) -> Step:
    """The instants of each entity, ranked; a row with a null key part belongs to no entity."""
    same = [equal(column(KEYS, key_name(field)), column("entities", key_name(field))) for field in view.entity.keys]
    entity, t = column("entities", "entity"), column(KEYS, "t")
    columns: list[tuple[str, Sql]] = [
        ("row_id", column(KEYS, "row_id")),
        ("entity", entity),
        ("t", t),
        ("rank", minus(over(exp.RowNumber(), [entity.copy()], [ascending(t.copy())]), integer(1))),
        ("instants", over(exp.Count(this=exp.Star()), [entity.copy()])),
    ]
    query = join(select(columns, KEYS), "entities", same)
    return Step("spine", query, "each entity's instants, ranked from 0", materialized=True)


def labels(windows: Sequence[Window]) -> dict[Window, str]:
    """A short name for each window, unique among them."""
    lengths = [window.length for window in windows]
    return {window: _label(window, alone=lengths.count(window.length) == 1) for window in windows}


def _label(window: Window, *, alone: bool) -> str:
    if window.length is None:
        return "lifetime"
    hop = "" if alone else "_exact" if window.hop is None else f"_by_{spell(window.hop)}"
    return spell(window.length) + hop


def until(label: str) -> str:
    """The column of the rank from which on a window no longer holds an event."""
    return f"until_{label}"


def seen(view_columns: Sequence[str], windows: dict[Window, str], dialect: Dialect) -> Step:
    """Each event with the range of ranks that see it, for each window."""
    ts, known = column("events", "ts"), column("events", "known_at")
    first = column("first", "rank")
    columns: list[tuple[str, Sql]] = [
        ("entity", column("events", "entity")),
        *((name, column("events", name)) for name in view_columns),
        ("first", first),
    ]
    columns += [(until(label), _until(window, label)) for window, label in windows.items()]
    query = dialect.join_next(
        select(columns, "events"),
        "spine",
        "first",
        equal(column("events", "entity"), column("first", "entity")),
        plus(greatest(ts, known), integer(1)),
        column("first", "t"),
        keep=False,
    )
    for window, label in windows.items():
        if not window.lifetime:
            query = _join_end(query, window, _end(label), dialect)
    return Step("seen", query, "the ranks that see each event: first <= rank < until", materialized=True)


def _end(label: str) -> str:
    return f"end_{label}"


def _until(window: Window, label: str) -> Sql:
    instants = column("first", "instants")
    if window.lifetime:
        return instants
    left = coalesce(column(_end(label), "rank"), instants)
    return greatest(left, column("first", "rank"))


def _join_end(query: exp.Select, window: Window, alias: str, dialect: Dialect) -> exp.Select:
    """The first instant whose window no longer reaches back to the event."""
    same = equal(column("events", "entity"), column(alias, "entity"))
    at = column(alias, "t")
    return dialect.join_next(query, "spine", alias, same, _left_behind(window), at, keep=True)


def _left_behind(window: Window) -> Sql:
    assert window.length is not None
    ts = column("events", "ts")
    if window.hop is None:
        return plus(ts, integer(window.length + 1))
    return plus(floor_to(ts, window.hop), integer(window.hop + window.length))
