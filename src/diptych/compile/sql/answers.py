"""From running sums and combined partials to the result of each reduction, and what is known about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from diptych.compile.sql.dialects import Dialect
from diptych.compile.sql.groups import TOTALS, Measure
from diptych.compile.sql.parts import Part
from diptych.compile.sql.semigroups import found
from diptych.compile.sql.tree import Sql, between, case, coalesce, column, integer, is_null, typed
from diptych.ground.values import INT64_MAX, INT64_MIN
from diptych.plan.nodes import Kind, Reduction


@dataclass(frozen=True, slots=True)
class Result:
    """The SQL of one reduction: its value, and with it what a comparison may ask about."""

    value: Sql
    empty: Sql
    overflow: Sql | None = None
    magnitude: Sql | None = None


def group_result(reduction: Reduction, measures: Sequence[Measure], dialect: Dialect) -> Result:
    """Of exact running sums; ``measures`` are those of the reduction, and of a SUM the count if it was asked for."""
    totals = [coalesce(column(TOTALS, measure.name), integer(0)) for measure in measures]
    match reduction.kind:
        case Kind.SUM:
            fits = between(totals[0], integer(INT64_MIN), integer(INT64_MAX))
            value = case((fits, typed(totals[0].copy(), dialect.integer)))
            overflow = exp.Not(this=exp.Paren(this=fits.copy()))
            return Result(value, totals[-1].copy().eq(integer(0)), overflow)
        case Kind.MOMENTS:
            return Result(_variance(dialect, *totals), totals[0].copy().eq(integer(0)))
        case _:
            return Result(typed(totals[0], dialect.integer), totals[0].copy().eq(integer(0)))


def _variance(dialect: Dialect, n: Sql, total: Sql, squares: Sql) -> Sql:
    """With total = q n + r, the squared deviations are squares - q q n - 2 q r - r r / n.

    All but the last fraction below one is exact in whole numbers, so nothing is lost far from zero.
    """
    whole = typed(n, dialect.wide)
    count = exp.Nullif(this=whole, expression=integer(0))
    q = exp.Paren(this=exp.IntDiv(this=total, expression=count))
    r = exp.Paren(this=exp.Mod(this=total.copy(), expression=count.copy()))
    rr = exp.Paren(this=r * r.copy())
    exact = squares - q * q.copy() * n.copy() - integer(2) * q.copy() * r.copy()
    exact = exact - exp.Paren(this=exp.IntDiv(this=rr, expression=count.copy()))
    rest = typed(exp.Mod(this=rr.copy(), expression=count.copy()), dialect.double) / typed(n.copy(), dialect.double)
    deviations = exp.Paren(this=typed(exact, dialect.double) - rest)
    return case((n.copy() >= integer(2), deviations / typed(n.copy() - integer(1), dialect.double)))


def semigroup_result(reduction: Reduction, parts: Sequence[Part], label: str, dialect: Dialect) -> Result:
    """Of combined partials, which are null where no event matches."""
    values = [column(found(label), part.name) for part in parts]
    first = values[0]
    empty = is_null(first.copy())
    match reduction.kind:
        case Kind.SUM:
            zero = dialect.float_literal(0.0)
            magnitude = coalesce(values[1], zero.copy()) if len(values) > 1 else None
            return Result(coalesce(first, zero), empty, magnitude=magnitude)
        case Kind.FIRST | Kind.LAST:
            return Result(dialect.dated_value(first), empty)
        case Kind.LATEST:
            return Result(dialect.oldest_first(first), empty)
        case Kind.MOMENTS:
            n, _, m2 = values
            variance = case((n >= integer(2), m2 / (n.copy() - integer(1))))
            return Result(variance, coalesce(n.copy(), integer(0)).eq(integer(0)))
        case _:
            return Result(first, empty)


def columns_of_result(index: int, result: Result, *, evidence: bool) -> Iterator[tuple[str, Sql]]:
    """The columns of ``reduced`` for one reduction."""
    yield f"r{index}", result.value
    if result.overflow is not None:
        yield f"r{index}__overflow", result.overflow
    if evidence:
        yield f"r{index}__empty", result.empty
        if result.magnitude is not None:
            yield f"r{index}__magnitude", result.magnitude
