"""Defaults of features: an author's Python value as a value of the feature's type."""

import decimal
import math
from datetime import datetime

from diptych.ground.instants import EARLIEST, LATEST, instant
from diptych.ground.values import (
    INT64_MAX,
    INT64_MIN,
    Bool,
    Decimal,
    Enum,
    Float64,
    Int64,
    Scalar,
    String,
    Timestamp,
    ValueType,
)  # fmt: skip
from diptych.plan.conversion import spelled


def typed_default(value: object, type_: ValueType) -> tuple[Scalar | None, str]:
    """``(value of the type, "")``, or ``(None, what is wrong)``. A naive datetime is UTC."""
    typed = _typed(value, type_)
    return (typed, "") if typed is not None else (None, f"{value!r} is not a value of {spelled(type_)}")


def _typed(value: object, type_: ValueType) -> Scalar | None:
    match type_, value:
        case (Bool(), bool()):
            return value
        case (_, bool()):
            return None
        case (Int64(), int()) if INT64_MIN <= value <= INT64_MAX:
            return value
        case (Float64(), int() | float()) if math.isfinite(value):
            return float(value) + 0.0
        case (Decimal(scale), int() | decimal.Decimal()):
            return _decimal(decimal.Decimal(value), scale)
        case (Timestamp(), datetime()) if EARLIEST <= instant(value) <= LATEST:
            return instant(value)
        case (String(max_bytes), str()) if len(value.encode()) <= max_bytes and "\0" not in value:
            return value
        case (Enum(values), str()) if value in values:
            return value
    return None


def _decimal(value: decimal.Decimal, scale: int) -> decimal.Decimal | None:
    context = decimal.Context(prec=60)
    if not value.is_finite() or value.adjusted() > 18:
        return None
    exact = value.quantize(decimal.Decimal(1).scaleb(-scale), context=context)
    fits = exact == value and INT64_MIN <= int(exact.scaleb(scale, context=context)) <= INT64_MAX
    return exact if fits else None
