"""Expressions written with Python operators: the same trees as text, for authors who like their editor's help."""

import decimal
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from diptych.declare import functions
from diptych.declare.functions import BadExpression, negative
from diptych.declare.mistakes import DeclarationError
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import instant
from diptych.ground.values import Timestamp


@dataclass(frozen=True, slots=True, eq=False)
class Expr:
    """An expression under construction; comparison operators build trees, so ``tree`` is what to compare."""

    tree: Expression

    def __add__(self, other: "Operand") -> "Expr":
        return self._with(Op.ADD, other)

    def __radd__(self, other: "Operand") -> "Expr":
        return lit(other)._with(Op.ADD, self)

    def __sub__(self, other: "Operand") -> "Expr":
        return self._with(Op.SUB, other)

    def __rsub__(self, other: "Operand") -> "Expr":
        return lit(other)._with(Op.SUB, self)

    def __mul__(self, other: "Operand") -> "Expr":
        return self._with(Op.MUL, other)

    def __rmul__(self, other: "Operand") -> "Expr":
        return lit(other)._with(Op.MUL, self)

    def __truediv__(self, other: "Operand") -> "Expr":
        return self._with(Op.DIV, other)

    def __rtruediv__(self, other: "Operand") -> "Expr":
        return lit(other)._with(Op.DIV, self)

    def __mod__(self, other: "Operand") -> "Expr":
        return self._with(Op.MOD, other)

    def __neg__(self) -> "Expr":
        return Expr(negative(self.tree))

    def __abs__(self) -> "Expr":
        return Expr(Call(Op.ABS, (self.tree,)))

    def __eq__(self, other: object) -> "Expr":  # type: ignore[override]
        return self._with(Op.EQ, other)

    def __ne__(self, other: object) -> "Expr":  # type: ignore[override]
        return self._with(Op.NE, other)

    def __lt__(self, other: "Operand") -> "Expr":
        return self._with(Op.LT, other)

    def __le__(self, other: "Operand") -> "Expr":
        return self._with(Op.LE, other)

    def __gt__(self, other: "Operand") -> "Expr":
        return self._with(Op.GT, other)

    def __ge__(self, other: "Operand") -> "Expr":
        return self._with(Op.GE, other)

    def __and__(self, other: "Operand") -> "Expr":
        return self._with(Op.AND, other)

    def __or__(self, other: "Operand") -> "Expr":
        return self._with(Op.OR, other)

    def __invert__(self) -> "Expr":
        return Expr(Call(Op.NOT, (self.tree,)))

    def __bool__(self) -> bool:
        raise DeclarationError("an expression has no truth of its own; combine with & | ~ instead of and, or, not")

    __hash__ = None  # type: ignore[assignment]

    def is_null(self) -> "Expr":
        """``x is null``; never null itself."""
        return Expr(Call(Op.IS_NULL, (self.tree,)))

    def is_not_null(self) -> "Expr":
        """``x is not null``; never null itself."""
        return ~self.is_null()

    def between(self, low: "Operand", high: "Operand") -> "Expr":
        """``x between low and high``, both ends included."""
        return Expr(functions.between(self.tree, lit(low).tree, lit(high).tree))

    def is_in(self, *choices: "Operand") -> "Expr":
        """``x in (choices)``."""
        return Expr(functions.member(self.tree, tuple(lit(choice).tree for choice in choices)))

    def as_float(self) -> "Expr":
        """``cast(x as double)``."""
        return Expr(Call(Op.TO_FLOAT, (self.tree,)))

    def _with(self, op: Op, other: object) -> "Expr":
        return Expr(Call(op, (self.tree, lit(other).tree)))


Operand: TypeAlias = Expr | bool | int | float | decimal.Decimal | str | datetime | None
Written: TypeAlias = str | Expr
"""An expression as authors write it: text, or operators over ``col``."""


def col(name: str) -> Expr:
    """A column by name; in a derived feature ``"view.feature"``."""
    return Expr(Column(name))


def lit(value: object) -> Expr:
    """A constant: None, bool, int, float, Decimal, str or datetime (naive means UTC); an Expr is returned as it is.

    Raises BadExpression for an infinity or NaN, DeclarationError for any other type.
    """
    match value:
        case Expr():
            return value
        case None | bool() | int() | str():
            return Expr(Literal(value))
        case datetime():
            return Expr(Literal(instant(value), Timestamp()))
        case float() if math.isfinite(value):
            return Expr(Literal(_point(value)))
        case decimal.Decimal() if value.is_finite():
            return Expr(Literal(value))
        case float() | decimal.Decimal():
            raise BadExpression(f"{value} is not a finite number", hint="write null for a missing value")
        case _:
            raise DeclarationError(f"{value!r} ({type(value).__name__}) cannot be a constant of an expression")


def function(name: str, *args: Operand) -> Expr:
    """A call by name, as in text: ``function("hour", col("request_time"), "America/New_York")``."""
    return Expr(functions.call(name, tuple(lit(argument).tree for argument in args)))


def case(*branches: tuple[Operand, Operand], otherwise: Operand = None) -> Expr:
    """``case when c then v ... else otherwise end`` of ``(condition, value)`` pairs."""
    if not branches:
        raise DeclarationError("case needs at least one (condition, value) pair")
    parts = [lit(part).tree for branch in branches for part in branch]
    return Expr(Call(Op.CASE, (*parts, lit(otherwise).tree)))


def written(expression: object, what: str) -> str | Expression:
    """The form in which declarations keep an expression: text as it is, operators as their tree."""
    if isinstance(expression, Expr):
        return expression.tree
    if isinstance(expression, str):
        return expression
    raise DeclarationError(f"{what} must be a text or an expression over dt.col(...), not {expression!r}")


def _point(value: float) -> decimal.Decimal | float:
    """A float as text would have said it: exact digits, unless they need an exponent."""
    spelled = repr(value)
    return value if "e" in spelled else decimal.Decimal(spelled)
