import datetime as dt
import decimal

import numpy as np
import pyarrow as pa
import pytest

from diptych.check.compare import Difference, Incomparable, compare, differing
from diptych.ground.expression import Column
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, ListOf, String, Timestamp
from diptych.plan.nodes import Feature


def feature(type_, tolerance=0.0):
    return Feature("f", type_, Column("r0"), tolerance=tolerance)


def wrong(type_, left, right, tolerance=0.0, magnitude=None):
    magnitude = None if magnitude is None else np.array(magnitude, dtype=np.float64)
    return differing(feature(type_, tolerance), left, right, magnitude).tolist()


def test_null_equals_null_only():
    assert wrong(Int64(), [None, None, 0, 1], [None, 0, None, 1]) == [False, True, True, False]
    assert wrong(Float64(), [None, None, 0.0], [None, 0.0, None], 1e-9) == [False, True, True]
    assert wrong(ListOf(Int64(), 3), [None, None, []], [None, [], None]) == [False, True, True]
    assert wrong(String(3), [None, None], [None, ""]) == [False, True]


def test_exact_values_agree_to_the_bit():
    assert wrong(Int64(), [2**63 - 1, -(2**63)], [2**63 - 2, -(2**63)]) == [True, False]
    assert wrong(Float64(), [0.0, 0.1 + 0.2, 1.0], [-0.0, 0.3, 1.0]) == [True, True, False]
    assert wrong(Bool(), [True, False], [True, True]) == [False, True]
    assert wrong(Enum("a", "é"), ["a", "é"], ["a", "a"]) == [False, True]


def test_nan_is_never_an_answer():
    nan = float("nan")
    assert wrong(Float64(), [nan, nan], [nan, None]) == [True, True]
    assert wrong(Float64(), [nan], [nan], 1e-9) == [True]


def test_tolerance_without_magnitude_is_relative_to_the_larger_value():
    assert wrong(Float64(), [1.0, 1.0, 0.0], [1.0 + 0.9e-9, 1.0 + 1.1e-9, 1e-300], 1e-9) == [False, True, True]


def test_tolerance_is_relative_to_the_magnitude():
    left, right = [1.0, 1.0, 1.0, None], [1.5, 1.5, 1.0, 2.0]
    assert wrong(Float64(), left, right, 1e-9, [1e9, 4e8, 0.0, np.inf]) == [False, True, False, False]


def test_infinite_answers_agree_with_themselves_only():
    inf = float("inf")
    assert wrong(Float64(), [inf, inf, inf], [inf, -inf, 1.0], 1e-9) == [False, True, True]


def test_decimals_may_be_decimals_or_units():
    decimals = pa.array([decimal.Decimal("-1.25"), None, decimal.Decimal("92233720368547758.07")], pa.decimal128(38, 2))
    units = pa.array([-125, None, 2**63 - 1], pa.int64())
    assert wrong(Decimal(2), decimals, units) == [False, False, False]
    assert wrong(Decimal(2), units, pa.array([-124, 0, -(2**63)])) == [True, True, True]


def test_timestamps_may_be_moments_or_microseconds():
    moments = pa.array([dt.datetime(1970, 1, 1, 0, 0, 1)], pa.timestamp("us"))
    assert wrong(Timestamp(), moments, [1_000_000]) == [False]
    assert wrong(Timestamp(), moments, [1_000_001]) == [True]


def test_lists_are_compared_element_by_element():
    left = [[1, 2], [1, 2], [1], [], [5]]
    right = [[1, 2], [2, 1], [1, 1], [], [5]]
    assert wrong(ListOf(Int64(), 3), left, right) == [False, True, True, False, False]
    assert wrong(ListOf(Float64(), 3), [[0.0], [1.0]], [[-0.0], [1.0]]) == [True, False]
    assert wrong(ListOf(Decimal(1), 3), [[decimal.Decimal("0.5")]], [[5]]) == [False]


def test_slices_and_chunks():
    left = pa.chunked_array([[9, 1], [2]]).slice(1)
    assert wrong(Int64(), left, pa.array([0, 1, 3]).slice(1)) == [False, True]
    narrow = pa.array([[9], [1, 2], None, [3]], pa.large_list(pa.int32())).slice(1)
    assert wrong(ListOf(Int64(), 3), narrow, [[1, 2], None, [4]]) == [False, False, True]
    lists = pa.array([[9], [1, 2], None, [3]]).slice(1)
    assert wrong(ListOf(Int64(), 3), lists, [[1, 2], None, [4]]) == [False, False, True]


def test_a_difference_says_where_it_is():
    found = compare(feature(Int64()), [1, 2], [1, None], keys=[("a",), ("b",)], instants=[10, 20])
    assert found == [Difference("f", ("b",), 20, 2, None)]


def test_statuses_are_compared_and_an_expired_state_is_an_unseen_one():
    found = compare(
        feature(Int64()), [0, None], [0, None], keys=[("a",), ("b",)], instants=[1, 2],
        statuses=(["EMPTY_WINDOW", "OVERFLOW"], ["UNSEEN_ENTITY", "NULL"]),
    )  # fmt: skip
    assert found == [Difference("f", ("b",), 2, None, None, "OVERFLOW", "NULL")]


def test_columns_that_cannot_be_compared():
    with pytest.raises(Incomparable, match="1 answers to 2 questions"):
        compare(feature(Int64()), [1], [1, 2], keys=[(), ()], instants=[0, 0])
    with pytest.raises(Incomparable, match="the answers are no"):
        differing(feature(Int64()), ["x"], [1])


def test_no_answers_at_all():
    assert wrong(Int64(), [], []) == []
    assert wrong(ListOf(Int64(), 3), [], []) == []


def test_a_million_answers_in_well_under_a_second():
    values = np.arange(1, 1_000_001, dtype=np.float64)
    assert not differing(feature(Float64(), 1e-9), values, values + 1e-12).any()
