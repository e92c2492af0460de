"""The kernel engine beside compiled SQL: equal answers out of every kind of history, in however many buckets."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import diptych as dt
from diptych.check.compare import compare
from diptych.compile.online import Gathering, Program
from diptych.declare.project import Project
from diptych.ground.instants import DAY, HOUR, MINUTE
from diptych.plan.nodes import View
from diptych.plan.resolve import resolve
from diptych.run.engines import kernel
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.engines.kernel import KernelEngine
from diptych.run.errors import BadHistory, Overflow
from diptych.run.location import DatabaseTable, Files, Frame, Location
from diptych.run.spine import questions
from diptych.testing.build import table
from diptych.testing.conformance import Question, agree
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views
from tests.run.asking import key_array

WINDOWS = ["1h", "24h"]
START = 1_700_000_000_000_000

shop = dt.Entity("shop", keys={"country": dt.String(2), "number": dt.Int64()})
sales = dt.EventSource(
    "sales",
    timestamp="at",
    known_at="known",
    event_id="id",
    columns={
        "country": dt.String(2),
        "number": dt.Int64(),
        "id": dt.String(8),
        "at": dt.Timestamp(),
        "known": dt.Timestamp(),
        "price": dt.Decimal(2, ge=Decimal(0), le=Decimal(1000)),
        "weight": dt.Float64(),
        "kind": dt.Enum("a", "b"),
        "unread": dt.Int64(),
    },
    derive={"parity": "number % 2"},
    filter="price <> 13.00",
)
takings = dt.FeatureView(
    "takings",
    entity=shop,
    source=sales,
    features=[
        dt.count(windows=WINDOWS),
        dt.sum("price", windows=WINDOWS),
        dt.mean("price", windows=WINDOWS),
        dt.max("weight", windows=WINDOWS),
        dt.sum("weight", windows=WINDOWS),
        dt.last("kind"),
        dt.last_n("price", n=2, windows=["24h"]),
        dt.count(where="kind = 'a'", windows=["24h"], name="of_a"),
    ],
)
half = dt.Entity("half", keys={"parity": dt.Int64()})
halves = dt.FeatureView("halves", entity=half, source=sales, features=[dt.count(windows=WINDOWS), dt.last("price")])
world = dt.Entity("world", keys={})
everywhere = dt.FeatureView("everywhere", entity=world, source=sales, features=[dt.count(windows=WINDOWS)])
REGISTRY = resolve([shop, sales, takings, half, halves, world, everywhere], Project("shops", ("shops",)))
VIEW = REGISTRY.view("takings")


def history(rows: int = 400) -> pa.Table:
    """Sales of a few shops with late arrivals, repeats, nulls, and values that the door refuses."""
    draw = np.random.default_rng(rows)
    at = START + draw.integers(0, 2 * DAY, rows) // MINUTE * MINUTE
    known = at + draw.integers(0, 3 * HOUR, rows)
    units = pa.array([f"{cents // 100}.{cents % 100:02}" for cents in draw.integers(0, 120_000, rows)])
    price = units.cast(pa.decimal128(19, 2))
    return pa.table(
        {
            "country": pa.array(draw.choice(["de", "fr", "usa", "é", None], rows).tolist(), pa.string()),
            "number": pa.array(draw.integers(-1, 4, rows)),
            "id": pa.array([f"e{number}" for number in draw.integers(0, rows, rows)]),
            "at": pa.array(at).cast(pa.timestamp("us", "UTC")),
            "known": pa.array(known).cast(pa.timestamp("us", "UTC")),
            "price": price,
            "weight": pa.array(draw.choice([0.5, -0.0, 3.25, np.inf, np.nan], rows)),
            "kind": pa.array(draw.choice(["a", "b", "c"], rows, p=[0.6, 0.35, 0.05]).tolist()),
            "unread": pa.array(draw.integers(0, 9, rows)),
        }
    )


def shops(count: int = 60) -> pa.Table:
    """Questions about shops, some of them unknown, some with a null in their key, none twice."""
    draw = np.random.default_rng(count)
    keys = {
        "country": pa.array(draw.choice(["de", "fr", "é", "it", None], count).tolist(), pa.string()),
        "number": pa.array([None if n == 5 else int(n) for n in draw.integers(0, 6, count)], pa.int64()),
    }
    return questions(keys, pa.array(START + draw.integers(0, 3 * DAY, count))).table


def halves_spine() -> pa.Table:
    keys = {"parity": pa.array([0, 1, -1, None, 1], pa.int64())}
    return questions(keys, pa.array([START + DAY, START + DAY, START + 2 * DAY, START, START + 3 * DAY])).table


@pytest.fixture(params=["parquet", "parquet glob", "csv", "database", "frame", "pandas"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """The same history in every place that it may be in."""
    rows = history()
    match request.param:
        case "parquet":
            pq.write_table(rows, tmp_path / "sales.parquet")
            return Files(str(tmp_path / "sales.parquet"))
        case "parquet glob":
            pq.write_table(rows.slice(0, 100), tmp_path / "sales_1.parquet")
            pq.write_table(rows.slice(100), tmp_path / "sales_2.parquet")
            return Files(str(tmp_path / "sales_*.parquet"))
        case "csv":
            pyarrow.csv.write_csv(rows, tmp_path / "sales.csv")
            return Files(str(tmp_path / "sales.csv"))
        case "database":
            with duckdb.connect(str(tmp_path / "shop.db")) as connection:
                connection.register("rows", rows)
                connection.execute("CREATE SCHEMA s; CREATE TABLE s.sales AS SELECT * FROM rows")
            return DatabaseTable(str(tmp_path / "shop.db"), "s.sales")
        case "frame":
            return Frame(rows)
        case _:
            return Frame(rows.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get))


def same(view: View, left: pa.Table, right: pa.Table, spine: pa.Table) -> None:
    """Assert that two engines' answers agree, statuses included, within the tolerance of the right one's magnitudes."""
    for feature in view.features:
        if feature.name not in left.column_names:
            continue
        magnitude = f"{feature.name}__magnitude"
        differences = compare(
            feature,
            left[feature.name],
            right[feature.name],
            keys=[()] * spine.num_rows,
            instants=spine["t"].to_numpy(),
            magnitude=right[magnitude].to_numpy() if magnitude in right.column_names else None,
            statuses=tuple(side[f"{feature.name}__status"].to_pylist() for side in (left, right)),
        )
        assert differences == []


def test_answers_are_those_of_compiled_sql_wherever_the_history_is(location: Location) -> None:
    spine = shops()
    mine = KernelEngine(threads=2).compute(VIEW, location, spine, evidence=True)
    theirs = DuckDBEngine(threads=1).compute(VIEW, location, spine, evidence=True)
    assert mine.schema.names == [name for name in theirs.column_names if not name.endswith("__magnitude")]
    assert [mine.schema.field(name).type for name in mine.column_names] == [
        theirs.schema.field(name).type for name in mine.column_names
    ]
    same(VIEW, mine, theirs, spine)
    assert set(mine["count_24h__status"].to_pylist()) >= {"PRESENT", "EMPTY_WINDOW", "UNSEEN_ENTITY", "NULL_KEY"}


@pytest.mark.parametrize("name", ["halves", "everywhere"])
def test_derived_keys_and_none(name: str) -> None:
    view = REGISTRY.view(name)
    spine = halves_spine() if name == "halves" else questions({}, pa.array([START, START + DAY])).table
    theirs = DuckDBEngine(threads=1).compute(view, Frame(history()), spine, evidence=True)
    for engine in (KernelEngine(), KernelEngine(record_memory=1)):
        same(view, engine.compute(view, Frame(history()), spine, evidence=True), theirs, spine)


@pytest.mark.parametrize("memory", [1, 2_000, 10_000, 1 << 30])
def test_answers_do_not_depend_on_the_number_of_buckets(memory: int) -> None:
    spine, rows = shops(), Frame(history())
    whole = KernelEngine(threads=1).compute(VIEW, rows, spine)
    assert KernelEngine(record_memory=memory, threads=2).compute(VIEW, rows, spine).equals(whole)


def test_no_bucket_holds_more_records_than_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a single entity needs more."""
    held: list[np.ndarray[Any, Any]] = []
    made = Gathering.of

    def noted(program: Program, most: np.ndarray[Any, Any]) -> Gathering:
        held.append(most)
        return made(program, most)

    monkeypatch.setattr(kernel.Gathering, "of", noted)
    width = Program.of(VIEW).layout.record_bytes
    KernelEngine(record_memory=80 * width).compute(VIEW, Frame(history()), shops())
    assert len(held) > 1
    assert all(most.sum() <= 80 or np.count_nonzero(most) == 1 for most in held)
    assert sum(most.sum() for most in held) <= history().num_rows


