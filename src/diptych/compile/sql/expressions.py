"""Row expressions to SQL: one row of the table for each operation, with exactly the contract of ``ground.expression``.

Arguments arrive typed and without coercions left to make, so each operation is one shape of SQL.
"""

from collections.abc import Callable
from functools import reduce

from sqlglot import exp

from diptych.compile.sql.dialects.base import Dialect
from diptych.compile.sql.tree import Sql, at_most, call, case, coalesce, integer, is_null, less, typed
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import SECOND
from diptych.ground.values import Decimal, Float64, Int64, ResultType, Scalar, Timestamp

Resolve = Callable[[str], Sql]
"""Gives the SQL of a named column of the expression."""

_BINARY: dict[Op, type[exp.Binary]] = {
    Op.ADD: exp.Add,
    Op.SUB: exp.Sub,
    Op.MUL: exp.Mul,
    Op.EQ: exp.EQ,
    Op.NE: exp.NEQ,
    Op.LT: exp.LT,
    Op.LE: exp.LTE,
    Op.GT: exp.GT,
    Op.GE: exp.GTE,
    Op.CONCAT: exp.DPipe,
}
_FUNCTION = {Op.ABS: "ABS", Op.FLOOR: "FLOOR", Op.CEIL: "CEIL", Op.EXP: "EXP", Op.STARTS_WITH: "STARTS_WITH"}
_CALENDAR = frozenset({Op.HOUR, Op.DAY_OF_WEEK, Op.DAY_OF_MONTH, Op.MONTH, Op.YEAR})


def literal(value: Scalar | None, type_: ResultType | None, dialect: Dialect) -> Sql:
    """A constant of the given type; a decimal is its unscaled integer, an instant its microseconds."""
    match value:
        case None:
            return typed(exp.null(), dialect.type_name(type_)) if type_ is not None else exp.null()
        case bool():
            return exp.true() if value else exp.false()
        case str():
            return exp.Literal.string(value)
        case float():
            return dialect.float_literal(value)
        case int() if isinstance(type_, Float64):
            return dialect.float_literal(float(value))
        case int() if isinstance(type_, Decimal):
            return typed(integer(value * 10**type_.scale), dialect.integer)
        case int():
            return typed(integer(value), dialect.integer)
        case _:
            scale = type_.scale if isinstance(type_, Decimal) else 0
            return typed(integer(int(value.scaleb(scale))), dialect.integer)


def lower(expression: Expression, resolve: Resolve, dialect: Dialect) -> Sql:
    """The SQL of a typed expression, whose columns ``resolve`` places."""
    match expression:
        case Column(name):
            return resolve(name)
        case Literal(value, type_):
            return literal(value, type_, dialect)
        case Call(op, args, _):
            return _call(op, args, [_argument(argument, args, resolve, dialect) for argument in args], dialect)


def _argument(argument: Expression, siblings: tuple[Expression, ...], resolve: Resolve, dialect: Dialect) -> Sql:
    """A whole number beside an argument that has a type needs no cast to take that type."""
    match argument:
        case Literal(int(value), Int64() | Timestamp()) if not all(isinstance(other, Literal) for other in siblings):
            return integer(value)
    return lower(argument, resolve, dialect)


def _call(op: Op, args: tuple[Expression, ...], sql: list[Sql], dialect: Dialect) -> Sql:
    if op in _BINARY:
        return exp.Paren(this=_BINARY[op](this=sql[0], expression=sql[1]))
    if op in _FUNCTION:
        return call(_FUNCTION[op], *sql)
    if op in _CALENDAR:
        return dialect.calendar(op, sql[0], str(_constant(args[1])))
    return _OTHER[op](args, sql, dialect)


def _constant(argument: Expression) -> Scalar:
    assert isinstance(argument, Literal)
    assert argument.value is not None
    return argument.value


