"""Types for expressions: the author's tree in, the same tree with a type on every node and explicit conversions out.

Numbers meet like this: Int64 and Float64 give Float64, Int64 and Decimal give Decimal, Decimal and Float64 give
Float64, two Decimals the larger scale (``*`` adds the scales and takes an Int64 as it is). A literal takes the type
of what it stands beside. Ranges are judged afterwards, in ``ranges``.
"""

import decimal
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field

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
    String,
    Timestamp,
    ValueType,
)  # fmt: skip
from diptych.plan.conversion import (
    MAX_SCALE,
    bare,
    closed,
    convert,
    convert_literal,
    decimal_literal,
    digits,
    is_open,
    scalar,
    shifted,
    spelled,
    unified,
)

TEXT = (String, Enum)
NUMBER = (Int64, Float64, Decimal)


class Poisoned(Exception):
    """An expression over something that did not load itself; the mistake has been told there."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may read: columns by name, None for one that did not load.

    ``noun`` and ``owner`` word a mistake: "unknown column 'x'", " of source 'flights'". ``substitutes`` are typed
    trees that stand for a name (None as above); ``approximate`` allows LN and EXP, which engines may round apart.
    """

    columns: Mapping[str, ValueType | None]
    noun: str
    owner: str = ""
    substitutes: Mapping[str, Expression | None] = field(default_factory=dict)
    approximate: bool = False

    def names(self) -> tuple[str, ...]:
        """Everything that can be read, sorted."""
        return tuple(sorted(name for name in {*self.columns, *self.substitutes} if not name.startswith("$")))


def type_expression(tree: Expression, scope: Scope) -> Expression:
    """The typed tree; BadExpression for the first thing wrong, all unknown columns together; Poisoned see above."""
    _check_columns(tree, scope)
    return closed(_typed(tree, scope))


def type_condition(tree: Expression, scope: Scope) -> Expression:
    """The typed tree of something that must be Bool."""
    condition = type_expression(tree, scope)
    if not isinstance(condition.type, Bool):
        raise BadExpression(f"must be a condition (Bool), not {spelled(condition.type)}", hint="compare: x > 0")
    return condition


def _check_columns(tree: Expression, scope: Scope) -> None:
    unknown = sorted({name for name in columns_of(tree) if name not in scope.columns and name not in scope.substitutes})
    if unknown:
        names = ", ".join(repr(name) for name in unknown)
        hints = [hint for name in unknown if (hint := did_you_mean(name, scope.names()))]
        plural = "s" if len(unknown) > 1 else ""
        raise BadExpression(f"unknown {scope.noun}{plural} {names}{scope.owner}", scope.names(), " ".join(hints))


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
    return Column(name, scalar(bare(type_)))


def _checked_literal(literal: Literal) -> Literal:
    value = literal.value
    if isinstance(value, int) and not isinstance(value, bool) and not INT64_MIN <= value <= INT64_MAX:
        raise BadExpression(f"{value} does not fit into 64 bits")
    if isinstance(value, str) and "\0" in value:
        raise BadExpression("a text with NUL cannot be compared: the door refuses such text")
    return literal


# Rules, one per operation


def _need(op: Op, tree: Expression, kinds: tuple[type, ...]) -> Expression:
    tree = closed(tree)
    if not isinstance(tree.type, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        hint = "seconds_between(start, end) is the difference of two" if isinstance(tree.type, Timestamp) else ""
        raise BadExpression(f"{op.value} needs {wanted}, not {spelled(tree.type)}", hint=hint)
    return tree


def _arithmetic(op: Op, args: tuple[Expression, ...]) -> Expression:
    for argument in args:
        if not is_open(argument):
            _need(op, argument, NUMBER)
    both, type_ = unified(op.value, args)
    for argument in both:
        _need(op, argument, NUMBER)
    return Call(op, both, type_)


def _multiply(op: Op, args: tuple[Expression, ...]) -> Expression:
    kinds = {type(argument.type) for argument in args if not is_open(argument)}
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
    if isinstance(tree, Literal) and is_open(tree) and isinstance(tree.value, decimal.Decimal):
        return decimal_literal(tree.value, digits(tree.value))
    return _need(op, tree, NUMBER)


def _divide(op: Op, args: tuple[Expression, ...]) -> Expression:
    scales = []
    floats: list[Expression] = []
    for argument in args:
        if isinstance(argument, Literal) and is_open(argument) and argument.value is None:
            argument = Literal(None, Float64())
        number = _need(op, argument, NUMBER)
        scales.append(number.type.scale if isinstance(number.type, Decimal) else 0)
        floats.append(_unscaled_float(argument, number))
    return shifted(Call(op, tuple(floats), Float64()), scales[0] - scales[1])


def _unscaled_float(original: Expression, number: Expression) -> Expression:
    if isinstance(original, Literal) and is_open(original):
        return convert_literal(original, Float64())
    return number if isinstance(number.type, Float64) else Call(Op.TO_FLOAT, (number,), Float64())


def _modulo(op: Op, args: tuple[Expression, ...]) -> Expression:
    return Call(op, tuple(_need(op, argument, (Int64,)) for argument in args), Int64())


def _same(op: Op, args: tuple[Expression, ...]) -> Expression:
    x = _need(op, args[0], NUMBER)
    return Call(op, (x,), scalar(x.type))


def _of_float(op: Op, args: tuple[Expression, ...]) -> Expression:
    x = convert(args[0], Float64()) if is_open(args[0]) else convert(_need(op, args[0], NUMBER), Float64())
    return Call(op, (_need(op, x, (Float64,)),), Float64())


def _to_float(op: Op, args: tuple[Expression, ...]) -> Expression:
    if isinstance(args[0], Literal) and is_open(args[0]):
        return _need(op, convert_literal(args[0], Float64()), (Float64,))
    return convert(_need(op, args[0], NUMBER), Float64())


def _compare(op: Op, args: tuple[Expression, ...]) -> Expression:
    _no_null(op, args)
    both, type_ = unified(op.value, args)
    if isinstance(type_, Bool) and op not in (Op.EQ, Op.NE):
        raise BadExpression(f"{op.value}: Bools have no order")
    if op in (Op.EQ, Op.NE):
        _check_words(both)
    return Call(op, both, Bool())


def _in(op: Op, args: tuple[Expression, ...]) -> Expression:
    _no_null(op, args)
    converted, _ = unified(op.value, args)
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
    return Call(op, (closed(args[0]),), Bool())


def _coalesce(op: Op, args: tuple[Expression, ...]) -> Expression:
    converted, type_ = unified(op.value, args)
    return Call(op, converted, type_)


def _case(op: Op, args: tuple[Expression, ...]) -> Expression:
    conditions = [_condition(op, argument) for argument in args[:-1:2]]
    values, type_ = unified(op.value, (*args[1:-1:2], args[-1]))
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
