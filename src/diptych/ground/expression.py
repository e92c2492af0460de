"""The one expression tree that every engine evaluates: columns, literals and calls of a closed list of operations.

The tree of an author has no types (``type`` is None); ``plan.resolve`` returns the same tree with a type on
every node and every conversion made explicit, so that an evaluator never has to infer or coerce anything.
Three-valued logic throughout: unless a row of the table below says otherwise, a null argument gives null.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from diptych.ground.values import Scalar, ValueType


class Op(StrEnum):
    """The operations of row expressions; nothing outside this list loads."""

    ADD = "add"  # (a, b) of one type: Int64, Float64, or Decimals of one scale
    SUB = "sub"
    MUL = "mul"  # Decimals: scales add up
    NEG = "neg"
    ABS = "abs"
    MOD = "mod"  # Int64; the sign is the dividend's; a zero divisor gives null
    DIV = "div"  # Float64; a zero divisor gives null
    FLOOR = "floor"  # Float64 to Float64
    CEIL = "ceil"
    SQRT = "sqrt"  # of a negative: null
    LN = "ln"  # of zero or less: null
    EXP = "exp"
    FINITE = "finite"  # Float64: null where infinite or NaN; resolve puts it wherever ranges do not exclude that
    TO_FLOAT = "to_float"  # Int64 or Decimal to Float64; a Decimal gives its unscaled integer (SHIFT follows)
    SHIFT = "shift"  # (x Float64, k Int64 literal): x / 10^k for k > 0, x * 10^-k for k < 0
    RESCALE = "rescale"  # (x Int64 or Decimal(s), k literal > 0): the same number as a Decimal(s + k)
    EQ = "eq"  # two of one type; text by its UTF-8 bytes
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"  # (x, literal, literal, ...)
    AND = "and"  # Kleene: false and null is false
    OR = "or"  # Kleene: true or null is true
    NOT = "not"
    IS_NULL = "is_null"  # never null
    COALESCE = "coalesce"  # the first that is not null
    CASE = "case"  # (condition, value, condition, value, ..., otherwise); a null condition is not met
    CONCAT = "concat"  # two texts
    STARTS_WITH = "starts_with"  # (text, text)
    SECONDS_BETWEEN = "seconds_between"  # (start, end) Timestamps: (end - start) / 1e6, Float64
    HOUR = "hour"  # (Timestamp, zone literal): 0 to 23, on the clock of that zone
    DAY_OF_WEEK = "day_of_week"  # ISO: Monday is 1, Sunday is 7
    DAY_OF_MONTH = "day_of_month"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Column:
    """A named input of the expression."""

    name: str
    type: ValueType | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; None is the null literal."""

    value: Scalar | None
    type: ValueType | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """An operation over argument expressions."""

    op: Op
    args: tuple["Expression", ...]
    type: ValueType | None = None


Expression = Column | Literal | Call


def columns_of(expression: Expression) -> Iterator[str]:
    """Names of the columns that an expression reads, in order of appearance, repeats included."""
    match expression:
        case Column(name):
            yield name
        case Literal():
            return
        case Call(_, args):
            for argument in args:
                yield from columns_of(argument)
