"""Groups: signed changes at ranks and one running sum of exact integers, which serves all windows at once.

A count of distinct values is a group too: of each value, the ranges that see it are laid end to end without overlap,
and every stretch counts one from its start to its end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from sqlglot import exp

from diptych.compile.sql.dialects import Dialect
from diptych.compile.sql.parts import Part, group_parts, name_of
from diptych.compile.sql.ranks import until
from diptych.compile.sql.tree import (
    Sql,
    Step,
    aggregate,
    ascending,
    coalesce,
    column,
    equal,
    greatest,
    integer,
    join,
    less,
    not_null,
    over,
    rows_before,
    select,
)
from diptych.plan.nodes import Kind, Reduction, View, Window

TOTALS = "totals"
"""The step that gives each spine row the sum of all changes up to its rank."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A running sum: one partial (or the distinct values of one reduction) over one window."""

    name: str
    part: Part | None
    label: str
    reduction: Reduction


def measures_of(view: View, reduction: Reduction, label: str, dialect: Dialect) -> list[Measure]:
    """The running sums that a reduction needs."""
    if reduction.kind is Kind.DISTINCT:
        return [Measure(f"{name_of('distinct', reduction)}_{label}", None, label, reduction)]
    return [Measure(f"{part.name}_{label}", part, label, reduction) for part in group_parts(view, reduction, dialect)]


def group_steps(measures: Sequence[Measure], windows: dict[Window, str]) -> Iterator[Step]:
    """The steps from ``cells`` and ``seen`` to ``totals``, which has one column for each measure."""
    branches: list[exp.Query] = []
    counted = [measure for measure in measures if measure.part is not None]
    if counted:
        branches.append(_changes("cells", column("cells", "first"), measures, set(counted), sign=1))
        for label in dict.fromkeys(measure.label for measure in counted if windows_end(windows, measure.label)):
            ending = {measure for measure in counted if measure.label == label}
            branches.append(_changes("cells", column("cells", until(label)), measures, ending, sign=-1))
    for measure in measures:
        if measure.part is None:
            yield from _distinct_steps(measure)
            for name, sign in (("from", 1), ("to", -1)):
                branches.append(
                    _changes(_stretches(measure), column(_stretches(measure), name), measures, {measure}, sign)
                )
    union: exp.Query = reduce(lambda one, other: exp.Union(this=one, expression=other, distinct=False), branches)
    yield Step("changes", union, "what each rank adds to every later answer, and what it takes away")
    yield Step("sums", _sums(measures), "the changes at one rank taken together")
    yield Step(TOTALS, _totals(measures), "for each spine row, all changes up to its rank")


def windows_end(windows: dict[Window, str], label: str) -> bool:
    """Whether the window of that label ever leaves an event behind."""
    return any(not window.lifetime for window, name in windows.items() if name == label)


def _changes(source: str, rank: Sql, measures: Sequence[Measure], moved: set[Measure], sign: int) -> exp.Select:
    columns: list[tuple[str, Sql]] = [("entity", column(source, "entity")), ("rank", rank)]
    for measure in measures:
        amount: Sql = integer(0)
        if measure in moved:
            amount = integer(1) if measure.part is None else column(source, measure.part.name)
            amount = amount if sign > 0 else exp.Neg(this=amount)
        columns.append((measure.name, amount))
    return select(columns, source)


def _sums(measures: Sequence[Measure]) -> exp.Select:
    keys = [column("changes", "entity"), column("changes", "rank")]
    columns: list[tuple[str, Sql]] = [("entity", keys[0]), ("rank", keys[1])]
    columns += [(m.name, aggregate("SUM", column("changes", m.name))) for m in measures]
    return select(columns, "changes", group=[key.copy() for key in keys])


def _totals(measures: Sequence[Measure]) -> exp.Select:
    entity, rank = column("spine", "entity"), column("spine", "rank")
    columns: list[tuple[str, Sql]] = [("row_id", column("spine", "row_id"))]
    for measure in measures:
        total = aggregate("SUM", coalesce(column("sums", measure.name), integer(0)))
        frame = rows_before(including_current=True)
        columns.append((measure.name, over(total, [entity.copy()], [ascending(rank.copy())], frame)))
    same = [equal(entity, column("sums", "entity")), equal(rank, column("sums", "rank"))]
    return join(select(columns, "spine"), "sums", same, how="LEFT")


def _stretches(measure: Measure) -> str:
    return f"stretches_{measure.name}"


def _distinct_steps(measure: Measure) -> Iterator[Step]:
    """Ranges of each value in order; what an earlier range of the same value covers is cut off."""
    reduction, sightings = measure.reduction, f"sightings_{measure.name}"
    value = column("seen", f"x{reduction.input}")
    first, end = column("seen", "first"), column("seen", until(measure.label))
    where: list[Sql] = [not_null(value.copy()), less(first, end)]
    if reduction.where is not None:
        where.append(column("seen", f"c{reduction.where}"))
    entity = column("seen", "entity")
    columns = [("entity", entity), ("value", value), ("first", first), ("until", aggregate("MAX", end))]
    group = [entity.copy(), value.copy(), first.copy()]
    yield Step(sightings, select(columns, "seen", where=where, group=group), "the ranks that see each value")
    entity, value, first, end = (column(sightings, name) for name in ("entity", "value", "first", "until"))
    frame = rows_before(including_current=False)
    covered = over(aggregate("MAX", end.copy()), [entity.copy(), value], [ascending(first.copy())], frame)
    reached = coalesce(covered, first.copy())
    stretch = [
        ("entity", entity),
        ("from", greatest(first, reached)),
        ("to", greatest(end, reached.copy())),
    ]
    yield Step(_stretches(measure), select(stretch, sightings), "of each value, ranges that do not overlap")
