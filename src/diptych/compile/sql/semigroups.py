"""Semigroups: a segment tree over the ranks of each entity, written as equi-joins.

A range of ranks is cut into at most two blocks of each power of two, aligned to their own size; partials of events
meet in these blocks, and each spine row combines the one block of every size that holds its rank. Nothing is ever
subtracted, so floats keep to the magnitudes inside their own window, and no join is a range join.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from diptych.compile.sql.dialects import Dialect
from diptych.compile.sql.parts import NEWEST, Part
from diptych.compile.sql.ranks import until
from diptych.compile.sql.tree import (
    Sql,
    Step,
    aggregate,
    at_most,
    column,
    divided,
    equal,
    integer,
    join,
    less,
    minus,
    plus,
    quotient,
    remainder,
    select,
    times,
)

_NODE = ("entity", "level", "block")
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
        ("block", quotient(rank, size)),
    ]
    fits = [at_most(size, column("spine", "instants"))]
    yield Step("blocks", join(select(columns, "spine"), "levels", fits), "each spine row's block of every size")


def found(label: str) -> str:
    """The step that gives each spine row its combined partials for one window."""
    return f"found_{label}"


def window_steps(parts: Sequence[Part], label: str, dialect: Dialect) -> Iterator[Step]:
    """The steps from ``cells`` to ``found_{label}``, which has one column for each part."""
    cuts, pieces, nodes = f"cuts_{label}", f"pieces_{label}", f"nodes_{label}"
    yield Step(cuts, _cuts(parts, label), "each range cut at multiples of every size: low <= block < high")
    yield Step(pieces, _pieces(parts, cuts), "the aligned blocks that together are the range")
    yield from _combined(_Meeting(pieces, nodes, _NODE, None, "partials that meet in one block"), parts, dialect)
    row = _Meeting(nodes, found(label), ("row_id",), "blocks", "for each spine row, its blocks together")
    yield from _combined(row, parts, dialect)


def _cuts(parts: Sequence[Part], label: str) -> exp.Select:
    first, end, size = column("cells", "first"), column("cells", until(label)), column("levels", "size")
    columns: list[tuple[str, Sql]] = [
        ("entity", column("cells", "entity")),
        ("level", column("levels", "level")),
        ("low", quotient(minus(plus(first, size), integer(1)), size)),
        ("high", quotient(end, size)),
        *((part.name, column("cells", part.name)) for part in parts),
    ]
    return join(select(columns, "cells"), "levels", [at_most(size, minus(end, first))])


def _pieces(parts: Sequence[Part], cuts: str) -> exp.Query:
    low, high = column(cuts, "low"), column(cuts, "high")

    def side(block: Sql, odd: Sql) -> exp.Select:
        columns: list[tuple[str, Sql]] = [
            ("entity", column(cuts, "entity")),
            ("level", column(cuts, "level")),
            ("block", block),
            *((part.name, column(cuts, part.name)) for part in parts),
        ]
        is_odd = equal(remainder(odd, integer(2)), integer(1))
        return select(columns, cuts, where=[less(low, high), is_odd])

    return exp.Union(this=side(low.copy(), low), expression=side(minus(high, integer(1)), high), distinct=False)


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Partials of ``source`` that meet in ``target`` by the columns ``group``, which ``through`` has if it is given."""

    source: str
    target: str
    group: tuple[str, ...]
    through: str | None
    says: str

    @property
    def keys(self) -> list[exp.Column]:
        return [column(self.through or self.source, name) for name in self.group]

    def query(self, columns: Sequence[tuple[str, Sql]], means: str | None = None) -> exp.Select:
        """The columns for each group, beside the group's means if these are asked for."""
        query = select([*((key.name, key) for key in self.keys), *columns], self.source, group=self.keys)
        if self.through is not None:
            same = [equal(column(self.source, name), column(self.through, name)) for name in _NODE]
            query = join(query, self.through, same)
        if means is not None:
            query = join(query, means, [equal(key, column(means, key.name)) for key in self.keys])
        return query


def _combined(meeting: _Meeting, parts: Sequence[Part], dialect: Dialect) -> Iterator[Step]:
    """The step of ``meeting.target``; moments need the common mean before they can be brought to it."""
    means = f"means_{meeting.target}" if any(part.mean_of for part in parts) else None
    if means is not None:
        columns = [column_ for part in parts if part.mean_of for column_ in _means(part, meeting.source)]
        yield Step(means, meeting.query(columns), "the common means")
    columns = [(part.name, _combine(part, meeting.source, means, dialect)) for part in parts]
    yield Step(meeting.target, meeting.query(columns, means), meeting.says, materialized=True)


def _means(part: Part, source: str) -> Iterator[tuple[str, Sql]]:
    """The mean of all from the means of each; ``part.mean_of`` names the count."""
    count = column(source, part.mean_of)
    yield part.name, divided(aggregate("SUM", times(column(source, part.name), count)), aggregate("SUM", count.copy()))


def _combine(part: Part, source: str, means: str | None, dialect: Dialect) -> Sql:
    value = column(source, part.name)
    if part.combine == NEWEST:
        return dialect.newest_of(value, part.n)
    if part.mean_of and means is not None:
        return aggregate("MAX", column(means, part.name))
    if part.around is not None and means is not None:
        mean, count = part.around
        apart = minus(column(source, mean), column(means, mean))
        return aggregate("SUM", plus(value, times(column(source, count), apart, apart)))
    return aggregate(part.combine, value)
