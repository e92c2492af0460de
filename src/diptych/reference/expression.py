"""Row expressions as the judge reads them: one row, one tree, SQL's three-valued logic.

``evaluate`` is the law. All operations are total: what has no answer gives null (a zero divisor, the root of a
negative number), so the order in which arguments are evaluated never matters.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import DAY, moment
from diptych.reference.values import Value, held, order

GREGORIAN = 146_097 * DAY
"""400 years, after which the calendar repeats, weekdays included."""


def evaluate(expression: Expression, row: Mapping[str, Value | None]) -> Value | None:
    """The value of a typed expression over one row of held values; ``None`` is null, -0.0 is never returned."""
    match expression:
        case Column(name):
            return row[name]
        case Literal(value, type_):
            return value if type_ is None or value is None else held(value, type_)  # type: ignore[return-value]
        case Call(op, args):
            result = apply(op, [evaluate(argument, row) for argument in args])
            return result + 0.0 if isinstance(result, float) else result


def apply(op: Op, args: Sequence[Value | None]) -> Value | None:
    """One operation over evaluated arguments."""
    match op:
        case Op.AND:
            return _all(args)
        case Op.OR:
            return _not(_all([_not(argument) for argument in args]))
        case Op.IN:
            return apply(Op.OR, [apply(Op.EQ, [args[0], word]) for word in args[1:]])
        case Op.IS_NULL:
            return args[0] is None
        case Op.COALESCE:
            return next((argument for argument in args if argument is not None), None)
        case Op.CASE:
            conditions, values = args[0:-1:2], args[1:-1:2]
            return next((v for c, v in zip(conditions, values, strict=True) if c is True), args[-1])
        case _:
            return None if None in args else STRICT[op](*args)


def _all(args: Sequence[Value | None]) -> bool | None:
    if False in args:
        return False
    return None if None in args else True


def _not(value: Value | None) -> bool | None:
    return None if value is None else not value


def _compare(relation: Callable[[Any, Any], Any]) -> Callable[..., bool]:
    return lambda a, b: bool(relation(order(a), order(b)))


def _mod(a: int, b: int) -> int | None:
    if b == 0:
        return None
    return abs(a) % abs(b) * (-1 if a < 0 else 1)


def _div(a: float, b: float) -> float | None:
    return None if b == 0 else a / b


def _round(towards: Callable[[float], int]) -> Callable[[float], float]:
    return lambda x: float(towards(x)) if math.isfinite(x) else x


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _shift(x: float, k: int) -> float:
    return x / 10.0**k if k > 0 else x * 10.0**-k


def _local(instant_us: int, zone: str) -> datetime:
    """The wall clock of the zone, 400 years nearer to 2000 at both ends, where Python's calendar stops."""
    nearer = GREGORIAN if instant_us < -GREGORIAN * 4 else -GREGORIAN if instant_us > GREGORIAN * 19 else 0
    return moment(instant_us + nearer).astimezone(ZoneInfo(zone))


def _year(instant_us: int, zone: str) -> int:
    nearer = 400 if instant_us < -GREGORIAN * 4 else -400 if instant_us > GREGORIAN * 19 else 0
    return _local(instant_us, zone).year - nearer


STRICT: dict[Op, Callable[..., Value | None]] = {
    Op.ADD: operator.add,
    Op.SUB: operator.sub,
    Op.MUL: operator.mul,
    Op.NEG: operator.neg,
    Op.ABS: abs,
    Op.MOD: _mod,
    Op.DIV: _div,
    Op.FLOOR: _round(math.floor),
    Op.CEIL: _round(math.ceil),
    Op.SQRT: lambda x: None if x < 0 else math.sqrt(x),
    Op.LN: lambda x: None if x <= 0 else math.log(x),
    Op.EXP: _exp,
    Op.FINITE: lambda x: x if math.isfinite(x) else None,
    Op.TO_FLOAT: float,
    Op.SHIFT: _shift,
    Op.RESCALE: lambda x, k: x * 10**k,
    Op.EQ: _compare(operator.eq),
    Op.NE: _compare(operator.ne),
    Op.LT: _compare(operator.lt),
    Op.LE: _compare(operator.le),
    Op.GT: _compare(operator.gt),
    Op.GE: _compare(operator.ge),
    Op.NOT: _not,
    Op.CONCAT: operator.add,
    Op.STARTS_WITH: str.startswith,
    Op.SECONDS_BETWEEN: lambda start, end: float(end - start) / 1e6,
    Op.HOUR: lambda at, zone: _local(at, zone).hour,
    Op.DAY_OF_WEEK: lambda at, zone: _local(at, zone).isoweekday(),
    Op.DAY_OF_MONTH: lambda at, zone: _local(at, zone).day,
    Op.MONTH: lambda at, zone: _local(at, zone).month,
    Op.YEAR: _year,
}
"""The operations that give null for any null argument."""
