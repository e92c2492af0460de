"""Which expressions cannot be null, so that nobody waits for a case in which they are."""

from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.plan.nodes import View

TOTAL = {
    Op.ADD, Op.SUB, Op.MUL, Op.NEG, Op.ABS, Op.FLOOR, Op.CEIL, Op.TO_FLOAT, Op.SHIFT, Op.RESCALE, Op.EQ, Op.NE, Op.LT,
    Op.LE, Op.GT, Op.GE, Op.IN, Op.AND, Op.OR, Op.NOT, Op.CONCAT, Op.STARTS_WITH, Op.SECONDS_BETWEEN, Op.HOUR,
    Op.DAY_OF_WEEK, Op.DAY_OF_MONTH, Op.MONTH, Op.YEAR,
}  # fmt: skip
"""Operations that give null only for a null."""


def never_null(view: View, tree: Expression) -> bool:
    """Whether an expression has a value for every event of a view; False where that is not plain to see."""
    match tree:
        case Literal(value):
            return value is not None
        case Column(name):
            source = view.source
            if name in (source.timestamp, source.known_at, source.event_id):
                return True
            if name in dict(source.derive):
                return never_null(view, dict(source.derive)[name])
            return name in view.on or any(field.name == name and not field.type.nullable for field in source.columns)
        case Call(Op.IS_NULL):
            return True
        case Call(Op.COALESCE, args):
            return any(never_null(view, argument) for argument in args)
        case Call(Op.CASE, args):
            return all(never_null(view, argument) for argument in (*args[1:-1:2], args[-1]))
        case Call(op, args):
            return op in TOTAL and all(never_null(view, argument) for argument in args)
