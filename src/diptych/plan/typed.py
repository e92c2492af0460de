"""Types for expressions: the author's tree in, the same tree with a type on every node and explicit conversions out.

Numbers meet like this: Int64 and Float64 give Float64, Int64 and Decimal give Decimal, Decimal and Float64 give
Float64, two Decimals the larger scale (``*`` adds the scales and takes an Int64 as it is). A literal takes the type
of what it stands beside. Ranges are judged afterwards, in ``ranges``.
"""

import decimal
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from diptych.declare.expression import timestamp_literal
from diptych.declare.functions import BadExpression
from diptych.declare.mistakes import did_you_mean
from diptych.ground.expression import Call, Column, Expression, Literal, Op, columns_of
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
)  # fmt: skip

MAX_SCALE = 18
TEXT = (String, Enum)
NUMBER = (Int64, Float64, Decimal)
_EXACT_CONTEXT = decimal.Context(prec=60)


class Poisoned(Exception):
    """An expression over something that did not load itself; the mistake has been told there."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may read: columns by name (None for one that did not load), and in whose words to say so.

    ``substitutes`` are typed trees that stand for a name (None as above); ``approximate`` allows LN and EXP, which
    engines may round apart.
    """

    columns: Mapping[str, ValueType | None]
    noun: str
    substitutes: Mapping[str, Expression | None] = field(default_factory=dict)
    approximate: bool = False

    def names(self) -> tuple[str, ...]:
        """Everything that can be read, sorted."""
        return tuple(sorted({*self.columns, *self.substitutes}))


def type_expression(tree: Expression, scope: Scope) -> Expression:
    """The typed tree; BadExpression for the first thing wrong, all unknown columns together; Poisoned see above."""
    _check_columns(tree, scope)
    return _closed(_typed(tree, scope))


def type_condition(tree: Expression, scope: Scope) -> Expression:
    """The typed tree of something that must be Bool."""
    condition = type_expression(tree, scope)
    if not isinstance(condition.type, Bool):
        raise BadExpression(f"must be a condition (Bool), not {spelled(condition.type)}", hint="compare: x > 0")
    return condition


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


def _check_columns(tree: Expression, scope: Scope) -> None:
    unknown = sorted({name for name in columns_of(tree) if name not in scope.columns and name not in scope.substitutes})
    if unknown:
        names = ", ".join(repr(name) for name in unknown)
        hints = [hint for name in unknown if (hint := did_you_mean(name, scope.names()))]
        plural = "s" if len(unknown) > 1 else ""
        raise BadExpression(f"unknown {scope.noun}{plural} {names}", scope.names(), " ".join(hints))


def _typed(tree: Expression, scope: Scope) -> Expression:
    """The typed tree; a literal whose type its neighbours decide keeps None."""
    match tree:
        case Literal():
            return _checked_literal(tree)
        case Column(name):
            return _column(name, scope)
        case Call(op, args):
            if op in (Op.LN, Op.EXP) and not scope.approximate:
                hint = "only derived features and finishes may use it: it is not rounded alike everywhere"
                raise BadExpression(f"{op.value} cannot be used here", hint=hint)
            return _RULES[op](op, tuple(_typed(argument, scope) for argument in args))


def _column(name: str, scope: Scope) -> Expression:
    if name in scope.substitutes:
        tree = scope.substitutes[name]
        if tree is None:
            raise Poisoned
        return tree
    type_ = scope.columns[name]
    if type_ is None:
        raise Poisoned
    return Column(name, _value(bare(type_)))


def _value(type_: ResultType | None) -> ValueType:
    assert isinstance(type_, (Bool, Int64, Float64, Decimal, Timestamp, String, Enum))
    return type_


def _checked_literal(literal: Literal) -> Literal:
    value = literal.value
    if isinstance(value, int) and not isinstance(value, bool) and not INT64_MIN <= value <= INT64_MAX:
        raise BadExpression(f"{value} does not fit into 64 bits")
    if isinstance(value, str) and "\0" in value:
        raise BadExpression("a text with NUL cannot be compared: the door refuses such text")
    return literal


# Literals and conversions


def _is_open(tree: Expression) -> bool:
    return tree.type is None


