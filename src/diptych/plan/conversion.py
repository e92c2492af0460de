"""Literals and conversions: how the types of an expression's parts meet.

A literal without a type is *open*: what it stands beside decides. ``unified`` finds the one type that all parts can
take and makes every conversion to it a node of the tree.
"""

import decimal
from dataclasses import replace

from diptych.declare.expression import timestamp_literal
from diptych.declare.functions import BadExpression
from diptych.ground.expression import Call, Expression, Literal, Op
from diptych.ground.values import (
    INT64_MAX,
    INT64_MIN,
    Bool,
    Decimal,
    Enum,
    Float64,
    Int64,
    ResultType,
    String,
    Timestamp,
    ValueType,
)

MAX_SCALE = 18
_EXACT_CONTEXT = decimal.Context(prec=60)


def bare(type_: ResultType) -> ResultType:
    """The type without range and nullability: what a node of an expression or an output carries."""
    match type_:
        case Int64():
            return Int64()
        case Float64():
            return Float64()
        case Decimal(scale):
            return Decimal(scale)
        case Bool() | Timestamp() | String() | Enum():
            return replace(type_, nullable=True) if not isinstance(type_, Enum) else Enum(*type_.values)
        case _:
            return type_


def spelled(type_: ResultType | None) -> str:
    """A type in an author's words."""
    match type_:
        case None:
            return "null"
        case Decimal(scale):
            return f"Decimal({scale})"
        case String(max_bytes):
            return f"String({max_bytes})"
        case Enum(values):
            return f"Enum({', '.join(map(repr, values[:4]))}{', ...' if len(values) > 4 else ''})"
        case _:
            return type(type_).__name__


def scalar(type_: ResultType | None) -> ValueType:
    """The type of a node that is typed and no list."""
    assert isinstance(type_, (Bool, Int64, Float64, Decimal, Timestamp, String, Enum))
    return type_


def is_open(tree: Expression) -> bool:
    """Whether this is a literal that waits for a type."""
    return tree.type is None


def closed(tree: Expression) -> Expression:
    """A tree that nothing else types: an open literal takes the type of its own spelling."""
    if not is_open(tree):
        return tree
    assert isinstance(tree, Literal)
    match tree.value:
        case None:
            raise BadExpression("null alone has no type", hint="put it beside something that has one")
        case bool():
            return Literal(tree.value, Bool())
        case int():
            return Literal(tree.value, Int64())
        case float() | decimal.Decimal():
            return _float_literal(tree.value)
        case str():
            return Literal(tree.value, String(len(tree.value.encode())))


def _float_literal(value: int | float | decimal.Decimal) -> Literal:
    return Literal(float(value) + 0.0, Float64())


def decimal_literal(value: int | decimal.Decimal, scale: int) -> Literal:
    """The exact literal with ``scale`` digits after the point; BadExpression where it leaves 64 bits."""
    if decimal.Decimal(value).adjusted() > MAX_SCALE:
        raise BadExpression(f"{value} does not fit into 64 bits")
    exact = decimal.Decimal(value).quantize(decimal.Decimal(1).scaleb(-scale), context=_EXACT_CONTEXT)
    unscaled = int(exact.scaleb(scale, context=_EXACT_CONTEXT))
    if not INT64_MIN <= unscaled <= INT64_MAX:
        raise BadExpression(f"{value} with {scale} digits after the point does not fit into 64 bits")
    return Literal(exact, Decimal(scale))


def digits(value: decimal.Decimal) -> int:
    """Digits after the point that the value needs."""
    exponent = value.normalize(_EXACT_CONTEXT).as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def convert(tree: Expression, type_: ValueType) -> Expression:
    """``tree`` as a ``type_`` that ``_joined`` found to hold it."""
    if isinstance(tree, Literal) and is_open(tree):
        return convert_literal(tree, type_)
    match tree.type, type_:
        case (Int64(), Float64()):
            return Call(Op.TO_FLOAT, (tree,), Float64())
        case (Decimal(scale), Float64()):
            return shifted(Call(Op.TO_FLOAT, (tree,), Float64()), scale)
        case (Int64(), Decimal(scale)):
            return _rescaled(tree, 0, scale)
        case (Decimal(own), Decimal(scale)) if own != scale:
            return _rescaled(tree, own, scale)
    return tree