def _shift(args: tuple[Expression, ...], sql: list[Sql], dialect: Dialect) -> Sql:
    places = int(_constant(args[1]))
    power = dialect.float_literal(float(10 ** abs(places)))
    if places == 0:
        return sql[0]
    return exp.Paren(
        this=exp.Div(this=sql[0], expression=power) if places > 0 else exp.Mul(this=sql[0], expression=power)
    )


def _modulo(args: tuple[Expression, ...], sql: list[Sql], dialect: Dialect) -> Sql:
    """By 0 null, by -1 as by 1: the least integer divided by -1 overflows in an engine that divides to find it."""
    value, divisor = sql
    if not isinstance(args[1], Literal) or args[1].value in (0, -1, None):
        safe = exp.Case(this=divisor).when(integer(0), exp.null()).when(integer(-1), integer(1))
        divisor = safe.else_(divisor.copy())
    return exp.Paren(this=exp.Mod(this=value, expression=divisor))


def _divide(_: tuple[Expression, ...], sql: list[Sql], dialect: Dialect) -> Sql:
    return exp.Paren(
        this=exp.Div(this=sql[0], expression=exp.Nullif(this=sql[1], expression=dialect.float_literal(0.0)))
    )


def _case(_: tuple[Expression, ...], sql: list[Sql], __: Dialect) -> Sql:
    branches = zip(sql[:-1:2], sql[1:-1:2], strict=True)
    return case(*branches, otherwise=sql[-1])


def _seconds(_: tuple[Expression, ...], sql: list[Sql], dialect: Dialect) -> Sql:
    start, end = sql
    length = typed(exp.Sub(this=end, expression=start), dialect.double)
    return exp.Paren(this=exp.Div(this=length, expression=dialect.float_literal(float(SECOND))))


def _where_positive(function: str, *, zero: bool) -> "_Lowering":
    def lowering(_: tuple[Expression, ...], sql: list[Sql], dialect: Dialect) -> Sql:
        edge = dialect.float_literal(0.0)
        inside = at_most(edge, sql[0]) if zero else less(edge, sql[0])
        return case((inside, call(function, sql[0])))

    return lowering


_Lowering = Callable[[tuple[Expression, ...], list[Sql], Dialect], Sql]
_OTHER: dict[Op, _Lowering] = {
    Op.NEG: lambda _, sql, __: exp.Paren(this=exp.Neg(this=exp.Paren(this=sql[0]))),
    Op.MOD: _modulo,
    Op.DIV: _divide,
    Op.SQRT: _where_positive("SQRT", zero=True),
    Op.LN: _where_positive("LN", zero=False),
    Op.FINITE: lambda _, sql, dialect: case((dialect.is_finite(sql[0].copy()), sql[0])),
    Op.TO_FLOAT: lambda _, sql, dialect: typed(sql[0], dialect.double),
    Op.SHIFT: _shift,
    Op.RESCALE: lambda args, sql, dialect: exp.Paren(
        this=exp.Mul(this=sql[0], expression=typed(integer(10 ** int(_constant(args[1]))), dialect.integer))
    ),
    Op.IN: lambda _, sql, __: exp.Paren(this=exp.In(this=sql[0], expressions=sql[1:])),
    Op.AND: lambda _, sql, __: exp.Paren(this=reduce(lambda a, b: exp.And(this=a, expression=b), sql)),
    Op.OR: lambda _, sql, __: exp.Paren(this=reduce(lambda a, b: exp.Or(this=a, expression=b), sql)),
    Op.NOT: lambda _, sql, __: exp.Paren(this=exp.Not(this=sql[0])),
    Op.IS_NULL: lambda _, sql, __: exp.Paren(this=is_null(sql[0])),
    Op.COALESCE: lambda _, sql, __: coalesce(*sql),
    Op.CASE: _case,
    Op.SECONDS_BETWEEN: _seconds,
}

LOWERED = frozenset(_BINARY) | frozenset(_FUNCTION) | _CALENDAR | frozenset(_OTHER)
"""The operations that have a lowering; a test holds this equal to all of them."""
