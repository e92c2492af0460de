"""What fits a declared type: each rule by hand, for Arrow columns and for Python objects."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.ground.instants import EARLIEST, LATEST
from diptych.ground.values import (
    INT64_MAX,
    INT64_MIN,
    Bool,
    Decimal,
    Enum,
    Float64,
    Int64,
    String,
    Timestamp,
    ValueType,
)
from diptych.rows.fit import from_arrow
from diptych.rows.misfit import Misfit
from diptych.rows.objects import from_list
from diptych.rows.values import arrow_type, dtype_of, to_arrow, to_list
from diptych.testing.strategies import values_of

D = decimal.Decimal
EAST = dt.timezone(dt.timedelta(hours=-5))
NAN, INF = float("nan"), float("inf")

FITTING = [
    (Bool(), True, True),
    (Int64(), INT64_MAX, INT64_MAX),
    (Int64(), INT64_MIN, INT64_MIN),
    (Int64(), 7.0, 7),
    (Int64(), 2.0**53, 2**53),
    (Int64(), NAN, None),
    (Int64(), np.int32(3), 3),
    (Int64(ge=0, le=5), 5, 5),
    (Float64(), 0.1, 0.1),
    (Float64(), NAN, None),
    (Float64(), 2**53, 2.0**53),
    (Float64(), np.float32(0.5), 0.5),
    (Decimal(2), D("1.23"), D("1.23")),
    (Decimal(2), D("1.230"), D("1.23")),
    (Decimal(2), 3, D("3.00")),
    (Decimal(18), D("9.223372036854775807"), D("9.223372036854775807")),
    (Decimal(0), D("-9223372036854775808"), D("-9223372036854775808")),
    (Timestamp(), dt.datetime(1970, 1, 2), 86_400_000_000),
    (Timestamp(), dt.datetime(1970, 1, 1, tzinfo=EAST), 5 * 3_600_000_000),
    (Timestamp(), dt.date(1970, 1, 2), 86_400_000_000),
    (Timestamp(), pd.Timestamp("1970-01-01", tz="America/New_York"), 5 * 3_600_000_000),
    (Timestamp(), pd.NaT, None),
    (Timestamp(), np.datetime64("1970-01-01T00:00:00.000001"), 1),
    (Timestamp(), dt.datetime(1, 1, 1), EARLIEST),
    (Timestamp(), LATEST, LATEST),
    (String(3), "", ""),
    (String(3), "éa", "éa"),
    (Enum("a", "é"), "é", "é"),
    (String(3), None, None),
]

REFUSED = [
    (Int64(), 1.5, Misfit.INEXACT),
    (Int64(), 2.0**60, Misfit.INEXACT),
    (Int64(), INF, Misfit.INFINITE),
    (Int64(), "1", Misfit.WRONG_TYPE),
    (Int64(), True, Misfit.WRONG_TYPE),
    (Int64(), 2**63, Misfit.OUT_OF_RANGE),
    (Int64(), -(2**63) - 1, Misfit.OUT_OF_RANGE),
    (Int64(ge=0), -1, Misfit.OUT_OF_RANGE),
    (Int64(le=5), 6, Misfit.OUT_OF_RANGE),
    (Int64(nullable=False), None, Misfit.NULL),
    (Int64(nullable=False), NAN, Misfit.NULL),
    (Bool(), 1, Misfit.WRONG_TYPE),
    (Float64(), True, Misfit.WRONG_TYPE),
    (Float64(), "1", Misfit.WRONG_TYPE),
    (Float64(), 2**53 + 1, Misfit.INEXACT),
    (Float64(), INT64_MAX, Misfit.INEXACT),
    (Float64(), 2**63, Misfit.OUT_OF_RANGE),
    (Float64(), INF, Misfit.INFINITE),
    (Float64(), -INF, Misfit.INFINITE),
    (Float64(ge=0), -0.1, Misfit.OUT_OF_RANGE),
    (Float64(nullable=False), NAN, Misfit.NULL),
    (Float64(), D("0.5"), Misfit.WRONG_TYPE),
    (Decimal(2), D("1.234"), Misfit.INEXACT),
    (Decimal(2), 1.0, Misfit.WRONG_TYPE),
    (Decimal(2), D("92233720368547758.08"), Misfit.OUT_OF_RANGE),
    (Decimal(2), D("1e30"), Misfit.OUT_OF_RANGE),
    (Decimal(18), 10, Misfit.OUT_OF_RANGE),
    (Decimal(2), D("Infinity"), Misfit.INFINITE),
    (Decimal(2, ge=D("-1")), D("-1.01"), Misfit.OUT_OF_RANGE),
    (Timestamp(), "1970-01-01", Misfit.WRONG_TYPE),
    (Timestamp(), 1.0, Misfit.WRONG_TYPE),
    (Timestamp(), pd.Timestamp(1, unit="ns"), Misfit.INEXACT),
    (Timestamp(), LATEST + 1, Misfit.OUT_OF_RANGE),
    (Timestamp(), EARLIEST - 1, Misfit.OUT_OF_RANGE),
    (Timestamp(), dt.datetime.max.replace(tzinfo=EAST), Misfit.OUT_OF_RANGE),
    (String(3), "éé", Misfit.TOO_LONG),
    (String(3), "a\0", Misfit.HAS_NUL),
    (String(3), "\ud800", Misfit.NOT_UTF8),
    (String(3), b"a", Misfit.WRONG_TYPE),
    (String(3), 1, Misfit.WRONG_TYPE),
    (Enum("a"), "b", Misfit.NOT_IN_VOCABULARY),
    (Enum("a"), "", Misfit.NOT_IN_VOCABULARY),
    (Enum("a"), NAN, Misfit.WRONG_TYPE),
]


@pytest.mark.parametrize(("kind", "item", "held"), FITTING)
def test_a_value_that_fits_is_kept(kind: ValueType, item: object, held: object) -> None:
    fitted = from_list(kind, [item, None])
    assert to_list(kind, fitted.values) == [held, None]
    assert fitted.misfits.tolist() == [0, 0]
    assert fitted.values.data.dtype == dtype_of(kind)


@pytest.mark.parametrize(("kind", "item", "misfit"), REFUSED)
def test_a_value_that_does_not_fit_says_why_and_is_null(kind: ValueType, item: object, misfit: Misfit) -> None:
    fitted = from_list(kind, [item])
    assert Misfit(fitted.misfits[0]) is misfit
    assert not fitted.values.valid[0]
    assert fitted.values.data[0] == np.zeros((), dtype_of(kind))


def test_one_bad_value_leaves_its_neighbours_alone() -> None:
    fitted = from_list(Int64(), [1, "1", True, 1.5, 2**63, None, 2.0])
    assert to_list(Int64(), fitted.values) == [1, None, None, None, None, None, 2]
    assert [Misfit(code).reason for code in fitted.misfits] == ["", "type", "type", "inexact", "range", "", ""]


def test_minus_zero_is_zero() -> None:
    data = from_arrow(Float64(), pa.array([-0.0])).values.data
    assert not np.signbit(data[0])


ARROW = [
    (Timestamp(), pa.array([1, 1_000, None], pa.timestamp("ns")), [None, 1, None], ["inexact", "", ""]),
    (Timestamp(), pa.array([2**62, 1], pa.timestamp("s")), [None, 1_000_000], ["range", ""]),
    (Timestamp(), pa.array([-62_135_596_800], pa.timestamp("s")), [EARLIEST], [""]),
    (Timestamp(), pa.array([0], pa.timestamp("us", "Asia/Tokyo")), [0], [""]),
    (Timestamp(), pa.array([1, -1], pa.date32()), [86_400_000_000, -86_400_000_000], ["", ""]),
    (Int64(), pa.array([2**64 - 1, 1], pa.uint64()), [None, 1], ["range", ""]),
    (Int64(), pa.array([1.5, 2.0, None], pa.float32()), [None, 2, None], ["inexact", "", ""]),
    (Int64(), pa.array(["1", None]), [None, None], ["type", ""]),
    (Float64(), pa.array([2**63, 3], pa.uint64()), [None, 3.0], ["range", ""]),
    (Float64(), pa.array([D("0.5")]), [None], ["type"]),
    (Decimal(2), pa.array([D("9999999999999999999.0000"), D("1.2300")]), [None, D("1.23")], ["range", ""]),
    (Decimal(2), pa.array([D("92233720368547758.0700000000"), D("1E-10")]), [D("92233720368547758.07"), None],
     ["", "inexact"]),
    (Decimal(2), pa.array([D("1.2"), None], pa.decimal256(50, 1)), [D("1.20"), None], ["", ""]),
    (String(2), pa.array(["a", "abc", None, "a"]).dictionary_encode(), ["a", None, None, "a"],
     ["", "length", "", ""]),
    (String(2), pa.array(["zz", "a", "bcd", None])[1:], ["a", None, None], ["", "length", ""]),
    (String(2), pa.array(["a"], pa.large_string()), ["a"], [""]),
    (String(2), pa.array(["a"], pa.string_view()), ["a"], [""]),
    (String(2), pa.array([b"a"]), [None], ["type"]),
    (String(2), pa.nulls(2), [None, None], ["", ""]),
    (Bool(), pa.array([True, None, False])[1:], [None, False], ["", ""]),
    (Int64(), pa.chunked_array([], pa.int64()), [], []),
    (Int64(), pa.chunked_array([[1], [None, 3]], pa.int8()), [1, None, 3], ["", "", ""]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "column", "held", "reasons"), ARROW)
def test_arrow_columns(kind: ValueType, column: pa.Array, held: list[object], reasons: list[str]) -> None:
    fitted = from_arrow(kind, column)
    assert to_list(kind, fitted.values) == held
    assert [Misfit(code).reason for code in fitted.misfits] == reasons


def test_dictionaries_that_differ_by_chunk() -> None:
    chunks = [pa.array(["a"]).dictionary_encode(), pa.array(["b", "abc"]).dictionary_encode()]
    assert to_list(String(2), from_arrow(String(2), pa.chunked_array(chunks)).values) == ["a", "b", None]


def test_a_null_word_inside_a_dictionary_is_null() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", None]))
    fitted = from_arrow(String(2), column)
    assert to_list(String(2), fitted.values) == ["a", None, None]
    assert not fitted.misfits.any()


def test_a_column_of_ids_is_judged_like_a_column_of_words() -> None:
    words = [f"é{number}" for number in range(6_000)] + ["x" * 9, None, "a\0"]
    ids = from_arrow(String(8), pa.array(words))
    encoded = from_arrow(String(8), pa.array(words).dictionary_encode())
    assert to_list(String(8), ids.values) == [*words[:6_000], None, None, None]
    assert ids.misfits.tolist() == encoded.misfits.tolist()
    assert ids.values.data.tolist() == encoded.values.data.tolist()


TYPES: list[ValueType] = [Bool(), Int64(), Float64(), Decimal(2), Decimal(18), Timestamp(), String(9), Enum("a", "né")]


@given(st.data())
def test_arrow_and_back_again(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(TYPES))
    items = data.draw(st.lists(values_of(kind), max_size=8))
    values = from_list(kind, items).values
    arrow = to_arrow(kind, values)
    assert arrow.type == arrow_type(kind)
    again = from_arrow(kind, arrow)
    assert not again.misfits.any()
    assert again.values.data.tobytes() == values.data.tobytes()
    assert again.values.valid.tolist() == values.valid.tolist()