def test_asked_features_alone_in_the_order_asked() -> None:
    spine = shops()
    whole = KernelEngine().compute(VIEW, Frame(history()), spine)
    names = ["kind_last", "price_mean_24h", "count_1h"]
    some = KernelEngine().compute(VIEW, Frame(history()), spine, names)
    assert some.equals(whole.select(names))


def test_an_empty_spine_and_an_empty_history() -> None:
    empty = shops().slice(0, 0)
    theirs = DuckDBEngine(threads=1)
    assert KernelEngine().compute(VIEW, Frame(history()), empty).equals(theirs.compute(VIEW, Frame(history()), empty))
    nothing = Frame(history().slice(0, 0))
    same(
        VIEW,
        KernelEngine().compute(VIEW, nothing, shops(), evidence=True),
        theirs.compute(VIEW, nothing, shops(), evidence=True),
        shops(),
    )


def test_a_sum_that_leaves_int64_is_the_same_error_in_both_engines() -> None:
    over = dt.EventSource("big", timestamp="at", columns={"at": dt.Timestamp(), "n": dt.Int64(), "x": dt.Int64()})
    entity = dt.Entity("n", keys={"n": dt.Int64()})
    view = dt.FeatureView("sums", entity=entity, source=over, features=[dt.sum("x", windows=["24h"])])
    resolved = resolve([over, entity, view], Project("p", ("p",))).view("sums")
    rows = Frame(
        pa.table({"at": pa.array([START] * 2).cast(pa.timestamp("us")), "n": [7, 7], "x": [2**62, 2**62]}),
    )
    spine = questions({"n": pa.array([1, 7])}, pa.array([START + 1, START + 1])).table
    said = []
    for engine in (KernelEngine(), DuckDBEngine(threads=1)):
        with pytest.raises(Overflow) as caught:
            engine.compute(resolved, rows, spine)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "sums:x_sum_24h leaves int64 in 1 rows, the first for {'n': 7}" in said[0]
    answers = KernelEngine().compute(resolved, rows, spine, evidence=True)
    assert answers["x_sum_24h"].to_pylist() == [0, None]
    assert answers["x_sum_24h__status"].to_pylist() == ["UNSEEN_ENTITY", "OVERFLOW"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (history().drop_columns(["price"]), "no column 'price'"),
        (history().set_column(1, "number", pa.array(["1"] * 400)), "declared Int64, but the history holds VARCHAR"),
    ],
)
def test_a_history_that_is_not_as_declared(rows: pa.Table, says: str) -> None:
    with pytest.raises(BadHistory, match=says):
        KernelEngine().compute(VIEW, Frame(rows), shops())


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for place in (Files(str(tmp_path / "no.parquet")), DatabaseTable(str(tmp_path / "no.db"), "t")):
        with pytest.raises(BadHistory, match="cannot read its history"):
            KernelEngine().compute(VIEW, place, shops())