def convert_literal(literal: Literal, type_: ValueType) -> Expression:
    """An open literal as a type beside which it stands."""
    value = literal.value
    match type_:
        case _ if value is None:
            return Literal(None, type_)
        case Float64() if isinstance(value, (int, float, decimal.Decimal)):
            return _float_literal(value)
        case Decimal(scale) if isinstance(value, (int, decimal.Decimal)):
            return decimal_literal(value, scale)
        case Timestamp() if isinstance(value, str):
            return timestamp_literal(value)
    return closed(literal)


def _rescaled(tree: Expression, own: int, scale: int) -> Expression:
    return Call(Op.RESCALE, (tree, Literal(scale - own, Int64())), Decimal(scale))


def shifted(tree: Expression, places: int) -> Expression:
    """A Float64 with its point moved to the left by ``places``."""
    return tree if places == 0 else Call(Op.SHIFT, (tree, Literal(places, Int64())), Float64())


def _joined(op: str, args: tuple[Expression, ...]) -> ValueType:
    """The one type that all arguments can take without loss (or as float64 where one is)."""
    types = [scalar(argument.type) for argument in args if not is_open(argument)]
    literals = [argument.value for argument in args if isinstance(argument, Literal) and is_open(argument)]
    values = [value for value in literals if value is not None]
    if not types:
        if not values:
            raise BadExpression(f"{op}: null alone has no type", hint="put it beside something that has one")
        types = [scalar(closed(Literal(values[0])).type)]
    type_ = types[0]
    for other in types[1:]:
        type_ = _join(op, type_, other)
    for value in values:
        type_ = _join_literal(op, type_, value)
    return type_


def _join(op: str, a: ValueType, b: ValueType) -> ValueType:
    match a, b:
        case (Float64(), Int64() | Decimal()) | (Int64() | Decimal(), Float64()):
            return Float64()
        case (Decimal(s), Decimal(r)):
            return Decimal(max(s, r))
        case (Decimal(), Int64()):
            return a
        case (Int64(), Decimal()):
            return b
        case (String() | Enum(), String() | Enum()):
            return a if a == b else String(max(a.max_bytes, b.max_bytes))
        case _:
            pass
    if type(a) is not type(b):
        raise BadExpression(f"{op}: {spelled(a)} and {spelled(b)} do not go together", hint=_join_hint(a, b))
    return a


def _join_literal(op: str, type_: ValueType, value: object) -> ValueType:
    match type_, value:
        case (Bool(), bool()) | (Timestamp(), str()):
            return type_
        case (String() | Enum(), str()):
            return _join(op, type_, String(len(value.encode())))
        case (Int64() | Float64() | Decimal(), bool()):
            pass
        case (Int64() | Float64() | Decimal(), int()):
            return type_
        case (Decimal(scale), decimal.Decimal()):
            return Decimal(max(scale, digits(value)))
        case (Int64() | Float64() | Decimal(), float() | decimal.Decimal()):
            return Float64()
        case _:
            pass
    raise BadExpression(f"{op}: {spelled(type_)} and {value!r} do not go together")


def _join_hint(a: ValueType, b: ValueType) -> str:
    if isinstance(a, Bool) or isinstance(b, Bool):
        return "a Bool becomes a number by case when x then 1 else 0 end"
    return ""


def unified(op: str, args: tuple[Expression, ...]) -> tuple[tuple[Expression, ...], ValueType]:
    """The arguments converted to the one type that holds them all, and that type; BadExpression if none does."""
    type_ = _joined(op, args)
    if isinstance(type_, Decimal) and type_.scale > MAX_SCALE:
        raise BadExpression(f"{op}: needs {type_.scale} digits after the point; {MAX_SCALE} is the most")
    return tuple(convert(argument, type_) for argument in args), type_
