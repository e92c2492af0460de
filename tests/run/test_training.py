"""Training sets: odd spines come back as they were, with the right answers beside them."""

from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.ground.expression import Call, Column, Literal, Op
from diptych.ground.instants import HOUR, instant
from diptych.ground.values import Enum, Float64, Int64, ListOf, String
from diptych.plan.nodes import Derived, Field, Kind, Output, Registry, Role, Service, View, Window
from diptych.run.engine import OfflineEngine
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.engines.kernel import KernelEngine
from diptych.run.errors import BadHistory, BadSpine, Overflow
from diptych.run.location import Frame, Location
from diptych.run.training import TrainingSet, training_set
from diptych.testing.build import LIFETIME, Building, source, table

DAY = Window(24 * HOUR, HOUR)
NOON = datetime(2024, 3, 10, 12, tzinfo=UTC)
SQL, KERNEL = DuckDBEngine(threads=1), KernelEngine(threads=1)

FLIGHTS = source({"origin": Enum("JFK", "LGA"), "dest": String(3), "delay": Int64()})


asking: ContextVar[OfflineEngine] = ContextVar("asking", default=SQL)
"""The engine that ``train`` puts its questions to."""


@pytest.fixture(autouse=True, params=[SQL, KERNEL], ids=["duckdb", "kernel"])
def engine(request: pytest.FixtureRequest) -> Iterator[OfflineEngine]:
    """Every test here holds for both engines."""
    token = asking.set(request.param)
    yield request.param
    asking.reset(token)


def traffic() -> View:
    building = Building(FLIGHTS, {"airport": String(3)}, on=["origin"])
    building.feature("n", building.reduce(Kind.COUNT, DAY))
    building.feature("worst", building.reduce(Kind.MAX, LIFETIME, Column("delay", Int64())))
    building.feature("dests", building.reduce(Kind.LATEST, DAY, Column("dest", String(3)), n=2))
    return building.view("traffic")


def route() -> View:
    building = Building(FLIGHTS, {"from": String(3), "to": String(3)}, on=["origin", "dest"])
    building.feature("n", building.reduce(Kind.COUNT, LIFETIME))
    return building.view("route")


def flight(origin: str | None, dest: str, delay: int | None, hours_before: float) -> dict[str, Any]:
    at = instant(NOON - timedelta(hours=hours_before))
    return {"origin": origin, "dest": dest, "delay": delay, "at": at}


HISTORY = [
    flight("JFK", "LAX", 5, 1),
    flight("JFK", "SFO", 50, 2),
    flight("JFK", "LAX", None, 30),
    flight("LGA", "LAX", 7, 3),
    flight(None, "LAX", 7, 3),
]
HISTORIES: dict[str, Location] = {"events": Frame(table(FLIGHTS, HISTORY))}


def role(name: str, view: View, on: tuple[str, ...], *features: str) -> tuple[Role, list[Output]]:
    types = {feature.name: feature.type for feature in view.features}
    outputs = [Output(f"{name}__{feature}", name, feature, types[feature]) for feature in features]
    return Role(name, view.name, on, features), outputs


def service(*roles: tuple[Role, list[Output]], **options: Any) -> Service:
    outputs = tuple(output for _, made in roles for output in made)
    return Service("s", 1, tuple(role for role, _ in roles), outputs, **options)


def registry(*views: View) -> Registry:
    return Registry("test", (FLIGHTS,), (), views, ())


def train(spine: Any, asked: Service | None = None, histories: Any = None, **options: Any) -> TrainingSet:
    asked = asked or service(role("traffic", traffic(), ("airport",), "n", "worst"))
    known = registry(traffic(), route())
    return training_set(known, asked, HISTORIES if histories is None else histories, spine, asking.get(), **options)


def spine(airports: list[Any], times: list[Any], **more: Any) -> pd.DataFrame:
    return pd.DataFrame({"airport": airports, "event_timestamp": times, **more})


def test_rows_order_columns_index_and_dtypes_of_a_pandas_spine_stay() -> None:
    frame = spine(["LGA", "JFK", "JFK", None, "QQQ"], [NOON] * 5, n=[1, 2, 3, 4, 5], x=[object()] * 5)
    frame.index = pd.Index(["e", "b", "b", "a", "c"], name="label")
    before = frame.copy()
    got = train(frame).to_df()
    pd.testing.assert_frame_equal(got[list(before.columns)], before)
    assert got["traffic__n"].tolist() == [1, 2, 2, 0, 0]
    assert got["traffic__n"].dtype == "int64"
    assert got["traffic__worst"].dtype == pd.Int64Dtype()
    assert got["traffic__worst"].tolist() == [7, 50, 50, pd.NA, pd.NA]
    pd.testing.assert_frame_equal(frame, before)