def test_times_of_arrival_outrank_the_declared_ones() -> None:
    """Rows whose arrival was recorded are known from then on; the others when their column says."""
    rows = history(40)
    late = pa.array([None if i % 2 else START + 2 * DAY + i for i in range(40)], pa.int64())
    rows = rows.append_column("arrived_at", late.cast(pa.timestamp("us", "UTC")))
    spine = shops()
    theirs = DuckDBEngine(threads=1).compute(VIEW, Frame(rows), spine, evidence=True)
    same(VIEW, KernelEngine().compute(VIEW, Frame(rows), spine, evidence=True), theirs, spine)


@settings(suppress_health_check=list(HealthCheck), max_examples=40)
@given(st.data())
def test_agrees_with_compiled_sql_on_any_view(data: st.DataObject) -> None:
    view = data.draw(views(), "view")
    rows = Frame(table(view.source, data.draw(histories(view), "history")))
    asked = data.draw(spines(view, data.draw(histories(view), "others")), "spine")
    spine = _spine(view, asked)
    theirs = DuckDBEngine(threads=1).compute(view, rows, spine, evidence=True)
    mine = KernelEngine(threads=1, record_memory=data.draw(st.sampled_from([1, 1 << 20])))
    answers = mine.compute(view, rows, spine, evidence=True)
    count = [Question((), int(t)) for t in spine["t"].to_numpy()]
    magnitudes = {
        feature.name: theirs[f"{feature.name}__magnitude"].to_numpy() if feature.tolerance else []
        for feature in view.features
    }
    names = [feature.name for feature in view.features]
    agree(view, count, {n: answers[n] for n in names}, {n: theirs[n] for n in names}, magnitudes)


def _spine(view: View, asked: list[Question]) -> pa.Table:
    keys = {field.name: key_array(field, [q.key[i] for q in asked]) for i, field in enumerate(view.entity.keys)}
    return questions(keys, pa.array([q.t for q in asked], pa.int64())).table
