"""Arrow columns of numbers and instants as int64 and float64, exactly or with a verdict."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.ground.instants import DAY, EARLIEST, LATEST
from diptych.ground.values import INT64_MAX, INT64_MIN, Decimal, Float64, Int64
from diptych.rows.misfit import Codes, Misfit
from diptych.rows.values import BoolArray, DataArray, stored

Outcome = tuple[DataArray, BoolArray, Codes] | None
"""Data, which of it is there, and verdicts; None when nothing of this Arrow type is of the declared type."""

_WHOLE = 2.0**53
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}

IntArray = npt.NDArray[np.int64]


def fits(column: pa.Array) -> Codes:
    """No objection to any row."""
    return np.zeros(len(column), np.uint8)


def dense(column: pa.Array, zero: object) -> DataArray:
    """The column as a numpy array, with ``zero`` for null."""
    filled = column.fill_null(zero) if column.null_count else column
    array: DataArray = filled.to_numpy(zero_copy_only=False)
    return array


def int64_data(kind: Int64, column: pa.Array, valid: BoolArray) -> Outcome:
    """Integers, and floats that are whole."""
    misfits = fits(column)
    if pa.types.is_floating(column.type):
        floats = dense(column.cast(pa.float64()), 0.0)
        valid = valid & ~np.isnan(floats)
        usable = np.abs(floats, where=valid, out=np.full(len(floats), np.inf)) <= _WHOLE
        data = np.where(usable, floats, 0.0).astype(np.int64)
        misfits[(data != floats) | ~usable] = Misfit.INEXACT
        misfits[np.isinf(floats)] = Misfit.INFINITE
    elif pa.types.is_integer(column.type):
        data, misfits = _whole(column)
    else:
        return None
    return data, valid, _limit(data, kind.ge, kind.le, misfits)


def _whole(column: pa.Array) -> tuple[IntArray, Codes]:
    """Integers of any width as int64; only unsigned ones of 64 bits can be out of range."""
    misfits = fits(column)
    plain = dense(column, 0)
    if plain.dtype == np.uint64:
        misfits[plain > INT64_MAX] = Misfit.OUT_OF_RANGE
    return plain.astype(np.int64, copy=False), misfits


def float64_data(kind: Float64, column: pa.Array, valid: BoolArray) -> Outcome:
    """Finite floats, and integers that a float64 holds."""
    misfits = fits(column)
    if pa.types.is_floating(column.type):
        data = dense(column.cast(pa.float64()), 0.0) + 0.0
        missing = np.isnan(data)
        if missing.any():
            valid = valid & ~missing
    elif pa.types.is_integer(column.type):
        whole, misfits = _whole(column)
        data = whole.astype(np.float64)
        safe = np.where(data < 2.0**63, data, 0.0)  # int64 has no 2^63 to compare with
        misfits[(safe.astype(np.int64) != whole) & (misfits == Misfit.FITS)] = Misfit.INEXACT
    else:
        return None
    infinite = np.isinf(data)
    if infinite.any():
        misfits[infinite] = Misfit.INFINITE
    return data, valid, _limit(data, kind.ge, kind.le, misfits)


def decimal_data(kind: Decimal, column: pa.Array, valid: BoolArray) -> Outcome:
    """Decimals and integers, as units of the declared scale."""
    if pa.types.is_integer(column.type):
        units, misfits = _whole(column)
        scale = 0
    elif pa.types.is_decimal(column.type):
        units, misfits = _unscaled(column)
        scale = column.type.scale
    else:
        return None
    data, misfits = _rescaled(units, kind.scale - scale, misfits)
    wide = np.flatnonzero((misfits == Misfit.OUT_OF_RANGE) & valid)  # beyond int64 as it came, perhaps not as declared
    for row in wide if pa.types.is_decimal(column.type) else ():
        data[row], misfits[row] = exactly(kind, column[int(row)].as_py())
    ge, le = (None if limit is None else stored(kind, limit) for limit in (kind.ge, kind.le))
    return data, valid, _limit(data, ge, le, misfits)


def _unscaled(column: pa.Array) -> tuple[IntArray, Codes]:
    """Unscaled integers of a decimal column: the low words, where the high words only extend the sign."""
    wide = column if pa.types.is_decimal256(column.type) else column.cast(pa.decimal128(38, column.type.scale))
    words = wide.type.byte_width // 8
    block = np.frombuffer(wide.buffers()[1], np.int64).reshape(-1, words)[wide.offset : wide.offset + len(wide)]
    data = block[:, 0].copy()
    small = (block[:, 1:] == (data >> 63)[:, None]).all(axis=1)
    return data, np.where(small, np.uint8(Misfit.FITS), np.uint8(Misfit.OUT_OF_RANGE))


def _rescaled(units: IntArray, shift: int, misfits: Codes) -> tuple[IntArray, Codes]:
    """Units times ten to the ``shift``, exactly or not at all."""
    if shift == 0:
        return units, misfits
    if abs(shift) > 18:
        blank = np.where(units == 0, misfits, np.uint8(Misfit.OUT_OF_RANGE))
        return np.zeros_like(units), blank
    factor = 10 ** abs(shift)
    if shift < 0:
        return units // factor, np.where((units % factor != 0) & (misfits == 0), np.uint8(Misfit.INEXACT), misfits)
    beyond = (units > INT64_MAX // factor) | (units < -(INT64_MAX // factor))
    return np.where(beyond, 0, units) * factor, np.where(beyond, np.uint8(Misfit.OUT_OF_RANGE), misfits)


def exactly(kind: Decimal, value: Any) -> tuple[int, Misfit]:
    """One decimal of any size in units of the declared scale."""
    sign, digits, exponent = value.as_tuple()
    whole = int("".join(map(str, digits)) or "0") * (-1 if sign else 1)
    shift = kind.scale + exponent
    if shift < 0 and whole % 10**-shift:
        return 0, Misfit.INEXACT
    units = whole * 10**shift if shift >= 0 else whole // 10**-shift
    return (units, Misfit.FITS) if INT64_MIN <= units <= INT64_MAX else (0, Misfit.OUT_OF_RANGE)


def timestamp_data(column: pa.Array, valid: BoolArray) -> Outcome:
    """Timestamps, dates and instants, as microseconds since the epoch."""
    misfits = fits(column)
    if pa.types.is_timestamp(column.type):
        unit = column.type.unit
        ticks = dense(column.cast(pa.int64()), 0)
    elif pa.types.is_integer(column.type):
        unit = "us"
        ticks, misfits = _whole(column)
    elif pa.types.is_date(column.type):
        unit = "ms" if pa.types.is_date64(column.type) else "d"
        ticks = dense(column.cast(pa.int64() if unit == "ms" else pa.int32()), 0).astype(np.int64)
    else:
        return None
    if unit == "ns":
        misfits[ticks % 1_000 != 0] = Misfit.INEXACT
        return ticks // 1_000, valid, misfits
    size = DAY if unit == "d" else _UNITS[unit]
    misfits = _limit(ticks, -(-EARLIEST // size), LATEST // size, misfits)
    ticks = np.where(misfits == Misfit.FITS, ticks, 0) if misfits.any() else ticks
    return (ticks if size == 1 else ticks * size), valid, misfits


def _limit(data: DataArray, ge: Any, le: Any, misfits: Codes) -> Codes:
    """Adds OUT_OF_RANGE where a value that fits so far is beyond a declared limit."""
    for limit, beyond in ((ge, np.less), (le, np.greater)):
        outside = None if limit is None else beyond(data, limit)
        if outside is not None and outside.any():
            misfits = np.where(outside & (misfits == Misfit.FITS), np.uint8(Misfit.OUT_OF_RANGE), misfits)
    return misfits
