"""The door for programs: what it takes, and what it says to what it does not take."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import diptych as dt
from diptych.plan.selection import UnknownFeatures
from diptych.serve.batches import IngestError
from diptych.serve.request import BadRequest

SETTINGS = (
    'project = "shops"\nmodules = ["feature_repo"]\n[environments.local.sources]\nsales = { path = "sales.parquet" }\n'
)
DEFINITIONS = """
import diptych as dt

sales = dt.EventSource(
    "sales", timestamp="at", event_id="id", columns={"id": dt.Int64(), "at": dt.Timestamp(), "shop": dt.String(4)}
)
traffic = dt.FeatureView(
    "traffic", entity=dt.Entity("shop", keys={"shop": dt.String(4)}), source=sales, features=[dt.count(windows=["24h"])]
)
"""
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
COUNT = "traffic__count_24h"


def rows(first: int, count: int, at: datetime = NOON) -> list[dict[str, Any]]:
    return [{"id": first + i, "at": at + timedelta(minutes=i), "shop": "A"} for i in range(count)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[dt.FeatureStore]:
    (tmp_path / "diptych.toml").write_text(SETTINGS)
    (tmp_path / "feature_repo").mkdir()
    (tmp_path / "feature_repo" / "__init__.py").touch()
    (tmp_path / "feature_repo" / "shops.py").write_text(DEFINITIONS)
    pq.write_table(pa.Table.from_pylist(rows(0, 5)), tmp_path / "sales.parquet")
    with dt.FeatureStore(tmp_path) as opened:
        opened.apply(cut=NOON)
        yield opened


def test_files_of_one_name_and_other_content_are_another_stream(store: dt.FeatureStore, tmp_path: Path) -> None:
    file = tmp_path / "part-0.parquet"
    for first, offered in ((0, 5), (100, 3)):
        pq.write_table(pa.Table.from_pylist(rows(first, offered, NOON + timedelta(hours=first / 100))), file)
        assert store.ingest("sales", [str(file)]).events == offered
    assert store.ingest("sales", [file]).events == 0  # the same content again
    at = NOON + timedelta(hours=2)
    assert store.get_online_features(["traffic:count_24h"], [{"shop": "A"}], at=at).to_dict()[COUNT] == [8]


def test_an_instant_that_python_cannot_hold_goes_to_quarantine_alone(store: dt.FeatureStore) -> None:
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    done = store.push("sales", [*rows(50, 1, datetime.now(UTC)), {"id": 51, "at": early, "shop": "A"}])
    assert sum(done.rejected.values()) == 1
    assert store.get_online_features(["traffic:count_24h"], [{"shop": "A"}]).to_dict()[COUNT] == [1]


def test_one_row_alone_is_a_batch_of_one_and_frames_are_rows(store: dt.FeatureStore) -> None:
    store.push("sales", rows(60, 1, datetime.now(UTC))[0])
    found = store.get_online_features(["traffic:count_24h"], pd.DataFrame({"shop": ["A", "B"]})).to_dict()
    assert found[COUNT] == [1, 0]


async def test_reads_and_writes_have_async_twins(store: dt.FeatureStore) -> None:
    await store.push_async("sales", rows(70, 1, datetime.now(UTC)))
    answer = await store.get_online_features_async(["traffic:count_24h"], [{"shop": "A"}])
    assert answer.to_dict()[COUNT] == [1]


def test_what_cannot_be_meant_is_refused_with_words(store: dt.FeatureStore) -> None:
    wanted = ["traffic:count_24h"]
    with pytest.raises(BadRequest, match=r"'A', not a list of values"):
        store.get_online_features(wanted, {"shop": "A"})
    with pytest.raises(BadRequest, match="no instant"):
        store.get_online_features(wanted, [{"shop": "A"}], at="2024-05-01")  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match="a NoneType"):
        store.get_online_features(wanted, None)  # type: ignore[arg-type]
    with pytest.raises(IngestError, match="row 0 of the batch is a NoneType"):
        store.push("sales", [None])  # type: ignore[list-item]
    with pytest.raises(IngestError, match="not a NoneType"):
        store.push("sales", None)  # type: ignore[arg-type]
    with pytest.raises(IngestError, match="no file was named"):
        store.ingest("sales", [])
    for odd in (None, 5, [5]):
        with pytest.raises(UnknownFeatures, match="pass a service"):
            store.get_online_features(odd, [{"shop": "A"}])  # type: ignore[arg-type]


def test_both_engines_answer_alike_and_sql_is_a_spine_too(store: dt.FeatureStore, tmp_path: Path) -> None:
    pq.write_table(
        pa.Table.from_pylist([{"shop": "A", "event_timestamp": NOON + timedelta(hours=1)}]), tmp_path / "s.parquet"
    )
    spine = f"SELECT * FROM '{tmp_path}/s.parquet'"
    answers = [
        store.get_historical_features(spine, ["traffic:count_24h"], engine=engine).to_arrow()[COUNT].to_pylist()
        for engine in ("duckdb", "kernel")
    ]
    assert answers == [[5], [5]]
