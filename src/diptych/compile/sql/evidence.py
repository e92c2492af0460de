"""What a comparison needs beside a value: which kind of answer it is, and what its tolerance is relative to."""

from collections.abc import Mapping

from sqlglot import exp

from diptych.compile.sql.dialects import Dialect
from diptych.compile.sql.expressions import lower
from diptych.compile.sql.parts import is_float
from diptych.compile.sql.tree import Sql, call, column, divided, plus, times
from diptych.ground.expression import Call, Column, Expression, Literal, Op, columns_of
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, View

_SAME_SIZE = frozenset({Op.NEG, Op.ABS, Op.FINITE})


def magnitude(view: View, feature: Feature, dialect: Dialect) -> Sql | None:
    """What the feature's tolerance is relative to; None where it is exact; infinity where any answer is right."""
    inexact = {
        name: _magnitude_of(view, name)
        for name in columns_of(feature.finish)
        if name != REQUEST_TIME and _inexact(view, name)
    }
    if not inexact:
        return None
    return _magnitude(feature.finish, inexact, dialect)


def _inexact(view: View, name: str) -> bool:
    reduction = view.reductions[int(name[1:])]
    return reduction.kind is Kind.MOMENTS or (reduction.kind is Kind.SUM and is_float(view, reduction))


def _magnitude_of(view: View, name: str) -> Sql:
    """Of a sum: the sum of magnitudes. Of a variance: itself."""
    is_sum = view.reductions[int(name[1:])].kind is Kind.SUM
    return column("reduced", f"{name}__magnitude" if is_sum else name)


def _magnitude(expression: Expression, inexact: Mapping[str, Sql], dialect: Dialect) -> Sql:
    """The propagation of magnitudes through the steps that keep a bound; through any other, everything is allowed."""

    def value(part: Expression) -> Sql:
        return call("ABS", lower(part, lambda name: column("reduced", name), dialect))

    def exact(part: Expression) -> bool:
        return not any(name in inexact for name in columns_of(part))

    def inner(part: Expression) -> Sql:
        return dialect.float_literal(0.0) if exact(part) else _magnitude(part, inexact, dialect)

    match expression:
        case Column(name):
            return inexact[name].copy()
        case Call(op, (argument,)) if op in _SAME_SIZE:
            return inner(argument)
        case Call(Op.SQRT):
            return value(expression)
        case Call(Op.SHIFT, (argument, Literal(int(places)))):
            return times(inner(argument), dialect.float_literal(10.0**-places))
        case Call(Op.ADD | Op.SUB, (one, other)):
            return plus(inner(one), inner(other))
        case Call(Op.MUL, (one, other)) if exact(other):
            return times(inner(one), value(other))
        case Call(Op.MUL, (one, other)) if exact(one):
            return times(value(one), inner(other))
        case Call(Op.DIV, (one, other)) if exact(other):
            return divided(inner(one), exp.Nullif(this=value(other), expression=dialect.float_literal(0.0)))
        case _:
            return dialect.infinity()