def test_columns_named_like_the_engines_own_do_no_harm() -> None:
    frame = spine(["JFK"], [NOON], row_id=[7], t=["t"], key_airport=[None], entity=[1], raw=[2])
    got = train(frame).to_arrow()
    assert got.column_names == [*frame.columns, "traffic__n", "traffic__worst"]
    assert got["row_id"].to_pylist() == [7]
    assert got["traffic__n"].to_pylist() == [2]


@pytest.mark.parametrize(
    "time",
    [
        NOON,
        NOON.replace(tzinfo=None),
        NOON.astimezone(timezone(timedelta(hours=-5))),
        pd.Timestamp("2024-03-10 07:00", tz="America/New_York") + pd.Timedelta(hours=1),
    ],
    ids=["utc", "naive is utc", "offset", "zone"],
)
def test_one_instant_however_it_is_written(time: Any) -> None:
    got = train(spine(["JFK"], [time])).to_arrow()
    assert got["traffic__n"].to_pylist() == [2]


def test_an_event_at_the_instant_itself_is_not_seen() -> None:
    at = [NOON - timedelta(hours=2), NOON - timedelta(hours=2) + timedelta(microseconds=1)]
    got = train(spine(["JFK", "JFK"], at)).to_arrow()
    assert got["traffic__worst"].to_pylist() == [None, 50]


def test_frames_of_every_kind_and_every_way_out() -> None:
    frame = spine(["JFK", "LGA"], [NOON, NOON])
    for given in (frame, pa.Table.from_pandas(frame), pl.from_pandas(frame)):
        result = train(given)
        assert result.to_df()["traffic__n"].tolist() == [2, 1]
        assert result.to_polars()["traffic__n"].to_list() == [2, 1]
        assert result.to_arrow()["traffic__n"].to_pylist() == [2, 1]


def test_a_spine_of_no_rows_and_of_one() -> None:
    frame = spine(["JFK"], [NOON])
    empty = train(frame.iloc[:0])
    assert empty.to_arrow().num_rows == 0
    assert empty.to_arrow().schema.field("traffic__worst").type == pa.int64()
    assert list(empty.to_df().columns) == [*frame.columns, "traffic__n", "traffic__worst"]
    assert len(train(frame).to_df()) == 1


def test_a_view_in_two_roles_is_asked_for_both() -> None:
    asked = service(
        role("traffic", traffic(), ("airport",), "n"), role("arrivals", traffic(), ("other",), "n", "worst")
    )
    got = train(spine(["JFK", "LGA"], [NOON, NOON], other=["LGA", None]), asked).to_arrow()
    assert got["traffic__n"].to_pylist() == [2, 1]
    assert got["arrivals__n"].to_pylist() == [1, 0]
    assert got["arrivals__worst"].to_pylist() == [7, None]


def test_keys_of_two_parts_that_concatenate_alike_are_different() -> None:
    history = [
        {"origin": "JFK", "dest": "a", "delay": 1, "at": 0},
        {"origin": "LGA", "dest": "Ka", "delay": 1, "at": 0},
    ]
    asked = service(role("route", route(), ("from", "to"), "n"))
    frame = pd.DataFrame({"from": ["JFK", "JF", "LGA"], "to": ["a", "Ka", "Ka"], "event_timestamp": [NOON] * 3})
    got = train(frame, asked, {"events": Frame(table(FLIGHTS, history))}).to_arrow()
    assert got["route__n"].to_pylist() == [1, 0, 1]


def test_short_names_and_their_collisions() -> None:
    frame = spine(["JFK"], [NOON])
    assert train(frame, full_feature_names=False).to_arrow().column_names[-2:] == ["n", "worst"]
    both = service(role("traffic", traffic(), ("airport",), "n"), role("other", traffic(), ("airport",), "n"))
    with pytest.raises(BadSpine, match="two outputs are named 'n'"):
        train(frame, both, full_feature_names=False)
    with pytest.raises(BadSpine, match="already has a column 'n'"):
        train(spine(["JFK"], [NOON], n=[1]), full_feature_names=False)


def test_lists_come_as_lists() -> None:
    asked = service(role("traffic", traffic(), ("airport",), "dests"))
    assert asked.outputs[0].type == ListOf(String(3), 2)
    got = train(spine(["JFK", None], [NOON, NOON]), asked).to_arrow()
    assert got["traffic__dests"].to_pylist() == [["SFO", "LAX"], []]


