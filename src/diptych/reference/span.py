"""How far an honest engine may be from the judge: interval arithmetic beside the value.

Only float sums and moments are inexact. Each gives an interval around its true value; a finish expression over
them gives an interval too, or ANYTHING where a step (a comparison, a zero divisor, a root of less than nothing)
may fall either way inside the interval. No value of the judge depends on this module.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.reference.expression import STRICT, evaluate
from diptych.reference.values import Value


@dataclass(frozen=True, slots=True)
class Span:
    """All values that an engine may answer: ``[low, high]``, or exactly ``value`` when both are None."""

    value: Value | None
    low: float | None = None
    high: float | None = None

    @property
    def exact(self) -> bool:
        """Whether only one answer is right."""
        return self.low is None

    @property
    def error(self) -> float:
        """The largest distance from the value that is allowed; inf when anything is, null included."""
        if self.low is None or self.high is None:
            return 0.0
        if not isinstance(self.value, float):
            return math.inf
        return max(self.high - self.value, self.value - self.low)


def around(value: float, error: float) -> Span:
    """The span of an inexact value."""
    return Span(value, value - error, value + error) if error else Span(value)


def anything(value: Value | None) -> Span:
    """The span that allows every answer."""
    return Span(value, -math.inf, math.inf)


def span(expression: Expression, columns: Mapping[str, Span]) -> Span:
    """The span of a finish expression over the spans of its columns."""
    match expression:
        case Column(name):
            return columns[name]
        case Literal():
            return Span(evaluate(expression, {}))
        case Call(op, args):
            arguments = [span(argument, columns) for argument in args]
            value = evaluate(expression, {name: column.value for name, column in columns.items()})
            if all(argument.exact for argument in arguments):
                return _libm(value) if op in (Op.LN, Op.EXP) else Span(value)
            return _call(op, arguments, value)


def _libm(value: Value | None) -> Span:
    """LN and EXP are not rounded alike by every library."""
    return Span(value) if value is None else around(float(value), 4 * math.ulp(float(value)))


def _call(op: Op, arguments: list[Span], value: Value | None) -> Span:
    if not isinstance(value, float) or not all(isinstance(argument.value, float) for argument in arguments[:1]):
        return anything(value)
    bounds = [(_low(argument), _high(argument)) for argument in arguments]
    match op:
        case Op.ADD | Op.SUB | Op.MUL:
            ends = [STRICT[op](a, b) for a in bounds[0] for b in bounds[1]]
        case Op.DIV if bounds[1][0] > 0 or bounds[1][1] < 0:
            ends = [a / b for a in bounds[0] for b in bounds[1]]
        case Op.SHIFT:
            ends = [STRICT[op](a, int(bounds[1][0])) for a in bounds[0]]
        case Op.ABS if bounds[0][0] <= 0 <= bounds[0][1]:
            ends = [0.0, *(abs(a) for a in bounds[0])]
        case Op.NEG | Op.ABS | Op.FLOOR | Op.CEIL | Op.SQRT | Op.LN | Op.EXP | Op.FINITE:
            ends = [STRICT[op](a) for a in bounds[0]]
        case _:
            return anything(value)
    return _hull(ends, value)


def _hull(ends: list[Value | None], value: float) -> Span:
    """The interval of the ends, a little wider because each end was rounded."""
    floats = [end for end in ends if isinstance(end, float) and math.isfinite(end)]
    if len(floats) < len(ends):
        return anything(value)
    slack: Callable[[float], float] = lambda end: 4 * math.ulp(end)  # noqa: E731
    return Span(value, min(floats) - slack(min(floats)), max(floats) + slack(max(floats)))


def _low(span_: Span) -> float:
    return float(span_.value or 0.0) if span_.low is None else span_.low


def _high(span_: Span) -> float:
    return float(span_.value or 0.0) if span_.high is None else span_.high
