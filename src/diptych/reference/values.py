"""Single values as the judge holds them: what fits a declared type, and how values are ordered.

Held values are plain Python: ``bool``, ``int`` (Int64; a Decimal in units of its last digit; a Timestamp in
microseconds), ``float`` (finite, never -0.0) and ``str``. ``None`` is null.
"""

import decimal
import math
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from diptych.ground.errors import DiptychError
from diptych.ground.instants import EARLIEST, LATEST, instant
from diptych.ground.values import (
    INT64_MAX,
    INT64_MIN,
    Bool,
    Decimal,
    Enum,
    Float64,
    Int64,
    ListOf,
    ResultType,
    String,
    Timestamp,
    ValueType,
)

Value = bool | int | float | str
Result = Value | tuple[Value, ...] | None

_EXACT = decimal.Context(prec=100)
_T = TypeVar("_T")
_Number = TypeVar("_Number", int, float, decimal.Decimal)


class Reason(StrEnum):
    """Why the door refuses a row."""

    TYPE = "type"  # not a value of the declared type
    INEXACT = "inexact"  # only rounding would make it fit: 1.5 as Int64, 0.125 as Decimal(2)
    RANGE = "range"  # outside ge/le, int64, or the years 1 to 9999
    VOCABULARY = "vocabulary"
    LENGTH = "length"  # more UTF-8 bytes than max_bytes
    ENCODING = "encoding"  # half of a surrogate pair
    NUL = "nul"
    INFINITE = "infinite"
    NULL = "null"  # a null where the type says nullable=False
    NO_TIMESTAMP = "no_timestamp"
    NO_KNOWN_AT = "no_known_at"
    NO_EVENT_ID = "no_event_id"
    LATE = "late"  # known more than ``lateness`` after it happened
    FUTURE = "future"  # happened more than ``max_skew`` after it was known
    NULL_KEY = "null_key"


class Unfit(DiptychError):
    """A value that does not fit its declared type; ``reason`` says in which way."""

    def __init__(self, reason: Reason, value: object, type_: ValueType) -> None:
        super().__init__(f"{value!r} does not fit {type_}: {reason}; correct the value, or widen the declared type")
        self.reason = reason


def held(value: object, type_: ValueType) -> Value | None:
    """The value as the judge holds it; NaN in a number becomes null and -0.0 becomes 0.0.

    Raises Unfit where the value does not fit the type. Nothing is cut, and nothing is cast unless it stays the same:
    an Int64 takes whole floats up to 2^53, a Float64 takes integers that it holds, a Decimal takes integers but no
    float, a Timestamp takes datetimes, dates and int microseconds.
    """
    if value is None or (isinstance(type_, Int64 | Float64 | Decimal) and _is_nan(value)):
        if not type_.nullable:
            raise Unfit(Reason.NULL, value, type_)
        return None
    match type_:
        case Bool():
            return _of_class(value, bool, type_)
        case Int64():
            return _in_range(_integer(value, type_), type_.ge, type_.le, type_)
        case Float64():
            return _in_range(_finite(value, type_), type_.ge, type_.le, type_)
        case Decimal():
            return _unscaled(value, type_)
        case Timestamp():
            return _in_range(_instant(value, type_), EARLIEST, LATEST, type_)
        case String():
            return _text(value, type_.max_bytes, type_)
        case Enum():
            word = _of_class(value, str, type_)
            if word not in type_.values:
                raise Unfit(Reason.VOCABULARY, value, type_)
            return word


def order(value: Value | None) -> tuple[int, bool | int | float | bytes]:
    """A sort key: null before any value, false before true, text by its UTF-8 bytes."""
    if value is None:
        return (0, 0)
    return (1, value.encode() if isinstance(value, str) else value)


def spoken(value: Result, type_: ResultType) -> object:
    """The value as a user has it: ``decimal.Decimal`` for a Decimal, a list for a list; all else is as held."""
    if isinstance(type_, ListOf):
        assert isinstance(value, tuple)
        return [spoken(element, type_.element) for element in value]
    if value is not None and isinstance(type_, Decimal):
        assert isinstance(value, int)
        return decimal.Decimal(value).scaleb(-type_.scale, _EXACT)
    return value


def _of_class(value: object, cls: type[_T], type_: ValueType) -> _T:
    if not isinstance(value, cls):
        raise Unfit(Reason.TYPE, value, type_)
    return value


def _is_nan(value: object) -> bool:
    return isinstance(value, float | decimal.Decimal) and math.isnan(value)


def _instant(value: object, type_: ValueType) -> int:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return instant(value) if isinstance(value, datetime) else _whole(value, type_)


def _integer(value: object, type_: ValueType) -> int:
    if not isinstance(value, float):
        return _whole(value, type_)
    if math.isinf(value):
        raise Unfit(Reason.INFINITE, value, type_)
    if not value.is_integer() or abs(value) > 2**53:
        raise Unfit(Reason.INEXACT, value, type_)
    return int(value)


def _whole(value: object, type_: ValueType) -> int:
    number = _of_class(value, int, type_)
    if isinstance(number, bool):
        raise Unfit(Reason.TYPE, value, type_)
    if not INT64_MIN <= number <= INT64_MAX:
        raise Unfit(Reason.RANGE, value, type_)
    return number


def _finite(value: object, type_: ValueType) -> float:
    if isinstance(value, int):
        number = float(_whole(value, type_))
        if int(number) != value:
            raise Unfit(Reason.INEXACT, value, type_)
        return number
    number = _of_class(value, float, type_)
    if math.isinf(number):
        raise Unfit(Reason.INFINITE, value, type_)
    return number + 0.0  # -0.0 + 0.0 is 0.0


def _unscaled(value: object, type_: Decimal) -> int:
    if isinstance(value, int):
        value = decimal.Decimal(_whole(value, type_))
    exact = _of_class(value, decimal.Decimal, type_)
    if exact.is_infinite():
        raise Unfit(Reason.INFINITE, value, type_)
    units = Fraction(exact) * 10**type_.scale
    if units.denominator != 1:
        raise Unfit(Reason.INEXACT, value, type_)
    if not INT64_MIN <= units <= INT64_MAX:
        raise Unfit(Reason.RANGE, value, type_)
    _in_range(exact, type_.ge, type_.le, type_)
    return int(units)


def _in_range(value: _Number, ge: _Number | None, le: _Number | None, type_: ValueType) -> _Number:
    if (ge is not None and value < ge) or (le is not None and value > le):
        raise Unfit(Reason.RANGE, value, type_)
    return value


def _text(value: object, max_bytes: int, type_: ValueType) -> str:
    text = _of_class(value, str, type_)
    if "\0" in text:
        raise Unfit(Reason.NUL, value, type_)
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise Unfit(Reason.ENCODING, value, type_) from None
    if length > max_bytes:
        raise Unfit(Reason.LENGTH, value, type_)
    return text
