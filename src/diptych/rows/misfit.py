"""Misfit: why a value does not fit its declared type; an array of one code per row beside the values."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp, ValueType

Codes = npt.NDArray[np.uint8]


class Misfit(IntEnum):
    """The verdict on one value; zero means that it fits."""

    FITS = 0
    NULL = 1  # in a column that is not nullable
    WRONG_TYPE = 2
    INEXACT = 3  # only rounding would make it fit: 1.5 as Int64, 0.125 as Decimal(2), half a microsecond
    OUT_OF_RANGE = 4
    INFINITE = 5
    NOT_UTF8 = 6
    HAS_NUL = 7
    TOO_LONG = 8
    NOT_IN_VOCABULARY = 9

    @property
    def reason(self) -> str:
        """The code under which quarantine files the row."""
        return _REASONS[self]


_REASONS = {
    Misfit.FITS: "",
    Misfit.NULL: "null",
    Misfit.WRONG_TYPE: "type",
    Misfit.INEXACT: "inexact",
    Misfit.OUT_OF_RANGE: "range",
    Misfit.INFINITE: "infinite",
    Misfit.NOT_UTF8: "encoding",
    Misfit.HAS_NUL: "nul",
    Misfit.TOO_LONG: "length",
    Misfit.NOT_IN_VOCABULARY: "vocabulary",
}


def spell(misfit: Misfit, kind: ValueType) -> str:
    """What is wrong, to be read after "column = value", and what the type would take."""
    match misfit:
        case Misfit.FITS:
            return "fits"
        case Misfit.NULL:
            return "is null, but the column is declared nullable=False"
        case Misfit.WRONG_TYPE:
            return f"is not of type {signature(kind)}; convert it before it reaches the door"
        case Misfit.INEXACT:
            return f"cannot become {signature(kind)} without rounding"
        case Misfit.OUT_OF_RANGE:
            return f"is outside the range of {signature(kind)}"
        case Misfit.INFINITE:
            return "is infinite; send null where there is no number"
        case Misfit.NOT_UTF8:
            return "has no UTF-8 form"
        case Misfit.HAS_NUL:
            return "contains a NUL character"
        case Misfit.TOO_LONG:
            return f"is longer than {signature(kind)} allows, in bytes of UTF-8"
        case Misfit.NOT_IN_VOCABULARY:
            return f"is not one of the words of {signature(kind)}"


def signature(kind: ValueType) -> str:
    """A type as its author wrote it, without nullability."""
    match kind:
        case Int64(ge=ge, le=le) | Float64(ge=ge, le=le):
            return f"{type(kind).__name__}({_limits(ge, le)})"
        case Decimal(scale, ge, le):
            limits = _limits(ge, le)
            return f"Decimal({scale}, {limits})" if limits else f"Decimal({scale})"
        case String(max_bytes):
            return f"String({max_bytes})"
        case Enum(values):
            return f"Enum({', '.join(values)})"
        case Bool() | Timestamp():
            return f"{type(kind).__name__}()"


def _limits(ge: object, le: object) -> str:
    return ", ".join(f"{name}={limit}" for name, limit in (("ge", ge), ("le", le)) if limit is not None)
