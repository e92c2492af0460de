"""Histories of every kind of place and type, as the engine reads them."""

import decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from diptych.ground.expression import Column
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp, ValueType
from diptych.plan.nodes import Kind
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.engines.kernel import KernelEngine
from diptych.run.errors import BadHistory
from diptych.run.location import DatabaseTable, Files, Frame, Location
from diptych.testing.build import LIFETIME, Building, source

T = 1_000_000
ENGINE = DuckDBEngine(threads=1)
INSTANT = pa.timestamp("us", "UTC")


def last(history: Location, type_: ValueType) -> Any:
    """How many events user a has at T, and the last value of ``x``; the columns are user, at and x."""
    over = source({"user": String(4), "x": type_})
    building = Building(over, {"user": String(4)})
    building.feature("n", building.reduce(Kind.COUNT, LIFETIME))
    building.feature("last", building.reduce(Kind.LAST, LIFETIME, Column("x", type_)))
    spine = pa.table({"row_id": [0], "t": [T], "key_user": ["a"]})
    answers = ENGINE.compute(building.view(), history, spine).to_pylist()[0]
    return answers["n"], answers["last"]


def events(values: pa.Array) -> pa.Table:
    at = pa.array(range(len(values)), pa.int64()).cast(INSTANT)
    return pa.table({"user": ["a"] * len(values), "at": at, "x": values})


@pytest.mark.parametrize(
    ("values", "type_", "expected"),
    [
        (pa.array([1, 2], pa.int8()), Int64(), (2, 2)),
        (pa.array([1, 2**64 - 1], pa.uint64()), Int64(), (1, 1)),
        (pa.array([1.0, 2.5]), Int64(), (1, 1)),
        (pa.array([1.0, None, float("nan")]), Int64(), (3, 1)),
        (pa.array([1, 2**53 + 1]), Float64(), (1, 1.0)),
        (pa.array([1.5, float("inf")]), Float64(), (1, 1.5)),
        (pa.array([1.5, float("nan")], pa.float32()), Float64(), (2, 1.5)),
        (pa.array([True, False]), Bool(), (2, False)),
        (pa.array(["1.25", "-0.50"]).cast(pa.decimal128(38, 2)), Decimal(2), (2, decimal.Decimal("-0.50"))),
        (pa.array(["1.20", "1.25"]).cast(pa.decimal128(20, 2)), Decimal(1), (1, decimal.Decimal("1.2"))),
        (pa.array([3, 4]), Decimal(2), (2, decimal.Decimal("4.00"))),
        (pa.array(["1", "99999999999999999999"]).cast(pa.decimal128(38, 0)), Decimal(0), (1, decimal.Decimal(1))),
        (pa.array(["x", "y"]).dictionary_encode(), Enum("x", "y"), (2, "y")),
        (pa.array(["x", "z"]), Enum("x", "y"), (1, "x")),
        (pa.array(["x", "é"], pa.large_string()), String(1), (1, "x")),
        (pa.array(["x", "a\0"]), String(9), (1, "x")),
        (pa.array([1_000, 2_500], pa.timestamp("ns")), Timestamp(), (1, 1)),
        (pa.array([1, -1_000], pa.timestamp("ns", "UTC")), Timestamp(), (1, -1)),
        (pa.array([1], pa.timestamp("s", "America/New_York")), Timestamp(), (1, 1_000_000)),
        (pa.array([1], pa.date32()), Timestamp(), (1, 86_400_000_000)),
        (pa.nulls(2), Int64(), (2, None)),
        (pa.nulls(2), String(3), (2, None)),
    ],
    ids=str,
)
def test_a_value_is_the_same_or_its_row_is_refused(values: pa.Array, type_: ValueType, expected: Any) -> None:
    n, value = last(Frame(events(values)), type_)
    if isinstance(type_, Timestamp):
        value = pa.scalar(value, INSTANT).cast(pa.int64()).as_py()
    assert (n, value) == expected


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (pa.array(["1"]), Int64()),
        (pa.array([1]), String(3)),
        (pa.array([1.5]), Decimal(2)),
        (pa.array([1]), Bool()),
        (pa.array(["2024-01-01"]), Timestamp()),
        (pa.array([True]), Int64()),
    ],
    ids=str,
)
def test_a_column_of_another_type_is_an_error_that_names_it(values: pa.Array, type_: ValueType) -> None:
    with pytest.raises(BadHistory, match=r"source 'events': column 'x' is declared \w+, but the history holds"):
        last(Frame(events(values)), type_)


def test_a_missing_column_is_an_error_that_says_what_exists() -> None:
    with pytest.raises(BadHistory, match="has no column 'x'; it has: at, user, y"):
        last(Frame(events(pa.array([1])).rename_columns(["user", "at", "y"])), Int64())


