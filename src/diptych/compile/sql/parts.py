"""Partial results: what each reduction asks of the events that the same ranks see, and which lowering serves it.

Sums of whole numbers subtract exactly, so they are *groups*: an event is added where it is first seen and taken away
where it is left behind. Everything else is a *semigroup*: partials can be combined, never taken away.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from diptych.compile.sql.dialects import Dialect
from diptych.compile.sql.tree import Sql, aggregate, case, coalesce, column, integer, not_null, times, typed
from diptych.ground.values import Float64, Int64
from diptych.plan.nodes import Kind, Reduction, View

NEWEST = "NEWEST"
"""The combination of lists of at most n."""
_HALF_WORD = 2**31


@dataclass(frozen=True, slots=True)
class Part:
    """A partial result under a name: ``lift`` aggregates rows of ``seen``, ``combine`` aggregates such partials.

    A mean names the count that weighs it (``mean_of``); squared deviations name their mean and count (``around``).
    """

    name: str
    lift: Sql
    combine: str = "SUM"
    n: int = 0
    mean_of: str = ""
    around: tuple[str, str] | None = None


def is_float(view: View, reduction: Reduction) -> bool:
    """Whether a reduction's input is a binary64."""
    return reduction.input is not None and isinstance(view.inputs[reduction.input].type, Float64)


def is_group(view: View, reduction: Reduction) -> bool:
    """Whether the reduction's partials are whole numbers that can be taken away again."""
    match reduction.kind:
        case Kind.COUNT | Kind.DISTINCT:
            return True
        case Kind.SUM | Kind.MOMENTS:
            return not is_float(view, reduction)
        case _:
            return False


def name_of(kind: str, reduction: Reduction) -> str:
    """A name for a partial that tells what it is of."""
    of = "" if reduction.input is None else f"_x{reduction.input}"
    only = "" if reduction.where is None else f"_if_c{reduction.where}"
    return f"{kind}{of}{only}"


def matched(reduction: Reduction, relation: str, value: Sql | None = None) -> Sql:
    """The input where the condition holds, else null; ``value`` stands for the input if given."""
    if value is None:
        value = integer(1) if reduction.input is None else column(relation, f"x{reduction.input}")
    return value if reduction.where is None else case((column(relation, f"c{reduction.where}"), value))


def group_parts(view: View, reduction: Reduction, dialect: Dialect) -> list[Part]:
    """The signed measures of a COUNT, an exact SUM or an exact MOMENTS."""
    value = matched(reduction, "seen")
    plain = reduction.input is None and reduction.where is None
    count = Part(name_of("count", reduction), exp.Count(this=exp.Star() if plain else value))
    total = Part(name_of("sum", reduction), coalesce(aggregate("SUM", value.copy()), integer(0)))
    match reduction.kind:
        case Kind.COUNT:
            return [count]
        case Kind.SUM:
            return [total]
        case Kind.MOMENTS:
            wide = value.copy() if _square_fits(view, reduction) else typed(value.copy(), dialect.wide)
            square = times(wide, value)
            squares = Part(name_of("squares", reduction), coalesce(aggregate("SUM", square), integer(0)))
            return [count, total, squares]
        case _:
            raise AssertionError(reduction.kind)


def _square_fits(view: View, reduction: Reduction) -> bool:
    """Whether the declared range keeps the square of the input within 64 bits."""
    assert reduction.input is not None
    match view.inputs[reduction.input].type:
        case Int64(ge=int(low), le=int(high)):
            return max(abs(low), abs(high)) < _HALF_WORD
        case _:
            return False


def semigroup_parts(reduction: Reduction, dialect: Dialect, *, evidence: bool) -> list[Part]:
    """The partials of a reduction that only combines; null where no event matches."""
    value = matched(reduction, "seen")
    match reduction.kind:
        case Kind.SUM:
            return list(_float_sum(reduction, value, evidence=evidence))
        case Kind.MIN | Kind.MAX:
            function = reduction.kind.upper()
            return [Part(name_of(reduction.kind, reduction), aggregate(function, value), function)]
        case Kind.FIRST | Kind.LAST:
            function = "MIN" if reduction.kind is Kind.FIRST else "MAX"
            return [Part(name_of(reduction.kind, reduction), aggregate(function, _dated(reduction, dialect)), function)]
        case Kind.LATEST:
            lift = dialect.newest(_dated(reduction, dialect), reduction.n)
            return [Part(name_of(f"latest{reduction.n}", reduction), lift, NEWEST, reduction.n)]
        case Kind.MOMENTS:
            return moments_parts(reduction, value)
        case _:
            raise AssertionError(reduction.kind)


def _float_sum(reduction: Reduction, value: Sql, *, evidence: bool) -> Iterator[Part]:
    yield Part(name_of("sum", reduction), aggregate("SUM", value), "SUM")
    if evidence:
        magnitude = aggregate("SUM", exp.Abs(this=value.copy()))
        yield Part(name_of("magnitude", reduction), magnitude, "SUM")


def moments_parts(reduction: Reduction, value: Sql) -> list[Part]:
    """Count, mean, and the sum of squared deviations from it, by an algorithm that never sums raw squares."""
    n, mean = name_of("n", reduction), name_of("mean", reduction)
    count = aggregate("COUNT", value)
    spread = times(exp.VariancePop(this=value.copy()), count)
    return [
        Part(n, count),
        Part(mean, aggregate("AVG", value.copy()), mean_of=n),
        Part(name_of("m2", reduction), spread, around=(mean, n)),
    ]


def _dated(reduction: Reduction, dialect: Dialect) -> Sql:
    """(ts, value) of a matching event; null, not a pair with a null value, for any other."""
    value = column("seen", f"x{reduction.input}")
    matches = not_null(value.copy())
    if reduction.where is not None:
        matches = exp.and_(matches, column("seen", f"c{reduction.where}"))
    return case((matches, dialect.dated(column("seen", "ts"), value)))


def distinct_parts(parts: Iterable[Part]) -> list[Part]:
    """The parts, each name once."""
    return list({part.name: part for part in parts}.values())
