"""Comparison of two columns of answers to the same questions, with the tolerance that a feature's meaning allows.

Exact features must agree to the bit. Floats that come from sums agree within ``tolerance`` times a magnitude: the
sum of magnitudes inside the window where the caller knows it, else the larger of the two values. Null equals null
only, and NaN equals nothing: it is never an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from diptych.ground.errors import DiptychError
from diptych.ground.values import Float64, ListOf
from diptych.plan.nodes import Feature
from diptych.run.columns import arrow_type

Mask = npt.NDArray[np.bool_]
Column: TypeAlias = Any  # pyarrow has no types
"""Answers to N questions: arrow, numpy (no nulls) or Python values; a Decimal as decimals or as int64 of its last
digit's units, a Timestamp as timestamps or as int64 of microseconds."""

_SAME = {"UNSEEN_ENTITY": "EMPTY_WINDOW"}
"""An expired state cannot be told from one that never was, so these two agree."""


class Incomparable(DiptychError):
    """Two columns that do not answer the same questions, or do not hold the feature's type."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One question that was answered in two ways; values are as Python has them, None is null."""

    feature: str
    key: tuple[object, ...]
    t: int
    left: object
    right: object
    left_status: str | None = None
    right_status: str | None = None


def compare(
    feature: Feature,
    left: Column,
    right: Column,
    *,
    keys: Sequence[tuple[object, ...]],
    instants: Sequence[int] | npt.NDArray[np.int64],
    magnitude: npt.NDArray[np.float64] | None = None,
    statuses: tuple[Sequence[str], Sequence[str]] | None = None,
    limit: int | None = None,
) -> list[Difference]:
    """The questions (key and instant in microseconds, N of each) that left and right answer differently, in order.

    ``magnitude`` (N float64) is what tolerance is relative to; inf accepts any pair. ``limit`` stops after so many.
    Raises Incomparable where the columns are not of N values of the feature's type.
    """
    one, other = as_column(feature, left, len(keys)), as_column(feature, right, len(keys))
    wrong = differing(feature, one, other, magnitude)
    if statuses is not None:
        wrong |= _statuses(statuses[0]) != _statuses(statuses[1])
    return [
        Difference(
            feature.name,
            tuple(keys[i]),
            int(instants[i]),
            one[int(i)].as_py(),
            other[int(i)].as_py(),
            *((None, None) if statuses is None else (str(statuses[0][i]), str(statuses[1][i]))),
        )
        for i in np.flatnonzero(wrong)[:limit]
    ]


def differing(feature: Feature, left: Column, right: Column, magnitude: npt.NDArray[np.float64] | None = None) -> Mask:
    """Which of N pairs of answers differ, as an N bool array."""
    one, other = as_column(feature, left, len(left)), as_column(feature, right, len(left))
    null, null_too = _nulls(one), _nulls(other)
    if isinstance(feature.type, ListOf):
        unequal = _lists_differ(one, other)
    elif isinstance(feature.type, Float64) and (feature.tolerance or magnitude is not None):
        unequal = _floats_differ(one, other, feature.tolerance, magnitude)
    else:
        unequal = _differ(one, other)
    wrong: Mask = np.where(null | null_too, null != null_too, unequal)
    return wrong if magnitude is None else wrong & ~np.isposinf(magnitude)


def as_column(feature: Feature, answers: Column, count: int) -> pa.Array:
    """The answers as one arrow array of the feature's type; raises Incomparable where they are no ``count`` of those."""
    if len(answers) != count:
        raise Incomparable(f"feature {feature.name!r}: {len(answers)} answers to {count} questions")
    target = arrow_type(feature.type)
    if isinstance(answers, pa.ChunkedArray):
        answers = answers.combine_chunks()
    try:
        array = answers if isinstance(answers, pa.Array) else pa.array(answers, from_pandas=False)
        return _as_type(array, target)
    except (pa.ArrowException, TypeError) as error:
        hint = f"pass values of {target}"
        raise Incomparable(f"feature {feature.name!r}: the answers are no {feature.type}: {error}; {hint}") from error


def _as_type(array: pa.Array, target: pa.DataType) -> pa.Array:
    if array.type == target:
        return array
    if pa.types.is_list(target):
        if pa.types.is_null(array.type):
            return pa.nulls(len(array), target)
        if pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
            array = array.cast(pa.list_(array.type.value_type))
        array = array.take(pa.array(np.arange(len(array)))) if array.offset else array
        elements = _as_type(array.values, target.value_type)
        return pa.ListArray.from_arrays(array.offsets, elements, mask=pc.is_null(array))
    if pa.types.is_decimal(target) and pa.types.is_integer(array.type):
        return _of_units(array.cast(pa.int64()), target)
    return array.cast(target)


def _of_units(units: pa.Array, target: pa.DataType) -> pa.Array:
    """Decimals out of int64 of their last digit's units, bit for bit."""
    low = pc.fill_null(units, 0).to_numpy(zero_copy_only=False)
    words = np.stack([low, low >> 63], axis=1)
    valid = pa.array(~_nulls(units)).buffers()[1]
    return pa.Array.from_buffers(target, len(units), [valid, pa.py_buffer(np.ascontiguousarray(words))])


def _nulls(array: pa.Array) -> Mask:
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _differ(one: pa.Array, other: pa.Array) -> Mask:
    """Where two arrays of one type differ to the bit; what nulls give is not defined."""
    if pa.types.is_floating(one.type):
        a, b = _floats(one), _floats(other)
        wrong: Mask = (a.view(np.int64) != b.view(np.int64)) | np.isnan(a)
        return wrong
    unequal = pc.fill_null(pc.not_equal(one, other), True)
    return np.asarray(unequal.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _floats(array: pa.Array) -> npt.NDArray[np.float64]:
    return np.ascontiguousarray(pc.fill_null(array, 0.0).to_numpy(zero_copy_only=False))


def _floats_differ(one: pa.Array, other: pa.Array, tolerance: float, magnitude: npt.NDArray[np.float64] | None) -> Mask:
    a, b = _floats(one), _floats(other)
    scale = np.maximum(np.abs(a), np.abs(b)) if magnitude is None else magnitude
    with np.errstate(over="ignore", invalid="ignore"):
        near = np.abs(a - b) <= tolerance * scale
    both = np.isfinite(a) & np.isfinite(b)
    wrong: Mask = np.logical_not(np.where(both, near, a == b))
    return wrong


def _lists_differ(one: pa.Array, other: pa.Array) -> Mask:
    lengths, lengths_too = (pc.fill_null(pc.list_value_length(lists), 0).to_numpy() for lists in (one, other))
    unequal: Mask = np.asarray(lengths != lengths_too, dtype=np.bool_)
    alike = pa.array(~(unequal | _nulls(one) | _nulls(other)))
    rows = np.flatnonzero(alike.to_numpy(zero_copy_only=False))
    left, right = one.filter(alike), other.filter(alike)
    a, b = left.flatten(), right.flatten()
    null, null_too = _nulls(a), _nulls(b)
    wrong = np.where(null | null_too, null != null_too, _differ(a, b))
    unequal[rows[pc.list_parent_indices(left).to_numpy()[wrong]]] = True
    return unequal


def _statuses(statuses: Sequence[str]) -> npt.NDArray[np.str_]:
    return np.array([_SAME.get(str(status), str(status)) for status in statuses], dtype=np.str_)
