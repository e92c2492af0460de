"""Columns of Arrow as Diptych declares them: the type of each, and the way there from an engine's own numbers.

Engines compute with decimals as unscaled int64 and instants as int64 microseconds; what leaves this room is
``decimal128(19, scale)`` (19 digits hold every int64) and ``timestamp[us, UTC]``.
"""

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, ListOf, ResultType, String, Timestamp

Array: TypeAlias = Any  # pyarrow has no types


def arrow_type(type_: ResultType) -> pa.DataType:
    """The Arrow type in which values of a type are given out."""
    match type_:
        case Bool():
            return pa.bool_()
        case Int64():
            return pa.int64()
        case Float64():
            return pa.float64()
        case Decimal(scale):
            return pa.decimal128(19, scale)
        case Timestamp():
            return pa.timestamp("us", "UTC")
        case String() | Enum():
            return pa.string()
        case ListOf(element):
            return pa.list_(arrow_type(element))


def as_declared(array: Array, type_: ResultType) -> Array:
    """An engine's column (N values) as one array of the declared type, bit for bit."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    target = arrow_type(type_)
    match type_:
        case Decimal():
            return _decimals(array.cast(pa.int64()), target)
        case Timestamp():
            return array.cast(pa.int64()).cast(pa.timestamp("us")).cast(target)
        case ListOf(element):
            return _lists(array, element)
        case _:
            return array.cast(target)


def _lists(array: Array, element: ResultType) -> Array:
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    values = as_declared(array.flatten(), element)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=array.is_null())


def _decimals(units: Array, target: pa.DataType) -> Array:
    """Decimals out of int64 of their last digit's units: the same 128-bit integers under a type with a scale."""
    low = pc.fill_null(units, 0).to_numpy(zero_copy_only=False)
    words = np.ascontiguousarray(np.stack([low, low >> 63], axis=1))
    valid = pa.array(np.asarray(units.is_valid().to_numpy(zero_copy_only=False))).buffers()[1]
    return pa.Array.from_buffers(target, len(units), [valid, pa.py_buffer(words)])