def _closed(tree: Expression) -> Expression:
    """A tree that nothing else types: an open literal takes the type of its own spelling."""
    if not _is_open(tree):
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


def _decimal_literal(value: int | decimal.Decimal, scale: int) -> Literal:
    exact = decimal.Decimal(value).quantize(decimal.Decimal(1).scaleb(-scale), context=_EXACT_CONTEXT)
    unscaled = int(exact.scaleb(scale, context=_EXACT_CONTEXT))
    if not INT64_MIN <= unscaled <= INT64_MAX:
        raise BadExpression(f"{value} with {scale} digits after the point does not fit into 64 bits")
    return Literal(exact, Decimal(scale))


def _digits(value: decimal.Decimal) -> int:
    """Digits after the point that the value needs."""
    exponent = value.normalize(_EXACT_CONTEXT).as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _convert(tree: Expression, type_: ValueType) -> Expression:
    """``tree`` as a ``type_`` that ``_joined`` found to hold it."""
    if isinstance(tree, Literal) and _is_open(tree):
        return _convert_literal(tree, type_)
    match tree.type, type_:
        case (Int64(), Float64()):
            return Call(Op.TO_FLOAT, (tree,), Float64())
        case (Decimal(scale), Float64()):
            return _shifted(Call(Op.TO_FLOAT, (tree,), Float64()), scale)
        case (Int64(), Decimal(scale)):
            return _rescaled(tree, 0, scale)
        case (Decimal(own), Decimal(scale)) if own != scale:
            return _rescaled(tree, own, scale)
    return tree


def _convert_literal(literal: Literal, type_: ValueType) -> Expression:
    value = literal.value
    match type_:
        case _ if value is None:
            return Literal(None, type_)
        case Float64() if isinstance(value, (int, float, decimal.Decimal)):
            return _float_literal(value)
        case Decimal(scale) if isinstance(value, (int, decimal.Decimal)):
            return _decimal_literal(value, scale)
        case Timestamp() if isinstance(value, str):
            return timestamp_literal(value)
    return _closed(literal)


def _rescaled(tree: Expression, own: int, scale: int) -> Expression:
    return Call(Op.RESCALE, (tree, Literal(scale - own, Int64())), Decimal(scale))


def _shifted(tree: Expression, digits: int) -> Expression:
    return tree if digits == 0 else Call(Op.SHIFT, (tree, Literal(digits, Int64())), Float64())


def _joined(op: str, args: tuple[Expression, ...]) -> ValueType:
    """The one type that all arguments can take without loss (or as float64 where one is)."""
    closed = [_value(argument.type) for argument in args if not _is_open(argument)]
    literals = [argument.value for argument in args if isinstance(argument, Literal) and _is_open(argument)]
    values = [value for value in literals if value is not None]
    if not closed:
        if not values:
            raise BadExpression(f"{op}: null alone has no type", hint="put it beside something that has one")
        closed = [_value(_closed(Literal(values[0])).type)]
    type_ = closed[0]
    for other in closed[1:]:
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
            return Decimal(max(scale, _digits(value)))
        case (Int64() | Float64() | Decimal(), float() | decimal.Decimal()):
            return Float64()
        case _:
            pass
    raise BadExpression(f"{op}: {spelled(type_)} and {value!r} do not go together")


def _join_hint(a: ValueType, b: ValueType) -> str:
    if isinstance(a, Bool) or isinstance(b, Bool):
        return "a Bool becomes a number by case when x then 1 else 0 end"
    return ""


def _unified(op: str, args: tuple[Expression, ...]) -> tuple[tuple[Expression, ...], ValueType]:
    type_ = _joined(op, args)
    if isinstance(type_, Decimal) and type_.scale > MAX_SCALE:
        raise BadExpression(f"{op}: needs {type_.scale} digits after the point; {MAX_SCALE} is the most")
    return tuple(_convert(argument, type_) for argument in args), type_


# Rules, one per operation


