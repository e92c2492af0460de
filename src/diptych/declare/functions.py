"""The functions that an expression may call, by name: what text and operators alike are turned into.

A builder gets the argument trees and returns the tree of the operations that stand for the call. Types are not
known here; ``plan`` gives them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from diptych.ground.errors import DiptychError
from diptych.ground.expression import Call, Expression, Literal, Op


class BadExpression(DiptychError):
    """An expression that does not load; ``exists`` lists what would, ``hint`` says what to do."""

    def __init__(self, what: str, exists: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.exists = exists
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Function:
    """A callable name: how many arguments it takes (``most`` None: any number) and the tree that it stands for."""

    least: int
    most: int | None
    build: Callable[[tuple[Expression, ...]], Expression]


def call(name: str, args: tuple[Expression, ...]) -> Expression:
    """The tree of a call by name; BadExpression when there is no such function or the number of arguments is wrong."""
    function = FUNCTIONS.get(name)
    if function is None:
        raise BadExpression(f"function {name!r} is not supported", tuple(sorted(FUNCTIONS)))
    if len(args) < function.least or (function.most is not None and len(args) > function.most):
        raise BadExpression(f"{name} takes {_arity(function)}, not {len(args)}")
    return function.build(args)


def negative(x: Expression) -> Expression:
    """``-x``, of a number literal the negative literal itself."""
    match x:
        case Literal(value, None) if value is not None and not isinstance(value, (str, bool)):
            return Literal(-value)
    return Call(Op.NEG, (x,))


def between(x: Expression, low: Expression, high: Expression) -> Expression:
    """``x between low and high``, both ends included."""
    return Call(Op.AND, (Call(Op.GE, (x, low)), Call(Op.LE, (x, high))))


def member(x: Expression, choices: tuple[Expression, ...]) -> Expression:
    """``x in (...)``; choices that are not literals become a chain of equalities."""
    if not choices:
        raise BadExpression("IN needs at least one value")
    if all(isinstance(choice, Literal) for choice in choices):
        return Call(Op.IN, (x, *choices))
    return _chain(Op.OR, tuple(Call(Op.EQ, (x, choice)) for choice in choices))


def _chain(op: Op, args: tuple[Expression, ...]) -> Expression:
    tree = args[0]
    for argument in args[1:]:
        tree = Call(op, (tree, argument))
    return tree


def _extreme(op: Op) -> Callable[[tuple[Expression, ...]], Expression]:
    """The least or greatest of all, null if any is null: the one that stands in ``op`` to every other."""

    def build(args: tuple[Expression, ...]) -> Expression:
        cases: list[Expression] = []
        for index, candidate in enumerate(args):
            others = args[:index] + args[index + 1 :]
            cases += [_chain(Op.AND, tuple(Call(op, (candidate, other)) for other in others)), candidate]
        return Call(Op.CASE, (*cases, Literal(None)))

    return build


def _nullif(args: tuple[Expression, ...]) -> Expression:
    x, unwanted = args
    return Call(Op.CASE, (Call(Op.EQ, (x, unwanted)), Literal(None), x))


def _plain(op: Op) -> Callable[[tuple[Expression, ...]], Expression]:
    return lambda args: Call(op, args)


def _joined(op: Op) -> Callable[[tuple[Expression, ...]], Expression]:
    return lambda args: _chain(op, args)


def _arity(function: Function) -> str:
    if function.most == function.least:
        return f"{function.least} argument{'s' if function.least != 1 else ''}"
    if function.most is None:
        return f"{function.least} arguments or more"
    return f"{function.least} to {function.most} arguments"


FUNCTIONS: dict[str, Function] = {
    "abs": Function(1, 1, _plain(Op.ABS)),
    "ceil": Function(1, 1, _plain(Op.CEIL)),
    "coalesce": Function(2, None, _plain(Op.COALESCE)),
    "concat": Function(2, None, _joined(Op.CONCAT)),
    "day_of_month": Function(2, 2, _plain(Op.DAY_OF_MONTH)),
    "day_of_week": Function(2, 2, _plain(Op.DAY_OF_WEEK)),
    "exp": Function(1, 1, _plain(Op.EXP)),
    "floor": Function(1, 1, _plain(Op.FLOOR)),
    "greatest": Function(2, None, _extreme(Op.GE)),
    "hour": Function(2, 2, _plain(Op.HOUR)),
    "least": Function(2, None, _extreme(Op.LE)),
    "ln": Function(1, 1, _plain(Op.LN)),
    "mod": Function(2, 2, _plain(Op.MOD)),
    "month": Function(2, 2, _plain(Op.MONTH)),
    "nullif": Function(2, 2, _nullif),
    "seconds_between": Function(2, 2, _plain(Op.SECONDS_BETWEEN)),
    "sqrt": Function(1, 1, _plain(Op.SQRT)),
    "starts_with": Function(2, 2, _plain(Op.STARTS_WITH)),
    "year": Function(2, 2, _plain(Op.YEAR)),
}
"""Every function that loads; the calendar functions take (timestamp, time zone)."""
