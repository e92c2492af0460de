"""Evaluate typed row expressions over columns: every operation of the tree, with exactly its contract.

Works on whole arrays; null is carried beside the data, and the data under a null is arbitrary until the root, where it
becomes zero. A float result of -0.0 is 0.0.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.values import Bool
from diptych.rows import clock
from diptych.rows.values import BoolArray, DataArray, Values, dtype_of, masked, stored


def evaluate(expression: Expression, columns: Mapping[str, Values], rows: int | None = None) -> Values:
    """The value of a typed expression (every node has a type) for each row of ``columns``.

    ``rows`` is their common length, to be given where there may be no column at all.
    """
    if rows is None:
        rows = len(next(iter(columns.values())))
    with np.errstate(all="ignore"):
        found = _value(expression, columns, rows)
    data = found.data + 0.0 if found.data.dtype == np.float64 else found.data
    return masked(np.ascontiguousarray(data), np.ascontiguousarray(found.valid))


def truth(expression: Expression, columns: Mapping[str, Values], rows: int | None = None) -> BoolArray:
    """Where a Bool expression is true; null is not."""
    found = evaluate(expression, columns, rows)
    met: BoolArray = found.data & found.valid
    return met


def _value(node: Expression, columns: Mapping[str, Values], rows: int) -> Values:
    match node:
        case Column(name):
            return columns[name]
        case Literal():
            return _literal(node, rows)
        case Call(op, args):
            return _apply(node, op, [_value(argument, columns, rows) for argument in args])


def _literal(node: Literal, rows: int) -> Values:
    """The constant without a copy for every row; an untyped null stands for a null of any type."""
    kind = node.type or Bool()
    dtype = dtype_of(kind)
    one = np.zeros((), dtype) if node.value is None else np.array(stored(kind, node.value), dtype)
    return Values(np.broadcast_to(one, rows), np.broadcast_to(np.bool_(node.value is not None), rows))


def _apply(node: Call, op: Op, args: list[Values]) -> Values:
    match op:
        case Op.AND:
            return reduce(_and, args)
        case Op.OR:
            return _not(reduce(_and, map(_not, args)))
        case Op.NOT:
            return _not(args[0])
        case Op.IN:
            return _not(reduce(_and, [_not(_strict(Op.EQ, [args[0], word])) for word in args[1:]]))
        case Op.IS_NULL:
            return Values(~args[0].valid, np.ones(len(args[0]), np.bool_))
        case Op.COALESCE:
            return _first_of(node, [(value.valid, value) for value in args[:-1]], args[-1])
        case Op.CASE:
            met = [condition.data & condition.valid for condition in args[0:-1:2]]
            return _first_of(node, list(zip(met, args[1:-1:2], strict=True)), args[-1])
        case Op.HOUR | Op.DAY_OF_WEEK | Op.DAY_OF_MONTH | Op.MONTH | Op.YEAR:
            zone = node.args[1]
            assert isinstance(zone, Literal)
            return Values(clock.part(op, args[0].data, str(zone.value)), args[0].valid)
        case Op.SHIFT | Op.RESCALE:
            power = node.args[1]
            assert isinstance(power, Literal)
            assert isinstance(power.value, int)
            return Values(_scaled(op, args[0].data, power.value), args[0].valid)
        case _:
            return _strict(op, args)


def _and(a: Values, b: Values) -> Values:
    """Kleene: false with anything is false."""
    true = a.data & a.valid & b.data & b.valid
    false = (a.valid & ~a.data) | (b.valid & ~b.data)
    return Values(true, true | false)


def _not(a: Values) -> Values:
    return Values(~a.data, a.valid)


def _first_of(node: Call, choices: Sequence[tuple[BoolArray, Values]], otherwise: Values) -> Values:
    """For each row the value of the first choice that is met."""
    assert node.type is not None
    dtype = dtype_of(node.type)
    parts = [value for _, value in choices] + [otherwise]
    if dtype.kind == "S":  # as wide as the widest, should the type be narrower: nothing is ever cut
        dtype = max((dtype, *(part.data.dtype for part in parts if part.data.dtype.kind == "S")), key=_width)
    data = otherwise.data.astype(dtype)
    valid = otherwise.valid.copy()
    for met, value in reversed(choices):
        data = np.where(met, value.data.astype(dtype), data)
        valid = np.where(met, value.valid, valid)
    return Values(data, valid)


def _width(dtype: np.dtype[Any]) -> int:
    return dtype.itemsize


def _scaled(op: Op, data: DataArray, power: int) -> DataArray:
    if op is Op.RESCALE:
        return data * np.int64(10**power)
    return data / 10.0**power if power > 0 else data * 10.0**-power


def _strict(op: Op, args: list[Values]) -> Values:
    """An operation that is null for any null argument, and also wherever its own domain ends."""
    data, inside = _STRICT[op](*(argument.data for argument in args))
    valid = reduce(np.logical_and, [argument.valid for argument in args])
    return Values(data, valid if inside is None else valid & inside)


_Strict = Callable[..., tuple[DataArray, BoolArray | None]]


def _total(function: Callable[..., DataArray]) -> _Strict:
    return lambda *args: (function(*args), None)


def _mod(a: DataArray, b: DataArray) -> tuple[DataArray, BoolArray]:
    safe = np.where((b == 0) | (b == -1), 1, b)  # x mod -1 is x mod 1, without the overflow of the least integer
    return np.fmod(a, safe), b != 0


def _div(a: DataArray, b: DataArray) -> tuple[DataArray, BoolArray]:
    return a / b, b != 0


def _finite(a: DataArray) -> tuple[DataArray, BoolArray]:
    return a, np.isfinite(a)


def _concat(a: DataArray, b: DataArray) -> DataArray:
    joined: DataArray = np.char.add(a, b)
    return joined


def _starts_with(a: DataArray, b: DataArray) -> DataArray:
    started: DataArray = np.char.startswith(a, b)
    return started


_STRICT: dict[Op, _Strict] = {
    Op.ADD: _total(np.add),
    Op.SUB: _total(np.subtract),
    Op.MUL: _total(np.multiply),
    Op.NEG: _total(np.negative),
    Op.ABS: _total(np.abs),
    Op.MOD: _mod,
    Op.DIV: _div,
    Op.FLOOR: _total(np.floor),
    Op.CEIL: _total(np.ceil),
    Op.SQRT: lambda a: (np.sqrt(a), a >= 0),
    Op.LN: lambda a: (np.log(a), a > 0),
    Op.EXP: _total(np.exp),
    Op.FINITE: _finite,
    Op.TO_FLOAT: _total(lambda a: a.astype(np.float64)),
    Op.EQ: _total(np.equal),
    Op.NE: _total(np.not_equal),
    Op.LT: _total(np.less),
    Op.LE: _total(np.less_equal),
    Op.GT: _total(np.greater),
    Op.GE: _total(np.greater_equal),
    Op.CONCAT: _total(_concat),
    Op.STARTS_WITH: _total(_starts_with),
    Op.SECONDS_BETWEEN: _total(lambda start, end: (end - start) / 1e6),
}
