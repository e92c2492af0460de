"""Fit unchecked columns to declared types: a verdict for every value, never an exception and never a silent cast.

What each type takes, beside null (and NaN, which is null in a number):

- Bool: booleans.
- Int64: integers; whole floats up to 2^53 (what pandas makes of integers beside nulls). Never booleans or text.
- Float64: floats; integers that a float64 holds exactly.
- Decimal(s): decimals without a digit beyond the scale; integers. Never floats, whose digits are not what was meant.
- Timestamp: timestamps of any unit and zone, a naive one as UTC, a finer one only when it is a whole microsecond;
  dates, as their midnight UTC; integers, as instants: microseconds since the epoch.
- String, Enum: text.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp, ValueType
from diptych.rows.misfit import Codes, Misfit
from diptych.rows.numeric import Outcome, decimal_data, dense, fits, float64_data, int64_data, timestamp_data
from diptych.rows.text import fixed_text
from diptych.rows.values import BoolArray, DataArray, Values, dtype_of, masked


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A column and the verdict on each of its rows; a value that does not fit is null in ``values``."""

    values: Values
    misfits: Codes


def from_arrow(kind: ValueType, column: pa.Array | pa.ChunkedArray) -> Fitted:
    """The column as Values of ``kind``, with one Misfit code a row."""
    flat = _flat(kind, column)
    valid = np.ones(len(flat), np.bool_) if not flat.null_count else flat.is_valid().to_numpy(zero_copy_only=False)
    outcome = _convert(kind, flat, valid)
    if outcome is None:
        data, misfits = np.zeros(len(flat), dtype_of(kind)), np.full(len(flat), Misfit.WRONG_TYPE, np.uint8)
    else:
        data, valid, misfits = outcome
    return _close(kind, data, valid, misfits)


def _close(kind: ValueType, data: DataArray, valid: BoolArray, misfits: Codes) -> Fitted:
    """Nulls never misfit unless the type forbids them, and misfits never carry a value."""
    if not valid.all():
        misfits = np.where(valid, misfits, np.uint8(Misfit.FITS if kind.nullable else Misfit.NULL))
    if misfits.any():
        valid = valid & (misfits == Misfit.FITS)
    return Fitted(masked(data, valid), misfits)


def _flat(kind: ValueType, column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        if pa.types.is_dictionary(column.type):
            column = column.unify_dictionaries()
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(column, pa.ChunkedArray):  # text beyond 2 GB stays in chunks
        column = pa.concat_arrays(column.cast(pa.large_string()).chunks)
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if pa.types.is_dictionary(column.type) and not isinstance(kind, String | Enum):
        column = column.dictionary_decode()
    return column


def _convert(kind: ValueType, column: pa.Array, valid: BoolArray) -> Outcome:
    if pa.types.is_null(column.type):
        return np.zeros(len(column), dtype_of(kind)), valid, fits(column)
    match kind:
        case Bool():
            if not pa.types.is_boolean(column.type):
                return None
            return dense(column, False), valid, fits(column)
        case Int64():
            return int64_data(kind, column, valid)
        case Float64():
            return float64_data(kind, column, valid)
        case Decimal():
            return decimal_data(kind, column, valid)
        case Timestamp():
            return timestamp_data(column, valid)
        case String() | Enum():
            words = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            if not (pa.types.is_string(words) or pa.types.is_large_string(words) or pa.types.is_string_view(words)):
                return None
            data, misfits = fixed_text(kind, column)
            return data, valid, misfits
