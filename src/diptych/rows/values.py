"""Values: one typed column of plain numpy arrays, the form in which every room hands rows to the next.

The dtype of ``data`` follows from the declared type: int64 for Int64, Decimal (its unscaled integer) and
Timestamp (its instant), float64 for Float64, bool for Bool, and ``S{max_bytes}`` (UTF-8, padded with NUL) for
String and Enum. Where ``valid`` is false, ``data`` holds the zero of its dtype.
"""

import decimal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, Scalar, String, Timestamp, ValueType

BoolArray = npt.NDArray[np.bool_]
DataArray = npt.NDArray[Any]
_ARROW_DIGITS = 19  # an int64 has at most 19 decimal digits


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """A column of n values: ``data`` of shape (n,), ``valid`` of shape (n,) and dtype bool."""

    data: DataArray
    valid: BoolArray

    def __len__(self) -> int:
        return len(self.data)

    def take(self, rows: npt.NDArray[Any]) -> "Values":
        """The values at the given row numbers, or where a boolean mask is true."""
        return Values(self.data[rows], self.valid[rows])


def masked(data: DataArray, valid: BoolArray) -> Values:
    """Values with zeros put wherever ``valid`` is false; ``data`` itself is never changed."""
    if valid.all():
        return Values(data, valid)
    clean = data.copy()
    clean[~valid] = np.zeros((), data.dtype)
    return Values(clean, valid)


def dtype_of(kind: ValueType) -> np.dtype[Any]:
    """The numpy dtype of ``Values.data`` for a declared type; an empty text type still takes one byte."""
    match kind:
        case Bool():
            return np.dtype(np.bool_)
        case Int64() | Decimal() | Timestamp():
            return np.dtype(np.int64)
        case Float64():
            return np.dtype(np.float64)
        case String() | Enum():
            return np.dtype(f"S{max(1, kind.max_bytes)}")


def nulls(kind: ValueType, n: int) -> Values:
    """A column of n nulls."""
    return Values(np.zeros(n, dtype_of(kind)), np.zeros(n, np.bool_))


def constant(kind: ValueType, value: Scalar | None, n: int) -> Values:
    """A column of n times the same value, which must be of the type already."""
    if value is None:
        return nulls(kind, n)
    return Values(np.full(n, stored(kind, value), dtype_of(kind)), np.ones(n, np.bool_))


def from_scalars(kind: ValueType, scalars: Sequence[Scalar | None]) -> Values:
    """A column of values that are of the type already (see ``fit.from_list`` for values nobody has checked)."""
    valid = np.array([scalar is not None for scalar in scalars], np.bool_)
    column = np.zeros(len(scalars), dtype_of(kind))
    for row, scalar in enumerate(scalars):
        if scalar is not None:
            column[row] = stored(kind, scalar)
    return Values(column, valid)


def stored(kind: ValueType, value: Scalar) -> bool | int | float | bytes:
    """What ``Values.data`` holds for a value of the type."""
    match kind:
        case Decimal(scale):
            with decimal.localcontext(prec=60):
                return int(decimal.Decimal(value).scaleb(scale))
        case String() | Enum():
            assert isinstance(value, str)
            return value.encode()
        case Float64():
            return float(value) + 0.0
        case Bool() | Int64() | Timestamp():
            assert isinstance(value, int)
            return value


def to_list(kind: ValueType, column: Values) -> list[Scalar | None]:
    """Python values: str for text, decimal.Decimal for decimals, an int of microseconds for instants."""
    plain = column.data.tolist()
    match kind:
        case Decimal(scale):
            plain = [decimal.Decimal(unscaled).scaleb(-scale) for unscaled in plain]
        case String() | Enum():
            plain = [text.decode() for text in plain]
        case _:
            pass
    return [value if ok else None for value, ok in zip(plain, column.valid.tolist(), strict=True)]


def arrow_type(kind: ValueType) -> pa.DataType:
    """The Arrow type that ``to_arrow`` gives for a declared type."""
    match kind:
        case Bool():
            return pa.bool_()
        case Int64():
            return pa.int64()
        case Float64():
            return pa.float64()
        case Decimal(scale):
            return pa.decimal128(_ARROW_DIGITS, scale)
        case Timestamp():
            return pa.timestamp("us", tz="UTC")
        case String() | Enum():
            return pa.string()


def to_arrow(kind: ValueType, column: Values) -> pa.Array:
    """The column as an Arrow array of ``arrow_type(kind)``."""
    absent = ~column.valid
    match kind:
        case Decimal():
            words = np.empty((len(column), 2), np.int64)  # little endian: the low word, then the sign's extension
            words[:, 0] = column.data
            words[:, 1] = column.data >> 63
            validity = pa.array(column.valid).buffers()[1]
            return pa.Array.from_buffers(arrow_type(kind), len(column), [validity, pa.py_buffer(words)])
        case Timestamp():
            return pa.array(column.data, mask=absent).cast(arrow_type(kind))
        case String() | Enum():
            return pa.array(column.data, mask=absent, type=pa.binary()).cast(pa.string())
        case _:
            return pa.array(column.data, mask=absent)


def concatenate(columns: Sequence[Values]) -> Values:
    """One column after another; text takes the width of the widest."""
    return Values(np.concatenate([column.data for column in columns]), np.concatenate([c.valid for c in columns]))
