"""Columns of Arrow as Diptych declares them, and the way there and back from the numbers that engines compute with.

Engines compute with decimals as unscaled int64 and instants as int64 microseconds; what leaves this room is
``decimal128(19, scale)`` (19 digits hold every int64) and ``timestamp[us, UTC]``.
"""

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from diptych.compile.online.answers import Answers
from diptych.ground.values import Decimal, ListOf, ResultType, String, Timestamp, ValueType
from diptych.rows import values as rows
from diptych.rows.fit import from_arrow
from diptych.rows.values import Values

Array: TypeAlias = Any  # pyarrow has no types


def arrow_type(type_: ResultType) -> pa.DataType:
    """The Arrow type in which values of a type are given out."""
    return pa.list_(arrow_type(type_.element)) if isinstance(type_, ListOf) else rows.arrow_type(type_)


def stored_type(type_: ValueType) -> pa.DataType:
    """The Arrow type in which engines take values of a type."""
    return pa.int64() if isinstance(type_, Decimal | Timestamp) else rows.arrow_type(type_)


def stored(type_: ValueType, values: Values) -> Array:
    """Values as one array that engines take."""
    if isinstance(type_, Decimal | Timestamp):
        return pa.array(values.data, mask=~values.valid)
    return rows.to_arrow(type_, values)


def stored_again(type_: ValueType, array: Array) -> Array:
    """An array as it was given out, back in the form that engines take."""
    if isinstance(type_, Decimal):
        return stored(type_, from_arrow(type_, array).values)
    return flat(array).cast(stored_type(type_))


def as_declared(array: Array, type_: ResultType) -> Array:
    """An engine's column (N values) as one array of the declared type, bit for bit."""
    array = flat(array)
    match type_:
        case Decimal():
            units = array.cast(pa.int64())
            valid = np.asarray(units.is_valid().to_numpy(zero_copy_only=False))
            data = pc.fill_null(units, 0).to_numpy(zero_copy_only=False)
            return rows.to_arrow(type_, Values(data, valid))
        case Timestamp():
            return array.cast(pa.int64()).cast(arrow_type(type_))
        case ListOf(element):
            return _lists(array, element)
        case _:
            return array.cast(arrow_type(type_))


def values_of(array: Array) -> Values:
    """An array that engines take as Values; text is as wide as its longest."""
    array = flat(array)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        width = max(1, pc.max(pc.binary_length(array)).as_py() or 0)
        return from_arrow(String(width), array).values
    valid = np.asarray(array.is_valid().to_numpy(zero_copy_only=False))
    zero = pa.scalar(0).cast(array.type)
    return Values(pc.fill_null(array, zero).to_numpy(zero_copy_only=False), valid)


def column_of_answers(answers: Answers, feature: int) -> Array:
    """One feature of the kernel's answers as an array of its declared type."""
    answer = answers.program.features[feature]
    if not isinstance(answer.type, ListOf):
        return rows.to_arrow(answer.type, answers.to_values(feature))
    lists = answers.to_lists(feature)
    values = rows.to_arrow(answer.type.element, lists.values)
    absent = pa.array(answers.valid[answer.row] == 0)
    return pa.ListArray.from_arrays(pa.array(lists.offsets, pa.int32()), values, mask=absent)


def flat(array: Array) -> Array:
    """One contiguous array."""
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _lists(array: Array, element: ResultType) -> Array:
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    values = as_declared(array.flatten(), element)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, mask=array.is_null())
