"""Values worth trying for a declared type: plain ones, its edges, and what the door must refuse.

Constants that a view's expressions mention come first, with their neighbours, for that is where conditions turn.
"""

import decimal
import math
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from diptych.ground.expression import Call, Expression, Literal
from diptych.ground.instants import DAY, HOUR
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
)
from diptych.plan.nodes import View
from diptych.reference import Unfit, held

WORDS = ("a", "b", "ab", "é", "")


def expressions_of(view: View) -> tuple[Expression, ...]:
    """Every row expression that decides about an event of the view."""
    source = view.source
    kept = () if source.filter is None else (source.filter,)
    return (*(expression for _, expression in source.derive), *kept, *view.inputs, *view.conditions)


def constants(trees: Iterable[Expression]) -> tuple[Literal, ...]:
    """The literals in expressions, each once, in order of appearance."""
    return tuple(dict.fromkeys(literal for tree in trees for literal in _literals(tree) if literal.value is not None))


def _literals(tree: Expression) -> Iterator[Literal]:
    if isinstance(tree, Literal):
        yield tree
    elif isinstance(tree, Call):
        for argument in tree.args:
            yield from _literals(argument)


def plain(type_: ValueType, said: Iterable[Literal], anchor: int) -> list[Any]:
    """A handful of ordinary values that fit, those near constants among them; numbers in rising order."""
    said = tuple(said)
    values: list[Any] = [literal.value for literal in said]
    numbers: list[Any] = [
        value for value in values if isinstance(value, int | float | decimal.Decimal) and value is not True
    ]
    match type_:
        case Bool():
            return [False, True]
        case Int64():
            near: list[Any] = [int(n) + e for n in numbers if abs(n) < 2**62 for e in (-1, 0, 1)]
            return sorted(_fitting(type_, [*near, -3, 0, 1, 2, 7, *_inside(type_.ge, type_.le)]))
        case Float64():
            near = [float(n) + e for n in numbers for e in (-0.5, 0.0, 0.5)]
            return sorted(_fitting(type_, [*near, -2.5, 0.0, 0.5, 1.25, 7.5, *_inside(type_.ge, type_.le)]))
        case Decimal():
            return sorted(_fitting(type_, _decimals(type_, numbers)))
        case Timestamp():
            near = [at + e for at in instants(said) for e in (-1, 0, 1)]
            return sorted(_fitting(type_, [*near, anchor - DAY, anchor - HOUR, anchor, anchor + HOUR]))
        case String():
            texts = [text for value in values if isinstance(value, str) for text in (value, value + "x")]
            return _fitting(type_, [*texts, *WORDS])
        case Enum():
            return list(type_.values)


def instants(said: Iterable[Literal]) -> list[int]:
    """The instants among literals, in microseconds."""
    return [n.value for n in said if isinstance(n.type, Timestamp) and isinstance(n.value, int)]


def edges(type_: ValueType) -> list[Any]:
    """The outermost values of a type, all of which fit."""
    ends: list[Any]
    match type_:
        case Bool() | Timestamp():
            return []
        case Int64():
            ends = [INT64_MIN if type_.ge is None else type_.ge, INT64_MAX if type_.le is None else type_.le]
        case Float64():
            most = sys.float_info.max
            ends = [-most if type_.ge is None else type_.ge, most if type_.le is None else type_.le, -0.0, 5e-324]
        case Decimal(scale):
            ends = [_unit(scale) * INT64_MIN if type_.ge is None else type_.ge]
            ends += [_unit(scale) * INT64_MAX if type_.le is None else type_.le]
        case String():
            ends = ["", "z" * type_.max_bytes, _wide("é", type_.max_bytes), _wide("\U0001f600", type_.max_bytes)]
        case Enum():
            ends = [type_.values[0], type_.values[-1]]
    return _fitting(type_, ends)


def refused(type_: ValueType) -> list[tuple[str, Any]]:
    """(what is wrong, value) of values that the door must refuse and that an Arrow column of the type can hold."""
    found: list[tuple[str, Any]] = [] if type_.nullable else [("a null", None)]
    match type_:
        case Int64():
            found += [("a value below the range", type_.ge - 1)] if type_.ge is not None else []
            found += [("a value above the range", type_.le + 1)] if type_.le is not None else []
        case Float64():
            found += [("a value below the range", _step(type_.ge, -1))] if type_.ge is not None else []
            found += [("a value above the range", _step(type_.le, 1))] if type_.le is not None else []
            found += [("infinity", float("inf")), ("minus infinity", float("-inf"))]
        case Decimal(scale):
            most = _unit(scale) * INT64_MAX if type_.le is None else type_.le
            found.append(("a value above the range", most + _unit(scale)))
            found += [("a value below the range", type_.ge - _unit(scale))] if type_.ge is not None else []
        case String():
            found.append(("a text that is a byte too long", "z" * (type_.max_bytes + 1)))
            found += [("a text with NUL", "\0")] if type_.max_bytes else []
        case Enum():
            stranger = "?"
            while stranger in type_.values:
                stranger += "?"
            found.append(("a word outside the vocabulary", stranger))
        case Bool() | Timestamp():
            pass
    return [(what, value) for what, value in found if not isinstance(value, int) or INT64_MIN <= value <= INT64_MAX]


def _fitting(type_: ValueType, values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(value for value in values if fits(type_, value)))


def fits(type_: ValueType, value: Any) -> bool:
    """Whether a value fits a type."""
    try:
        held(value, type_)
    except Unfit:
        return False
    return True


def _inside(low: Any, high: Any) -> list[Any]:
    """A few values of a range, where it is declared."""
    ends = [] if low is None else [low, low + 1, low + 2]
    return ends if low is None or high is None else [*ends, (low + high) // 2]


def _decimals(type_: Decimal, numbers: Iterable[Any]) -> list[decimal.Decimal]:
    unit = _unit(type_.scale)
    units = [math.floor(Fraction(n) * 10**type_.scale) for n in numbers if not isinstance(n, float) or math.isfinite(n)]
    near = [unit * whole for whole in units if INT64_MIN < whole < INT64_MAX]
    few = [unit * n for n in (-3, 0, 1, 2, 7)] + [decimal.Decimal(n) for n in (-1, 1, 5)]
    return [*(n + e for n in near for e in (-unit, unit * 0, unit)), *few, *([] if type_.ge is None else [type_.ge])]


def _unit(scale: int) -> decimal.Decimal:
    return decimal.Decimal(1).scaleb(-scale)


def _step(value: float, sign: int) -> float:
    return value + sign * max(abs(value), 1.0)


def _wide(mark: str, max_bytes: int) -> str:
    """As many of a mark as fit, filled up to the last byte."""
    count = max_bytes // len(mark.encode())
    return mark * count + "z" * (max_bytes - count * len(mark.encode()))


def filling(type_: ValueType) -> Any:
    """What a careless engine puts in the place of a null."""
    match type_:
        case Bool():
            return False
        case Int64():
            return 0
        case Float64():
            return 0.0
        case Decimal():
            return decimal.Decimal(0)
        case Timestamp():
            return 0
        case String():
            return ""
        case Enum():
            return type_.values[0]