def _need(op: Op, tree: Expression, kinds: tuple[type, ...]) -> Expression:
    closed = _closed(tree)
    if not isinstance(closed.type, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        hint = "seconds_between(start, end) is the difference of two" if isinstance(closed.type, Timestamp) else ""
        raise BadExpression(f"{op.value} needs {wanted}, not {spelled(closed.type)}", hint=hint)
    return closed


def _arithmetic(op: Op, args: tuple[Expression, ...]) -> Expression:
    for argument in args:
        if not _is_open(argument):
            _need(op, argument, NUMBER)
    both, type_ = _unified(op.value, args)
    for argument in both:
        _need(op, argument, NUMBER)
    return Call(op, both, type_)


def _multiply(op: Op, args: tuple[Expression, ...]) -> Expression:
    kinds = {type(argument.type) for argument in args if not _is_open(argument)}
    if Decimal not in kinds or Float64 in kinds:
        return _arithmetic(op, args)
    factors = tuple(_decimal_factor(op, argument) for argument in args)
    scale = sum(factor.type.scale for factor in factors if isinstance(factor.type, Decimal))
    if scale > MAX_SCALE:
        hint = "cast one of them: cast(x as double)"
        raise BadExpression(
            f"mul: the product needs {scale} digits after the point; {MAX_SCALE} is the most", hint=hint
        )
    return Call(op, factors, Decimal(scale))


def _decimal_factor(op: Op, tree: Expression) -> Expression:
    if isinstance(tree, Literal) and _is_open(tree) and isinstance(tree.value, decimal.Decimal):
        return _decimal_literal(tree.value, _digits(tree.value))
    return _need(op, tree, NUMBER)


def _divide(op: Op, args: tuple[Expression, ...]) -> Expression:
    scales = []
    floats: list[Expression] = []
    for argument in args:
        if isinstance(argument, Literal) and _is_open(argument) and argument.value is None:
            argument = Literal(None, Float64())
        number = _need(op, argument, NUMBER)
        scales.append(number.type.scale if isinstance(number.type, Decimal) else 0)
        floats.append(_unscaled_float(argument, number))
    return _shifted(Call(op, tuple(floats), Float64()), scales[0] - scales[1])


def _unscaled_float(original: Expression, number: Expression) -> Expression:
    if isinstance(original, Literal) and _is_open(original):
        return _convert_literal(original, Float64())
    return number if isinstance(number.type, Float64) else Call(Op.TO_FLOAT, (number,), Float64())


def _modulo(op: Op, args: tuple[Expression, ...]) -> Expression:
    return Call(op, tuple(_need(op, argument, (Int64,)) for argument in args), Int64())


def _same(op: Op, args: tuple[Expression, ...]) -> Expression:
    x = _need(op, args[0], NUMBER)
    return Call(op, (x,), _value(x.type))


def _of_float(op: Op, args: tuple[Expression, ...]) -> Expression:
    x = _convert(args[0], Float64()) if _is_open(args[0]) else _convert(_need(op, args[0], NUMBER), Float64())
    return Call(op, (_need(op, x, (Float64,)),), Float64())


def _to_float(op: Op, args: tuple[Expression, ...]) -> Expression:
    if isinstance(args[0], Literal) and _is_open(args[0]):
        return _need(op, _convert_literal(args[0], Float64()), (Float64,))
    return _convert(_need(op, args[0], NUMBER), Float64())


def _compare(op: Op, args: tuple[Expression, ...]) -> Expression:
    _no_null(op, args)
    both, type_ = _unified(op.value, args)
    if isinstance(type_, Bool) and op not in (Op.EQ, Op.NE):
        raise BadExpression(f"{op.value}: Bools have no order")
    if op in (Op.EQ, Op.NE):
        _check_words(both)
    return Call(op, both, Bool())


def _in(op: Op, args: tuple[Expression, ...]) -> Expression:
    _no_null(op, args)
    converted, _ = _unified(op.value, args)
    _check_words(converted)
    return Call(op, converted, Bool())


def _no_null(op: Op, args: tuple[Expression, ...]) -> None:
    if any(isinstance(argument, Literal) and argument.value is None for argument in args):
        raise BadExpression(f"{op.value}: a comparison with null is never true", hint="write: x is null")


def _check_words(args: tuple[Expression, ...]) -> None:
    """A text that a column can never hold is a slip of the pen."""
    words = [argument.value for argument in args if isinstance(argument, Literal) and isinstance(argument.value, str)]
    for argument in args:
        match argument:
            case Literal():
                continue
            case Column(name, Enum(values)):
                _check_vocabulary(name, values, words)
            case Column(name, String(max_bytes)):
                for word in words:
                    if len(word.encode()) > max_bytes:
                        raise BadExpression(f"{word!r} can never equal {name!r}, which has at most {max_bytes} bytes")
            case _:
                continue


def _check_vocabulary(name: str, values: tuple[str, ...], words: list[str]) -> None:
    for word in words:
        if word not in values:
            raise BadExpression(f"{word!r} is not in the vocabulary of {name!r}", values, did_you_mean(word, values))


def _logical(op: Op, args: tuple[Expression, ...]) -> Expression:
    return Call(op, tuple(_condition(op, argument) for argument in args), Bool())


def _condition(op: Op, tree: Expression) -> Expression:
    if isinstance(tree, Literal) and tree.value is None:
        return Literal(None, Bool())
    return _need(op, tree, (Bool,))


def _is_null(op: Op, args: tuple[Expression, ...]) -> Expression:
    return Call(op, (_closed(args[0]),), Bool())


def _coalesce(op: Op, args: tuple[Expression, ...]) -> Expression:
    converted, type_ = _unified(op.value, args)
    return Call(op, converted, type_)


def _case(op: Op, args: tuple[Expression, ...]) -> Expression:
    conditions = [_condition(op, argument) for argument in args[:-1:2]]
    values, type_ = _unified(op.value, (*args[1:-1:2], args[-1]))
    branches = [part for pair in zip(conditions, values, strict=False) for part in pair]
    return Call(op, (*branches, values[-1]), type_)


def _concat(op: Op, args: tuple[Expression, ...]) -> Expression:
    texts = tuple(_need(op, argument, TEXT) for argument in args)
    length = sum(text.type.max_bytes for text in texts if isinstance(text.type, (String, Enum)))
    return Call(op, texts, String(length))


def _starts_with(op: Op, args: tuple[Expression, ...]) -> Expression:
    return Call(op, tuple(_need(op, argument, TEXT) for argument in args), Bool())


def _timestamp(op: Op, tree: Expression) -> Expression:
    if isinstance(tree, Literal) and isinstance(tree.value, str):
        return timestamp_literal(tree.value)
    return _need(op, tree, (Timestamp,))


def _seconds_between(op: Op, args: tuple[Expression, ...]) -> Expression:
    return Call(op, tuple(_timestamp(op, argument) for argument in args), Float64())


def _calendar(op: Op, args: tuple[Expression, ...]) -> Expression:
    zone = args[1]
    if not isinstance(zone, Literal) or not isinstance(zone.value, str):
        raise BadExpression(f"{op.value} needs a time zone as a text", hint=f"{op.value}(request_time, 'UTC')")
    known = zoneinfo.available_timezones()
    if zone.value not in known:
        raise BadExpression(f"unknown time zone {zone.value!r}", hint=did_you_mean(zone.value, known))
    return Call(op, (_timestamp(op, args[0]), Literal(zone.value, String(len(zone.value)))), Int64())


_RULES = {
    Op.ADD: _arithmetic, Op.SUB: _arithmetic, Op.MUL: _multiply, Op.DIV: _divide, Op.MOD: _modulo, Op.NEG: _same,
    Op.ABS: _same, Op.FLOOR: _of_float, Op.CEIL: _of_float, Op.SQRT: _of_float, Op.LN: _of_float,
    Op.EXP: _of_float, Op.TO_FLOAT: _to_float, Op.EQ: _compare, Op.NE: _compare, Op.LT: _compare,
    Op.LE: _compare, Op.GT: _compare, Op.GE: _compare, Op.IN: _in, Op.AND: _logical, Op.OR: _logical,
    Op.NOT: _logical, Op.IS_NULL: _is_null, Op.COALESCE: _coalesce, Op.CASE: _case, Op.CONCAT: _concat,
    Op.STARTS_WITH: _starts_with, Op.SECONDS_BETWEEN: _seconds_between, Op.HOUR: _calendar,
    Op.DAY_OF_WEEK: _calendar, Op.DAY_OF_MONTH: _calendar, Op.MONTH: _calendar, Op.YEAR: _calendar,
}  # fmt: skip
