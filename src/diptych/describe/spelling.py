"""Resolved expressions and types in an author's words: ``arr_delay > 15``, ``Int64 from -200 to 2000``.

Conversions that resolving made explicit are left out, so that the text reads like what was written.
"""

import decimal
from collections.abc import Mapping

from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import EARLIEST, LATEST, moment
from diptych.ground.values import (
    Bool,
    Decimal,
    Enum,
    Float64,
    Int64,
    ListOf,
    ResultType,
    Scalar,
    String,
    Timestamp,
)

_INFIX = {
    Op.OR: ("or", 1),
    Op.AND: ("and", 2),
    Op.EQ: ("=", 4),
    Op.NE: ("<>", 4),
    Op.LT: ("<", 4),
    Op.LE: ("<=", 4),
    Op.GT: (">", 4),
    Op.GE: (">=", 4),
    Op.ADD: ("+", 5),
    Op.SUB: ("-", 5),
    Op.MUL: ("*", 6),
    Op.DIV: ("/", 6),
}
"""How two-sided operations are written, and how tightly they bind."""
_NOT, _COMPARISON, _NEGATIVE, _ATOM = 3, 4, 7, 8
_SILENT = {Op.TO_FLOAT, Op.FINITE, Op.SHIFT, Op.RESCALE}


def spell_expression(tree: Expression, names: Mapping[str, str] | None = None) -> str:
    """The expression as SQL text; ``names`` replaces columns by other words."""
    return _spell(tree, names or {})[0]


def spell_value(value: Scalar | None, type_: ResultType | None = None) -> str:
    """A constant as it would be written; the instant of a Timestamp as ISO 8601."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() if isinstance(type_, Timestamp) and EARLIEST <= value <= LATEST:
            return f"'{moment(value).isoformat().replace('+00:00', 'Z')}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case decimal.Decimal():
            return f"{value.normalize():f}"
        case float() if value.is_integer() and abs(value) < 1e15:
            return f"{value:.1f}"
    return str(value)


def spell_type(type_: ResultType) -> str:
    """A type with its range, length or vocabulary."""
    match type_:
        case ListOf(element, n):
            return f"list of at most {n} {spell_type(element)}"
        case Bool() | Timestamp():
            words = type(type_).__name__
        case Int64(ge=low, le=high) | Float64(ge=low, le=high):
            words = type(type_).__name__ + _range(low, high)
        case Decimal(scale, ge=least, le=most):
            words = f"Decimal({scale})" + _range(least, most)
        case String(max_bytes):
            words = f"String of at most {max_bytes} bytes"
        case Enum(values):
            words = f"Enum({', '.join(values)})"
    return words if type_.nullable else f"{words}, never null"


def _range(low: object, high: object) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" from {low}"
    return f" up to {high}" if high is not None else ""


def _spell(tree: Expression, names: Mapping[str, str]) -> tuple[str, int]:
    """The text, and how tightly its outermost operation binds."""
    match tree:
        case Column(name):
            return names.get(name, name), _ATOM
        case Literal(value, type_):
            return spell_value(value, type_), _ATOM
        case Call(op, args):
            return _call(op, args, names)


def _call(op: Op, args: tuple[Expression, ...], names: Mapping[str, str]) -> tuple[str, int]:
    if op in _SILENT:
        return _spell(args[0], names)
    if op in _INFIX:
        word, tightness = _INFIX[op]
        left = _within(args[0], tightness, names)
        right = [_within(argument, tightness + 1, names) for argument in args[1:]]
        return f" {word} ".join([left, *right]), tightness
    match op:
        case Op.NOT if isinstance(args[0], Call) and args[0].op is Op.IS_NULL:
            return f"{_within(args[0].args[0], _COMPARISON + 1, names)} is not null", _COMPARISON
        case Op.NOT:
            return f"not {_within(args[0], _NOT, names)}", _NOT
        case Op.NEG:
            return f"-{_within(args[0], _ATOM, names)}", _NEGATIVE
        case Op.IS_NULL:
            return f"{_within(args[0], _COMPARISON + 1, names)} is null", _COMPARISON
        case Op.IN:
            words = ", ".join(_spell(argument, names)[0] for argument in args[1:])
            return f"{_within(args[0], _COMPARISON + 1, names)} in ({words})", _COMPARISON
        case Op.CASE:
            return _case(args, names), _ATOM
        case _:
            return f"{op.value}({', '.join(_spell(argument, names)[0] for argument in args)})", _ATOM


def _within(tree: Expression, least: int, names: Mapping[str, str]) -> str:
    text, tightness = _spell(tree, names)
    return text if tightness >= least else f"({text})"


def _case(args: tuple[Expression, ...], names: Mapping[str, str]) -> str:
    branches = [
        f"when {_spell(condition, names)[0]} then {_spell(value, names)[0]}"
        for condition, value in zip(args[:-1:2], args[1:-1:2], strict=True)
    ]
    otherwise = _spell(args[-1], names)[0]
    tail = "" if otherwise == "null" else f" else {otherwise}"
    return f"case {' '.join(branches)}{tail} end"
