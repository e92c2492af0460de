"""Histories for a backfill: every event in exactly one bucket, through the same door wherever the history lies."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from diptych.admit.project import ViewEvents
from diptych.ground.instants import DAY
from diptych.ground.values import INT64_MAX
from diptych.plan.nodes import View
from diptych.run.errors import BadHistory
from diptych.run.history import BUCKET_ROWS, MOST_BUCKETS, LocatedHistory, TableHistory, buckets_of
from diptych.run.location import Files, Frame, Location
from tests.run.test_kernel_engine import REGISTRY, START, history

ROWS = history()


def spelled(events: ViewEvents) -> list[tuple[object, ...]]:
    """The events as tuples, in an order of their own."""
    assert events.id_hash is not None
    columns = [
        *(part.data.tolist() for part in events.key),
        events.ts.tolist(),
        events.known_at.tolist(),
        events.id_hash.tolist(),
        *(column.data.tolist() for column in events.inputs),
        *(column.valid.tolist() for column in events.inputs),
        *(condition.tolist() for condition in events.conditions),
    ]
    return sorted(zip(*columns, strict=True))


@pytest.fixture(params=["frame", "parquet", "csv"])
def located(request: pytest.FixtureRequest, tmp_path: Path) -> LocatedHistory:
    place: Location = Frame(ROWS)
    if request.param == "parquet":
        pq.write_table(ROWS, tmp_path / "sales.parquet")
        place = Files(str(tmp_path / "sales.parquet"))
    if request.param == "csv":
        pyarrow.csv.write_csv(ROWS, tmp_path / "sales.csv")
        place = Files(str(tmp_path / "sales.csv"))
    return LocatedHistory({"sales": place}, threads=1)


@pytest.mark.parametrize("name", ["takings", "halves", "everywhere"])
@pytest.mark.parametrize("buckets", [1, 5])
def test_buckets_are_the_whole_history_each_event_once(located: LocatedHistory, name: str, buckets: int) -> None:
    view = REGISTRY.view(name)
    cut = START + DAY
    parts = [located.events(view, cut, bucket, buckets) for bucket in range(buckets)]
    whole = TableHistory({"sales": ROWS}).events(view, cut, 0, 1)
    assert sorted(event for part in parts for event in spelled(part)) == spelled(whole)
    assert 0 < len(whole.ts) < ROWS.num_rows
    entities = [{event[: len(view.entity.keys)] for event in spelled(part)} for part in parts]
    assert sum(map(len, entities)) == len(set.union(*entities)) or not view.entity.keys


@pytest.mark.parametrize("name", ["takings", "halves"])
def test_rejected_rows_are_counted_once_by_reason(located: LocatedHistory, name: str) -> None:
    view = REGISTRY.view(name)
    found = rejected(located, view, 3)
    assert set(found) - {"null_key"} == {"length", "vocabulary", "infinite", "range"}
    assert sum(count for reason, count in found.items() if reason != "null_key") == _refused()
    assert ("null_key" in found) == (name == "takings")
    assert found == rejected(TableHistory({"sales": ROWS}), view, 3)


def rejected(history: LocatedHistory | TableHistory, view: View, buckets: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    for bucket in range(buckets):
        counts.update(history.events(view, INT64_MAX, bucket, buckets).rejected)
    return counts


def test_a_history_is_cut_into_as_many_buckets_as_its_rows_ask_for(located: LocatedHistory) -> None:
    assert located.buckets(REGISTRY.view("takings")) == 1
    assert [buckets_of(rows) for rows in (0, 1, BUCKET_ROWS, BUCKET_ROWS + 1, 10**12)] == [1, 1, 1, 2, MOST_BUCKETS]


def _refused() -> int:
    kinds, weights = np.array(ROWS["kind"].to_pylist()), ROWS["weight"].to_numpy()
    prices = np.array([float(price) for price in ROWS["price"].to_pylist()])
    long = np.array(ROWS["country"].to_pylist()) == "usa"
    return int((long | (kinds == "c") | np.isinf(weights) | (prices > 1000)).sum())


def test_values_that_the_scan_cannot_read_are_counted() -> None:
    wide = ROWS.set_column(1, "number", pa.array([2**64 - 1, *([1] * 399)], pa.uint64()))
    located = LocatedHistory({"sales": Frame(wide)})
    assert rejected(located, REGISTRY.view("takings"), 1)["type"] == 1


def test_an_empty_history_and_an_unknown_one() -> None:
    view: View = REGISTRY.view("takings")
    events = LocatedHistory({"sales": Frame(ROWS.slice(0, 0))}).events(view, INT64_MAX, 0, 2)
    assert len(events.ts) == 0
    assert len(events.key) == 2
    with pytest.raises(BadHistory, match="no history is known for source 'sales'"):
        LocatedHistory({}).events(view, INT64_MAX, 0, 1)
