"""Interval arithmetic over typed expressions: whole numbers that could leave int64 do not load, floats that could
stop being finite are made null by an explicit FINITE.

An interval holds every non-null value that an expression can have. Int64 by value, Decimal by its unscaled integer,
Timestamp by its microseconds, Float64 by value; Bool and text have none. Float ends are computed with the same
rounding that evaluation uses, and rounding never reverses an order, so they are bounds.
"""

import decimal
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from diptych.declare.functions import BadExpression
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import EARLIEST, LATEST
from diptych.ground.values import INT64_MAX, INT64_MIN, Decimal, Float64, Int64, ResultType, Timestamp

MAX_FLOAT = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends included; float ends may be infinite. ``whole``: only whole numbers (a float divisor's sake)."""

    low: int | float
    high: int | float
    whole: bool = False

    def hull(self, other: "Interval") -> "Interval":
        """The least interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high), self.whole and other.whole)

    def holds(self, other: "Interval") -> bool:
        """Whether all of the other lies within."""
        return self.low <= other.low and other.high <= self.high

    def cut(self, other: "Interval") -> "Interval":
        """The part within ``other``; of a part that nothing is in, this whole interval, which is safe."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(low, high, self.whole) if low <= high else self


COUNTED = Interval(0, 2**53, whole=True)
"""What a count can be."""
ANY_INT = Interval(INT64_MIN, INT64_MAX, whole=True)
ANY_FLOAT = Interval(-MAX_FLOAT, MAX_FLOAT)
_ANY_TIME = Interval(EARLIEST, LATEST, whole=True)

Ranges = Mapping[str, Interval | None]
Known = Mapping[Expression, Interval]
"""What a CASE branch knows of expressions because its condition was true (or an earlier one was not)."""


def declared(type_: ResultType) -> Interval | None:
    """The interval of a declared type; None for Bool, text and lists."""
    match type_:
        case Int64(ge=ge, le=le):
            return Interval(INT64_MIN if ge is None else ge, INT64_MAX if le is None else le, whole=True)
        case Decimal(scale, ge, le):
            low = INT64_MIN if ge is None else math.ceil(_unscaled(ge, scale))
            return Interval(low, INT64_MAX if le is None else math.floor(_unscaled(le, scale)), whole=True)
        case Float64(ge=ge, le=le):
            return Interval(-MAX_FLOAT if ge is None else float(ge), MAX_FLOAT if le is None else float(le))
        case Timestamp():
            return _ANY_TIME
        case _:
            return None


def bound(tree: Expression, ranges: Ranges, known: Known | None = None) -> tuple[Expression, Interval | None]:
    """The tree with FINITE wherever a float could be infinite, and its interval.

    Raises BadExpression where a whole number could leave int64.
    """
    interval: Interval | None
    match tree:
        case Literal(value, type_):
            return tree, constant(value, type_)
        case Column(name):
            result: Expression = tree
            interval = ranges.get(name)
        case Call(Op.CASE):
            result, interval = _case(tree, ranges, known or {})
        case Call(op, args, type_):
            bounded = [bound(argument, ranges, known) for argument in args]
            result = Call(op, tuple(argument for argument, _ in bounded), type_)
            rule = _RULES.get(op)
            interval = rule(tree, [interval for _, interval in bounded]) if rule else None
    if known and interval is not None and tree in known:
        interval = interval.cut(known[tree])
    return _checked(result, interval)


def _checked(tree: Expression, interval: Interval | None) -> tuple[Expression, Interval | None]:
    if interval is None:
        return tree, None
    if isinstance(tree.type, Float64):
        if math.isfinite(interval.low) and math.isfinite(interval.high):
            return tree, interval
        return Call(Op.FINITE, (tree,), Float64()), interval.cut(ANY_FLOAT)
    if interval.low < INT64_MIN or interval.high > INT64_MAX:
        name = tree.op.value if isinstance(tree, Call) else "value"
        raise BadExpression(
            f"{name}: the result could be anything from {interval.low} to {interval.high}, which leaves 64 bits",
            hint="declare ge and le on the columns, or compute in float64: cast(x as double)",
        )
    return tree, interval


def constant(value: object, type_: ResultType | None) -> Interval | None:
    """The interval of one value of a type."""
    match type_, value:
        case (Int64() | Timestamp(), int()):
            return Interval(value, value, whole=True)
        case (Float64(), float()):
            return Interval(value, value, whole=value.is_integer())
        case (Decimal(scale), decimal.Decimal()):
            unscaled = int(_unscaled(value, scale))
            return Interval(unscaled, unscaled, whole=True)
        case _:
            return None


def _unscaled(value: decimal.Decimal | int, scale: int) -> decimal.Decimal:
    return decimal.Decimal(value).scaleb(scale, context=decimal.Context(prec=60))


def _case(tree: Call, ranges: Ranges, known: Known) -> tuple[Expression, Interval | None]:
    """Each branch is judged by what its own condition says, and by what the earlier ones would have said."""
    parts: list[Expression] = []
    reached: list[Interval | None] = []
    so_far = dict(known)
    for condition, value in zip(tree.args[:-1:2], tree.args[1:-1:2], strict=True):
        parts.append(bound(condition, ranges, so_far)[0])
        branch, interval = bound(value, ranges, {**so_far, **_implied(condition, True, ranges, so_far)})
        parts.append(branch)
        if not _is_null(value):
            reached.append(interval)
        so_far |= _implied(condition, False, ranges, so_far)
    otherwise, interval = bound(tree.args[-1], ranges, so_far)
    if not _is_null(tree.args[-1]):
        reached.append(interval)
    return Call(Op.CASE, (*parts, otherwise), tree.type), _hull(reached)


def _is_null(tree: Expression) -> bool:
    return isinstance(tree, Literal) and tree.value is None


def _hull(intervals: list[Interval | None]) -> Interval | None:
    known = [interval for interval in intervals if interval is not None]
    if not known:
        return None
    whole = known[0]
    for interval in known[1:]:
        whole = whole.hull(interval)
    return whole


def _implied(condition: Expression, met: bool, ranges: Ranges, known: Known) -> dict[Expression, Interval]:
    """Intervals that follow from a condition being true (``met``), or from its being false or null.

    Of a comparison that is not true only one with a literal says anything: with a column it may have been null.
    """
    match condition:
        case Call(Op.AND, (left, right)) if met:
            return _both(left, right, True, ranges, known)
        case Call(Op.OR, (left, right)) if not met:
            return _both(left, right, False, ranges, known)
        case Call(op, (left, right)) if op in _OPPOSITE:
            if not met and not (isinstance(left, Literal) or isinstance(right, Literal)):
                return {}
            return _compared(op if met else _OPPOSITE[op], left, right, ranges, known)
    return {}


def _both(left: Expression, right: Expression, met: bool, ranges: Ranges, known: Known) -> dict[Expression, Interval]:
    first = _implied(left, met, ranges, known)
    return first | _implied(right, met, ranges, {**known, **first})


_OPPOSITE = {Op.LT: Op.GE, Op.LE: Op.GT, Op.GT: Op.LE, Op.GE: Op.LT, Op.EQ: Op.NE, Op.NE: Op.EQ}


def _compared(op: Op, left: Expression, right: Expression, ranges: Ranges, known: Known) -> dict[Expression, Interval]:
    a, b = bound(left, ranges, known)[1], bound(right, ranges, known)[1]
    if a is None or b is None:
        return {}
    step = 0 if isinstance(left.type, Float64) else 1
    below_a, below_b = Interval(a.low, b.high), Interval(a.low, b.high)
    above_a, above_b = Interval(b.low, a.high), Interval(b.low, a.high)
    implied: dict[Op, tuple[Interval, Interval]] = {
        Op.LE: (below_a, below_b),
        Op.LT: (Interval(a.low, b.high - step), Interval(a.low + step, b.high)),
        Op.GE: (above_a, above_b),
        Op.GT: (Interval(b.low + step, a.high), Interval(b.low, a.high - step)),
        Op.EQ: (b, a),
    }
    if op not in implied:
        return {}
    return {
        side: interval
        for side, interval in zip((left, right), implied[op], strict=True)
        if not isinstance(side, Literal) and interval.low <= interval.high
    }


# Rules, one per operation with a number for a result

Parts = list[Interval | None]


def _two(parts: Parts) -> tuple[Interval, Interval] | None:
    a, b = parts
    return None if a is None or b is None else (a, b)


def _corners(parts: Parts, apply: Callable[[int | float, int | float], int | float]) -> Interval | None:
    """Of an operation that is monotone in each argument: the extremes are at the corners."""
    both = _two(parts)
    if both is None:
        return None
    a, b = both
    values = [apply(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return Interval(min(values), max(values), a.whole and b.whole)


def _add(tree: Call, parts: Parts) -> Interval | None:
    return _corners(parts, lambda x, y: x + y)


def _sub(tree: Call, parts: Parts) -> Interval | None:
    return _corners(parts, lambda x, y: x - y)


def _mul(tree: Call, parts: Parts) -> Interval | None:
    return _corners(parts, lambda x, y: x * y)


def _neg(tree: Call, parts: Parts) -> Interval | None:
    a = parts[0]
    return None if a is None else Interval(-a.high, -a.low, a.whole)


def _abs(tree: Call, parts: Parts) -> Interval | None:
    a = parts[0]
    if a is None:
        return None
    least = 0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
    return Interval(least, max(abs(a.low), abs(a.high)), a.whole)


def _mod(tree: Call, parts: Parts) -> Interval | None:
    both = _two(parts)
    if both is None:
        return None
    a, b = both
    most = max(abs(b.low), abs(b.high)) - 1
    return Interval(max(min(a.low, 0), -most), min(max(a.high, 0), most), whole=True) if most >= 0 else Interval(0, 0)


def _div(tree: Call, parts: Parts) -> Interval | None:
    """A zero divisor gives null, so a divisor around zero is taken apart where only whole numbers are."""
    both = _two(parts)
    if both is None:
        return None
    a, b = both
    sides = [b] if not b.low <= 0 <= b.high else _sides(b)
    if sides is None:
        return Interval(-math.inf, math.inf)
    quotients = [_corners([a, side], lambda x, y: x / y) for side in sides]
    interval = _hull(list(quotients)) or Interval(0.0, 0.0)
    return Interval(interval.low, interval.high)


def _sides(divisor: Interval) -> list[Interval] | None:
    if divisor.low == divisor.high == 0:
        return []
    if not divisor.whole:
        return None
    sides = [Interval(divisor.low, -1.0), Interval(1.0, divisor.high)]
    return [side for side in sides if side.low <= side.high]


def _rounded(to: Callable[[float], int]) -> Callable[[Call, Parts], Interval | None]:
    def rule(tree: Call, parts: Parts) -> Interval | None:
        a = parts[0]
        return None if a is None else Interval(float(to(a.low)), float(to(a.high)), whole=True)

    return rule


def _sqrt(tree: Call, parts: Parts) -> Interval | None:
    a = parts[0]
    return None if a is None else Interval(math.sqrt(max(a.low, 0.0)), math.sqrt(max(a.high, 0.0)))


def _ln(tree: Call, parts: Parts) -> Interval | None:
    """Of a finite positive number always finite; the least is the logarithm of the smallest float64."""
    return None if parts[0] is None else Interval(-750.0, 750.0)


def _exp(tree: Call, parts: Parts) -> Interval | None:
    a = parts[0]
    if a is None:
        return None
    return Interval(0.0, math.inf if a.high > 700 else math.exp(a.high) * (1 + 1e-12))


def _to_float(tree: Call, parts: Parts) -> Interval | None:
    a = parts[0]
    return None if a is None else Interval(float(a.low), float(a.high), whole=True)


def _shift(tree: Call, parts: Parts) -> Interval | None:
    both = _two(parts)
    if both is None:
        return None
    a, k = both
    power = 10.0 ** abs(k.low)
    return Interval(a.low / power, a.high / power) if k.low > 0 else Interval(a.low * power, a.high * power, a.whole)


def _rescale(tree: Call, parts: Parts) -> Interval | None:
    both = _two(parts)
    if both is None:
        return None
    a, k = both
    power = 10 ** int(k.low)
    return Interval(a.low * power, a.high * power, whole=True)


def _coalesce(tree: Call, parts: Parts) -> Interval | None:
    return _hull([part for part, argument in zip(parts, tree.args, strict=True) if not _is_null(argument)])


def _seconds(tree: Call, parts: Parts) -> Interval | None:
    start, end = (part or _ANY_TIME for part in parts)
    return Interval(float(end.low - start.high) / 1e6, float(end.high - start.low) / 1e6)


def _always(low: int, high: int) -> Callable[[Call, Parts], Interval | None]:
    return lambda tree, parts: Interval(low, high, whole=True)


_RULES: dict[Op, Callable[[Call, Parts], Interval | None]] = {
    Op.ADD: _add, Op.SUB: _sub, Op.MUL: _mul, Op.NEG: _neg, Op.ABS: _abs, Op.MOD: _mod, Op.DIV: _div,
    Op.FLOOR: _rounded(math.floor), Op.CEIL: _rounded(math.ceil), Op.SQRT: _sqrt, Op.LN: _ln, Op.EXP: _exp,
    Op.TO_FLOAT: _to_float, Op.SHIFT: _shift, Op.RESCALE: _rescale, Op.COALESCE: _coalesce,
    Op.SECONDS_BETWEEN: _seconds, Op.HOUR: _always(0, 23), Op.DAY_OF_WEEK: _always(1, 7),
    Op.DAY_OF_MONTH: _always(1, 31), Op.MONTH: _always(1, 12), Op.YEAR: _always(0, 10_000),
}  # fmt: skip
