"""Semigroups: a segment tree over the ranks of each entity, written as equi-joins.

A range of ranks is cut into at most two blocks of each power of two, aligned to their own size; partials of events
meet in these blocks, and each spine row combines the one block of every size that holds its rank. Nothing is ever
subtracted, so floats keep to the magnitudes inside their own window, and no join is a range join.
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp

from diptych.compile.sql.dialects import Dialect
from diptych.compile.sql.parts import Part
from diptych.compile.sql.ranks import until
from diptych.compile.sql.tree import Sql, Step, aggregate, column, integer, join, select

LEVELS = 40
"""Sizes of blocks: enough for 2^40 instants of one entity."""


def tree_steps(dialect: Dialect) -> Iterator[Step]:
    """The steps that all windows share: sizes of blocks, and each spine row's block of every size."""
    yield Step("levels", dialect.powers(LEVELS), "blocks of ranks: size is 2^level")
    rank, size = column("spine", "rank"), column("levels", "size")
    columns: list[tuple[str, Sql]] = [
        ("row_id", column("spine", "row_id")),
        ("entity", column("spine", "entity")),
        ("level", column("levels", "level")),
        ("block", exp.IntDiv(this=rank, expression=size)),
    ]
    fits = [size.copy() <= column("spine", "instants")]
    yield Step("blocks", join(select(columns, "spine"), "levels", fits), "each spine row's block of every size")


def found(label: str) -> str:
    """The step that gives each spine row its combined partials for one window."""
    return f"found_{label}"


def window_steps(parts: Sequence[Part], label: str, dialect: Dialect) -> Iterator[Step]:
    """The steps from ``cells`` to ``found_{label}``, which has one column for each part."""
    cuts, pieces, nodes = f"cuts_{label}", f"pieces_{label}", f"nodes_{label}"
    yield Step(cuts, _cuts(parts, label), "each range cut at multiples of every size: low <= block < high")
    yield Step(pieces, _pieces(parts, cuts), "the aligned blocks that together are the range")
    node = ("entity", "level", "block")
    yield from _combined(parts, pieces, nodes, node, node, None, "partials that meet in one block", dialect)
    yield from _combined(
        parts,
        nodes,
        found(label),
        ("row_id",),
        ("row_id",),
        "blocks",
        "for each spine row, its blocks together",
        dialect,
    )


def _cuts(parts: Sequence[Part], label: str) -> exp.Select:
    first, end, size = column("cells", "first"), column("cells", until(label)), column("levels", "size")
    columns: list[tuple[str, Sql]] = [
        ("entity", column("cells", "entity")),
        ("level", column("levels", "level")),
        ("low", exp.IntDiv(this=exp.Paren(this=first + size - integer(1)), expression=size.copy())),
        ("high", exp.IntDiv(this=end, expression=size.copy())),
        *((part.name, column("cells", part.name)) for part in parts),
    ]
    return join(select(columns, "cells"), "levels", [size.copy() <= end.copy() - first.copy()])


def _pieces(parts: Sequence[Part], cuts: str) -> exp.Query:
    low, high = column(cuts, "low"), column(cuts, "high")

    def side(block: Sql, odd: Sql) -> exp.Select:
        columns: list[tuple[str, Sql]] = [
            ("entity", column(cuts, "entity")),
            ("level", column(cuts, "level")),
            ("block", block),
            *((part.name, column(cuts, part.name)) for part in parts),
        ]
        is_odd = exp.Mod(this=odd.copy(), expression=integer(2)).eq(integer(1))
        return select(columns, cuts, where=[low.copy() < high.copy(), is_odd])

    return exp.Union(this=side(low.copy(), low), expression=side(high - integer(1), high), distinct=False)


def _combined(
    parts: Sequence[Part],
    source: str,
    target: str,
    group: Sequence[str],
    names: Sequence[str],
    through: str | None,
    says: str,
    dialect: Dialect,
) -> Iterator[Step]:
    """``target``: the partials of ``source`` combined by ``group``, whose columns are those of ``through`` if given."""
    owner = through or source
    keys = [column(owner, name) for name in group]
    ready = [part for part in parts if part.combine != "MOMENTS"]
    columns: list[tuple[str, Sql]] = list(zip(names, (key.copy() for key in keys), strict=True))
    columns += [(part.name, _combine(part, column(source, part.name), dialect)) for part in ready]
    query = select(columns, source, group=keys)
    if through:
        same = [column(source, name).eq(column(through, name)) for name in ("entity", "level", "block")]
        query = join(query, through, same)
    yield Step(target, query, says, materialized=True)


def _combine(part: Part, value: Sql, dialect: Dialect) -> Sql:
    if part.combine == "NEWEST":
        return dialect.newest_of(value, part.n)
    return aggregate(part.combine, value)
