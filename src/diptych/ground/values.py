"""The types of Diptych: what a column, a key, a request input or a feature may hold.

A type carries its range or vocabulary, so a value that does not fit is a check failure at the door, never a
silent cast or a cut. All types are frozen values without any engine in them.
"""

import decimal
from dataclasses import dataclass

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bool:
    """True or false."""

    nullable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Int64:
    """A whole number of 64 bits, within ``[ge, le]`` where they are given."""

    ge: int | None = None
    le: int | None = None
    nullable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Float64:
    """A finite float64, within ``[ge, le]`` where they are given; NaN is null, infinity is refused."""

    ge: float | None = None
    le: float | None = None
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Decimal:
    """An exact number with ``scale`` digits after the point (0 to 18), kept as an int64 of its last digit's units."""

    scale: int
    ge: decimal.Decimal | None = None
    le: decimal.Decimal | None = None
    nullable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp:
    """An instant in microseconds, UTC; a naive one is taken as UTC."""

    nullable: bool = True


@dataclass(frozen=True, slots=True)
class String:
    """Text of at most ``max_bytes`` bytes of UTF-8, without NUL; ordered by those bytes."""

    max_bytes: int
    nullable: bool = True


@dataclass(frozen=True, slots=True, init=False)
class Enum:
    """Text out of a declared vocabulary; ordered, like all text, by its UTF-8 bytes."""

    values: tuple[str, ...]
    nullable: bool = True

    def __init__(self, *values: str, nullable: bool = True) -> None:
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "nullable", nullable)

    @property
    def max_bytes(self) -> int:
        """Length in UTF-8 bytes of the longest word of the vocabulary."""
        return max((len(value.encode()) for value in self.values), default=0)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of at most ``n`` non-null elements, oldest first: what ``last_n`` gives; never an input."""

    element: "ValueType"
    n: int


ValueType = Bool | Int64 | Float64 | Decimal | Timestamp | String | Enum
ResultType = ValueType | ListOf
Scalar = bool | int | float | decimal.Decimal | str
"""A non-null Python value of a ValueType; a Timestamp's is its instant, an int of microseconds."""