def test_files_globs_tables_and_frames(tmp_path: Path) -> None:
    rows = events(pa.array([1, 2, 3]))
    pq.write_table(rows.slice(0, 2), tmp_path / "one.parquet")
    pq.write_table(rows.slice(2), tmp_path / "two.parquet")
    database = tmp_path / "store.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.register("rows", rows)
        connection.execute("CREATE SCHEMA s; CREATE TABLE s.events AS FROM rows")
    places: list[Location] = [
        Files(str(tmp_path / "*.parquet")),
        DatabaseTable(str(database), "s.events"),
        Frame(rows),
        Frame(rows.to_pandas()),
        Frame(pl.from_arrow(rows)),
    ]
    for place in places:
        assert last(place, Int64()) == (3, 3)
    assert last(Files(str(tmp_path / "one.parquet")), Int64()) == (2, 2)


@pytest.mark.parametrize(
    ("texts", "type_", "expected"),
    [
        (["1", "1.5", "x"], Int64(), (1, 1)),
        (["1", ""], Int64(), (2, 1)),
        (["1.5", "2", "inf"], Float64(), (2, 2.0)),
        (["true", "False", "yes"], Bool(), (2, False)),
        (["1.25", "1.255", "3"], Decimal(2), (2, decimal.Decimal("3.00"))),
        (["007", "x y"], String(5), (2, "x y")),
    ],
    ids=str,
)
def test_csv_is_read_by_the_declared_types_alone(
    tmp_path: Path, texts: list[str], type_: ValueType, expected: Any
) -> None:
    lines = [f"a,2024-01-01T00:00:0{i}+01:00,{text}" for i, text in enumerate(texts)]
    path = tmp_path / "events.csv"
    path.write_text("user,at,x\n" + "\n".join(lines).replace("2024", "1960") + "\n")
    assert last(Files(str(path)), type_) == expected


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_history_that_says_when_rows_arrived_needs_no_declared_known_at(tmp_path: Path, format_: str) -> None:
    over = source({"user": String(4), "x": Int64()}, known_at=True)
    building = Building(over, {"user": String(4)})
    building.feature("n", building.reduce(Kind.COUNT, LIFETIME))
    building.feature("known", building.reduce(Kind.LAST, LIFETIME, Column("known", Timestamp())))
    rows = events(pa.array([1, 2])).append_column("arrived_at", pa.array([5, T], pa.int64()).cast(INSTANT))
    path = tmp_path / f"events.{format_}"
    if format_ == "parquet":
        pq.write_table(rows, path)
    else:
        pyarrow.csv.write_csv(rows, path)
    spine = pa.table({"row_id": [0, 1], "t": [T, T + 1], "key_user": ["a", "a"]})
    for engine in (ENGINE, KernelEngine(threads=1)):
        answers = engine.compute(building.view(), Files(str(path)), spine)
        assert answers["n"].to_pylist() == [1, 2]
        assert answers["known"].cast(pa.int64()).to_pylist() == [5, T]
    with pytest.raises(BadHistory, match="has no column 'known'"):
        ENGINE.compute(building.view(), Frame(rows.drop_columns(["arrived_at"])), spine)


def test_naive_timestamps_are_utc_in_csv_and_frames(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user,at,x\na,1970-01-01 00:00:00.999999,1\na,1970-01-01 00:00:01,2\n")
    assert last(Files(str(path)), Int64()) == (1, 1)
    naive = pd.DataFrame({"user": ["a", "a"], "at": pd.to_datetime([T - 1, T], unit="us"), "x": [1, 2]})
    assert last(Frame(naive), Int64()) == (1, 1)


def test_a_table_that_compares_text_in_its_own_way_is_compared_by_bytes(tmp_path: Path) -> None:
    database = tmp_path / "store.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute('CREATE TABLE events ("user" VARCHAR, "at" TIMESTAMP, x VARCHAR COLLATE NOCASE)')
        connection.execute("INSERT INTO events VALUES ('a', '1970-01-01', 'B'), ('a', '1970-01-01', 'a')")
    assert last(DatabaseTable(str(database), "events"), String(3)) == (2, "a")


def test_an_infinite_timestamp_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "store.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute('CREATE TABLE events ("user" VARCHAR, "at" TIMESTAMP, x BIGINT)')
        connection.execute("INSERT INTO events VALUES ('a', '-infinity', 1), ('a', '1970-01-01', 2)")
    assert last(DatabaseTable(str(database), "events"), Int64()) == (1, 2)


def test_what_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    for place in (Files(str(tmp_path / "no.parquet")), Files(str(tmp_path / "x.txt")), Frame(3)):
        with pytest.raises(Exception, match=r"cannot (read|tell)"):
            last(place, Int64())
    with pytest.raises(BadHistory, match="cannot read"):
        last(DatabaseTable(str(tmp_path / "none.duckdb"), "events"), Int64())
