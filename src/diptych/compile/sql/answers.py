"""From running sums and combined partials to the result of each reduction, and what is known about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from diptych.compile.sql.dialects import Dialect
from diptych.compile.sql.groups import TOTALS, Measure
from diptych.compile.sql.parts import Part
from diptych.compile.sql.semigroups import found
from diptych.compile.sql.tree import (
    Sql,
    at_most,
    between,
    case,
    coalesce,
    column,
    divided,
    equal,
    integer,
    is_null,
    minus,
    negated,
    quotient,
    remainder,
    times,
    typed,
)
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
            overflow = negated(fits)
            return Result(value, equal(totals[-1], integer(0)), overflow)
        case Kind.MOMENTS:
            return Result(_variance(dialect, *totals), equal(totals[0], integer(0)))
        case _:
            return Result(typed(totals[0], dialect.integer), equal(totals[0], integer(0)))


def _variance(dialect: Dialect, n: Sql, total: Sql, squares: Sql) -> Sql:
    """With total = q n + r, the squared deviations are squares - q q n - 2 q r - r r / n.

    All but the last fraction below one is exact in whole numbers, so nothing is lost far from zero.
    """
    count = exp.Nullif(this=typed(n, dialect.wide), expression=integer(0))
    q, r = quotient(total, count), remainder(total, count)
    exact = minus(minus(squares, times(q, q, n)), times(integer(2), q, r))
    exact = minus(exact, quotient(times(r, r), count))
    rest = divided(typed(remainder(times(r, r), count), dialect.double), typed(n, dialect.double))
    deviations = minus(typed(exact, dialect.double), rest)
    free = typed(minus(n, integer(1)), dialect.double)
    return case((at_most(integer(2), n), divided(deviations, free)))


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
            length = coalesce(dialect.length(first.copy()), integer(0))
            return Result(dialect.oldest_first(first), equal(length, integer(0)))
        case Kind.MOMENTS:
            n, _, m2 = values
            variance = case((at_most(integer(2), n), divided(m2, typed(minus(n, integer(1)), dialect.double))))
            return Result(variance, equal(coalesce(n.copy(), integer(0)), integer(0)))
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
