"""A team that records: what is trained over recorded history is what was served, where a declared known_at misleads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import diptych as dt
from diptych.serve.recording.recorder import RecordingError

SETTINGS = """
project = "shops"
modules = ["feature_repo"]

[environments.local]
recording = { history = "recorded" }

[environments.local.sources]
sales = { path = "sales.FORMAT" }

[environments.bare.sources]
sales = { path = "export.parquet" }
"""
DEFINITIONS = """
import diptych as dt

sales = dt.EventSource(
    "sales", timestamp="at", known_at="told", event_id="id",
    columns={"id": dt.Int64(), "at": dt.Timestamp(), "told": dt.Timestamp(), "shop": dt.String(4), "price": dt.Decimal(2)},
)
traffic = dt.FeatureView(
    "traffic", entity=dt.Entity("shop", keys={"shop": dt.String(4)}), source=sales,
    features=[
        dt.count(windows=["24h"]), dt.sum("price", windows=["24h"]), dt.last("told"),
        dt.count(where="seconds_between(at, told) > 600", windows=["24h"], name="slow"),
    ],
)
visits = dt.EventSource("visits", timestamp="seen", columns={"seen": dt.Timestamp(), "shop": dt.String(4)})
footfall = dt.FeatureView(
    "footfall", entity=dt.Entity("shop", keys={"shop": dt.String(4)}), source=visits, features=[dt.count(windows=["24h"])]
)
"""
WANTED = [
    "traffic:count_24h", "traffic:price_sum_24h", "traffic:told_last", "traffic:slow_24h", "footfall:count_24h"
]  # fmt: skip


def sale(number: int, at: datetime, told: datetime | None, shop: str = "A") -> dict[str, Any]:
    return {"id": number, "at": at, "told": told, "shop": shop, "price": Decimal(f"{number}.25")}


def imported() -> list[dict[str, Any]]:
    """What a warehouse knows: five sales, known twenty minutes after they happened."""
    early = datetime.now(UTC) - timedelta(hours=3)
    return [sale(i, early + timedelta(minutes=i), early + timedelta(minutes=20 + i)) for i in range(5)]


def table(rows: list[dict[str, Any]]) -> pa.Table:
    instant = pa.timestamp("us", "UTC")
    types = {"id": pa.int64(), "at": instant, "told": instant, "shop": pa.string(), "price": pa.decimal128(9, 2)}
    return pa.Table.from_pylist(rows, pa.schema(list(types.items())))


@pytest.fixture(params=["parquet", "csv"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "diptych.toml").write_text(SETTINGS.replace("FORMAT", request.param))
    (tmp_path / "feature_repo").mkdir()
    (tmp_path / "feature_repo" / "__init__.py").touch()
    (tmp_path / "feature_repo" / "shops.py").write_text(DEFINITIONS)
    history = table(imported())
    if request.param == "parquet":
        pq.write_table(history, tmp_path / "sales.parquet")
    else:
        pa.csv.write_csv(history, tmp_path / "sales.csv")
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[dt.FeatureStore]:
    with dt.FeatureStore(folder) as opened:
        opened.apply()
        yield opened


def train(store: dt.FeatureStore, instants: list[datetime], engine: str | None = None) -> dict[str, list[Any]]:
    spine = pa.table({"shop": ["A"] * len(instants), "event_timestamp": pa.array(instants, pa.timestamp("us", "UTC"))})
    return store.get_historical_features(spine, WANTED, engine=engine).to_arrow().drop_columns(
        ["shop", "event_timestamp"]
    ).to_pydict()  # fmt: skip


def served(store: dt.FeatureStore, instants: list[datetime]) -> dict[str, list[Any]]:
    answers = [store.get_online_features(WANTED, [{"shop": "A"}], at=at).to_arrow() for at in instants]
    return pa.concat_tables(answers).select(list(train(store, instants[:1]))).to_pydict()


def test_training_over_recorded_history_is_what_was_served(store: dt.FeatureStore, folder: Path) -> None:
    """Rows come late, and say that they were known at once: what was served at each moment is trained at that moment."""
    assert train(store, [datetime.now(UTC)])["footfall__count_24h"] == [0]  # nothing is recorded of it yet
    visits = folder / "visits.parquet"
    asked = []
    for number in range(10, 16):
        happened = datetime.now(UTC) - timedelta(minutes=40)
        store.push("sales", [sale(number, happened, happened), sale(number, happened, None)])
        pq.write_table(pa.table({"seen": [datetime.now(UTC)] * number, "shop": ["A"] * number}), visits)
        asked.append(datetime.now(UTC))
    store.ingest("visits", [visits], partition="door")
    now = datetime.now(UTC)
    instants = [*asked, now, now - timedelta(minutes=30), now - timedelta(hours=2)]
    answers = served(store, [at for at in instants if at >= asked[0]])
    for engine in ("duckdb", "kernel"):
        trained = train(store, [at for at in instants if at >= asked[0]], engine)
        assert trained == answers
    assert answers["traffic__count_24h"] == [6, 7, 8, 9, 10, 11, 11]
    assert answers["traffic__slow_24h"] == answers["traffic__count_24h"]  # known 20 and 40 minutes after they happened
    assert answers["footfall__count_24h"][-1] == 15
    with dt.FeatureStore(folder) as another:  # its recorder has no part in the files
        assert train(another, instants[:6], "duckdb") == train(store, instants[:6], "kernel")
    store.close()


def test_what_declares_its_known_at_would_have_trained_otherwise(store: dt.FeatureStore, folder: Path) -> None:
    happened = datetime.now(UTC) - timedelta(minutes=40)
    store.push("sales", [sale(10, happened, happened)])
    now = datetime.now(UTC)
    between = now - timedelta(minutes=20)
    pq.write_table(table([*imported(), sale(10, happened, happened)]), folder / "export.parquet")
    spine = pa.table({"shop": ["A", "A"], "event_timestamp": pa.array([between, now], pa.timestamp("us", "UTC"))})
    wanted = ["traffic:count_24h"]
    recorded = store.get_historical_features(spine, wanted).to_arrow()["traffic__count_24h"].to_pylist()
    with dt.FeatureStore(folder, environment="bare") as bare:
        declared = bare.get_historical_features(spine, wanted).to_arrow()["traffic__count_24h"].to_pylist()
    assert recorded == [5, 6]
    assert declared == [6, 6]


def test_a_new_version_is_filled_from_what_was_recorded(store: dt.FeatureStore, folder: Path) -> None:
    for number in range(10, 16):
        store.push("sales", [sale(number, datetime.now(UTC) - timedelta(minutes=5), None)])
    then = datetime.now(UTC)
    shops = folder / "feature_repo" / "shops.py"
    shops.write_text(
        shops.read_text().replace('dt.count(windows=["24h"]), dt.sum', 'dt.count(windows=["24h", "7d"]), dt.sum')
    )
    with dt.FeatureStore(folder) as changed:
        plan = changed.plan()
        assert (
            any(getattr(step, "rows", None) == 11 for step in plan.plan.backfills)
            or folder.joinpath("sales.csv").exists()
        )
        changed.apply(plan)
        counts = changed.get_online_features(["traffic:count_7d", "traffic:count_24h"], [{"shop": "A"}]).to_dict()
        assert (counts["traffic__count_7d"], counts["traffic__count_24h"]) == ([11], [11])
        spine = pa.table({"shop": ["A"], "event_timestamp": pa.array([then], pa.timestamp("us", "UTC"))})
        assert (
            changed.get_historical_features(spine, ["traffic:count_7d"]).to_arrow()["traffic__count_7d"][0].as_py()
            == 11
        )


@pytest.mark.parametrize("folder", ["parquet"], indirect=True)
def test_simulation_runs_over_recorded_history(store: dt.FeatureStore, folder: Path) -> None:
    visits = folder / "visits.parquet"
    for number in range(10, 40):
        happened = datetime.now(UTC) - timedelta(minutes=number)
        store.push("sales", [sale(number, happened, happened if number % 2 else None, "AB"[number % 2])])
    pq.write_table(pa.table({"seen": [datetime.now(UTC)] * 3, "shop": ["A"] * 3}), visits)
    store.ingest("visits", [visits], partition="door")
    verdict = store.simulate(questions=40)
    assert verdict.equal


def test_a_folder_that_cannot_be_written_fails_the_push_and_nothing_is_served(
    store: dt.FeatureStore, folder: Path
) -> None:
    (folder / "recorded").write_text("in the way")
    with pytest.raises(RecordingError, match="Nothing of this batch was applied"):
        store.push("sales", [sale(10, datetime.now(UTC), None)])
    assert store.get_online_features(["traffic:count_24h"], [{"shop": "A"}]).to_dict()["traffic__count_24h"] == [5]
