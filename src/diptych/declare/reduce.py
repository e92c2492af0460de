"""Reducers: the parts that aggregates are composed of. Each takes an input expression and an optional ``where``."""

from dataclasses import dataclass

from diptych.declare.operators import Written, written
from diptych.ground.expression import Expression

KINDS = ("count", "sum", "min", "max", "first", "last", "moments", "distinct", "latest")
"""The reducers there are, by the names that the plan knows them by."""


@dataclass(frozen=True, slots=True)
class Reducer:
    """One reducer of an aggregate, by ``kind``; ``n`` is the length of ``latest``."""

    kind: str
    input: str | Expression | None = None
    where: str | Expression | None = None
    n: int = 0


def reducer(kind: str, input: Written | None, where: Written | None, n: int = 0) -> Reducer:
    """A reducer of a kind, with its expressions in the form that declarations keep."""
    return Reducer(
        kind,
        None if input is None else written(input, f"input of {kind}"),
        None if where is None else written(where, f"where of {kind}"),
        n,
    )


def count(input: Written | None = None, *, where: Written | None = None) -> Reducer:
    """Number of events, or of those whose input is not null; 0 when there are none."""
    return reducer("count", input, where)


def sum(input: Written, *, where: Written | None = None) -> Reducer:
    """Sum of an Int64, Decimal or Float64; 0 when there is nothing."""
    return reducer("sum", input, where)


def min(input: Written, *, where: Written | None = None) -> Reducer:
    """Least Int64, Decimal, Float64 or Timestamp; null when there is none."""
    return reducer("min", input, where)


def max(input: Written, *, where: Written | None = None) -> Reducer:
    """Greatest Int64, Decimal, Float64 or Timestamp; null when there is none."""
    return reducer("max", input, where)


def first(input: Written, *, where: Written | None = None) -> Reducer:
    """Value of any type that is first by (timestamp, value); null when there is none."""
    return reducer("first", input, where)


def last(input: Written, *, where: Written | None = None) -> Reducer:
    """Value of any type that is last by (timestamp, value); null when there is none."""
    return reducer("last", input, where)


def moments(input: Written, *, where: Written | None = None) -> Reducer:
    """Sample variance of an Int64, Decimal or Float64, as Float64; null below two values."""
    return reducer("moments", input, where)


def distinct(input: Written, *, where: Written | None = None) -> Reducer:
    """Exact number of different values of any type."""
    return reducer("distinct", input, where)


def latest(input: Written, n: int, *, where: Written | None = None) -> Reducer:
    """The last ``n`` values by (timestamp, value), oldest first."""
    return reducer("latest", input, where, n)