def test_derived_features_read_outputs_request_inputs_and_the_time() -> None:
    n = Call(Op.TO_FLOAT, (Column("traffic__n", Int64()),), Float64())
    hour = Call(Op.HOUR, (Column("request_time"), Literal("America/New_York", String(32))), Int64())
    asked = service(
        role("traffic", traffic(), ("airport",), "n"),
        request=(Field("miles", Float64(ge=0.0)),),
        derived=(
            Derived("per_mile", Call(Op.DIV, (n, Column("miles", Float64())), Float64()), Float64()),
            Derived("hour", hour, Int64()),
        ),
    )
    got = train(spine(["JFK", "LGA"], [NOON, NOON], miles=[4, 0]), asked).to_arrow()
    assert got.column_names[-3:] == ["traffic__n", "per_mile", "hour"]
    assert got["per_mile"].to_pylist() == [0.5, None]
    assert got["hour"].to_pylist() == [8, 8]  # daylight saving began that morning
    with pytest.raises(BadSpine, match="request input column 'miles'"):
        train(spine(["JFK"], [NOON], miles=[-1.0]), asked)
    with pytest.raises(BadSpine, match="no column 'miles'"):
        train(spine(["JFK"], [NOON]), asked)


def test_a_spine_without_its_time_or_keys_is_refused_with_what_it_has() -> None:
    frame = spine(["JFK"], [NOON])
    with pytest.raises(BadSpine, match=r"no time column 'event_timestamp'; it has: airport, when.*timestamp="):
        train(frame.rename(columns={"event_timestamp": "when"}))
    assert train(frame.rename(columns={"event_timestamp": "when"}), timestamp="when").to_df()["traffic__n"][0] == 2
    with pytest.raises(BadSpine, match=r"no column 'airport' \(key of 'traffic'\).*did you mean 'airports'"):
        train(frame.rename(columns={"airport": "airports"}))


@pytest.mark.parametrize(
    ("airports", "said"),
    [([1], "not of type String"), (["JFKX"], "longer than String"), (["J\0"], "NUL")],
    ids=["int against text", "too long", "nul"],
)
def test_keys_of_the_wrong_type_are_refused(airports: list[Any], said: str) -> None:
    with pytest.raises(BadSpine, match=said):
        train(spine(airports, [NOON]))


def test_null_and_unreadable_times_are_refused() -> None:
    with pytest.raises(BadSpine, match=r"1 rows of the spine have no time; the first is row 1"):
        train(spine(["JFK", "JFK"], [NOON, None]))
    with pytest.raises(BadSpine, match="not of type Timestamp"):
        train(spine(["JFK"], ["yesterday"]))


def test_a_sum_that_leaves_int64_names_feature_key_and_time() -> None:
    building = Building(FLIGHTS, {"airport": String(3)}, on=["origin"])
    building.feature("total", building.reduce(Kind.SUM, LIFETIME, Column("delay", Int64())))
    history = {"events": Frame(table(FLIGHTS, [flight("JFK", "LAX", 2**62, hours) for hours in (1, 2)]))}
    asked = service(role("sums", building.view("sums"), ("airport",), "total"))
    result = training_set(registry(building.view("sums")), asked, history, spine(["JFK"], [NOON]), asking.get())
    with pytest.raises(Overflow, match=r"sums:total leaves int64 in 1 rows.*'airport': 'JFK'.*2024-03-10T12:00:00"):
        result.to_df()


def test_a_source_without_a_history_is_refused() -> None:
    with pytest.raises(BadHistory, match="no history is known for source 'events'"):
        train(spine(["JFK"], [NOON]), histories={})


def test_an_empty_history_answers_with_empty_windows() -> None:
    got = train(spine(["JFK"], [NOON]), histories={"events": Frame(table(FLIGHTS, []))}).to_arrow()
    assert (got["traffic__n"].to_pylist(), got["traffic__worst"].to_pylist()) == ([0], [None])


def test_sql_is_shown_without_computing() -> None:
    text = train(spine(["JFK"], [NOON])).to_sql()
    assert 'CREATE TEMP VIEW "raw"' in text
    assert ('"cells"' in text) == (asking.get() is SQL)  # the kernel's scan is all that is SQL there


def test_spines_from_parquet_and_from_sql(tmp_path: Path) -> None:
    path = tmp_path / "spine.parquet"
    pq.write_table(pa.Table.from_pandas(spine(["LGA", "JFK"], [NOON, NOON])), path)
    assert train(SQL.query(path)).to_df()["traffic__n"].tolist() == [1, 2]
    assert train(SQL.query(str(path))).to_df()["traffic__n"].tolist() == [1, 2]
    text = f"SELECT airport, event_timestamp FROM '{path}' ORDER BY airport"
    assert train(SQL.query(text)).to_df()["traffic__n"].tolist() == [2, 1]
    frames = {"asked": spine(["JFK"], [NOON])}
    assert train(SQL.query("SELECT * FROM asked", frames)).to_df()["traffic__n"].tolist() == [2]
    with pytest.raises(BadSpine, match="is several"):
        SQL.query("SELECT 1; DROP TABLE asked")
    with pytest.raises(BadSpine, match="cannot read the spine"):
        SQL.query("SELECT * FROM nowhere")
