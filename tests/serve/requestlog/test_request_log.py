"""What serving answered is what its log says, typed; sampling is a hash; nothing is kept of what should be hashed."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from diptych.ground.instants import HOUR, moment
from diptych.serve.addresses import Addresses
from diptych.serve.appending import Target
from diptych.serve.folding import Folder
from diptych.serve.positions import Position, Positions
from diptych.serve.requestlog import log as log_module
from diptych.serve.requestlog.hashing import KeyedHash, WeakKey
from diptych.serve.requestlog.reading import BadLog, find, logged_services
from diptych.serve.requestlog.sampling import Share
from diptych.serve.requestlog.writing import Rolling
from diptych.serve.stores.valkey import ValkeyStore
from tests.serve.requestlog.world import NOON, REGISTRY, REQUEST, World, logged, requests, sale, whole

SECRET = KeyedHash.of("correct horse battery staple")


@pytest.fixture
def world(store: ValkeyStore, addresses: Addresses) -> Iterator[World]:
    made = World(store, addresses)
    made.push([sale(number) for number in range(5)])
    yield made
    made.close()


def test_every_type_comes_back_as_it_was_answered(world: World, tmp_path: Path) -> None:
    world.push([sale(9, user="nulls", **dict.fromkeys(("whole", "float", "price", "paid", "name", "kind", "gift")))])
    log = world.log(tmp_path)
    rows = [REQUEST, REQUEST | {"user": "nulls"}, REQUEST | {"user": "unseen"}, REQUEST | {"user": None}]
    answers = [world.reader(log).get_online_features("everything", rows, request_id="first")]
    answers += [
        world.reader(log).get_online_features("everything", [row], request_id=f"r{n}") for n, row in enumerate(rows)
    ]
    log.flush()
    table = whole(tmp_path).table.sort_by([("_request_id", "ascending"), ("_row", "ascending")])
    assert table["_request_id"].to_pylist() == ["first"] * 4 + ["r0", "r1", "r2", "r3"]
    assert table["_row"].to_pylist() == [0, 1, 2, 3, 0, 0, 0, 0]
    told = [answer.to_arrow() for answer in answers]
    for name in told[0].column_names:
        assert table[name].to_pylist() == [value for part in told for value in part[name].to_pylist()], name
    statuses = [answer.statuses() for answer in answers]
    for name in statuses[0]:
        assert table[f"{name}__status"].to_pylist() == [str(s) for part in statuses for s in part[name]], name
    for name in told[0].column_names:
        if name not in REQUEST:
            assert table.schema.field(name).type == told[0].schema.field(name).type, name
    assert set(table["_at"].to_pylist()) == {moment(NOON)}
    assert set(table["_asked_at"].to_pylist()) == {moment(NOON + 1)}
    assert min(table["_latency_us"].to_pylist()) > 0
    seen = {status for name in statuses[0] for part in statuses for status in part[name]}
    assert {"PRESENT", "NULL", "UNSEEN_ENTITY", "NULL_KEY"} <= seen


def test_people_read_it_with_duckdb_and_pandas(world: World, tmp_path: Path) -> None:
    log = world.log(tmp_path)
    world.reader(log).get_online_features("everything", [REQUEST])
    log.flush()
    glob = str(tmp_path / "everything" / "2-*" / "*.parquet")
    found = duckdb.sql(f"SELECT user, by_user__count_1h, price, _horizons.by_user FROM '{glob}'").fetchall()
    assert found == [("u1", 5, Decimal("1.25"), None)]
    frame = whole(tmp_path).table.to_pandas()
    assert frame["by_user__last_price" if "by_user__last_price" in frame else "by_user__price_last"][0] == Decimal("1")


def test_a_file_says_which_definitions_answered_and_how_it_was_sampled(world: World, tmp_path: Path) -> None:
    log = world.log(tmp_path, share=1.0, seed=4)
    world.reader(log).get_online_features("everything", [REQUEST])
    log.flush()
    words = whole(tmp_path).words
    views = {view.name: {"state": view.fingerprint, "meaning": view.meaning} for view in REGISTRY.views}
    assert (words["service"], words["version"], words["views"], words["seed"]) == ("everything", 2, views, 4)
    assert words["fingerprint"] == REGISTRY.services[0].fingerprint
    definition = logged(tmp_path).described.definition
    assert definition.services == REGISTRY.services
    assert definition.views == REGISTRY.views


def test_lists_of_features_and_short_names_have_logs_of_their_own(world: World, tmp_path: Path) -> None:
    log = world.log(tmp_path)
    reader = world.reader(log)
    reader.get_online_features(["by_user:count_1h"], [{"user": "u1"}])
    reader.get_online_features(["by_user:count_1h"], [{"user": "u1"}], full_feature_names=False)
    reader.get_online_features("everything", [REQUEST])
    log.flush()
    names = [set(next(service.batches()).table.column_names) for service in logged_services(tmp_path)]
    assert sum("count_1h" in each for each in names) == 1
    assert sum("by_user__count_1h" in each for each in names) == 2


def test_horizons_and_positions_are_those_of_the_state_that_was_read(
    world: World, addresses: Addresses, store: ValkeyStore, tmp_path: Path
) -> None:
    view = REGISTRY.view("by_user")
    target = Target.of(view, addresses)
    Folder(store, addresses, 0, worthwhile=1.0).fold_keys(target, list(store.scan(target.prefix)), NOON + 2 * HOUR)
    positions = Positions(store, addresses)
    positions.register("sales", "p0", Position(17, NOON - 5))
    log = world.log(tmp_path)
    reader = world.reader(log)
    for name in ("a", "b"):
        reader.get_online_features(
            "everything", [REQUEST, REQUEST | {"user": "unseen"}], NOON + 3 * HOUR, request_id=name
        )
    log.flush()
    table = whole(tmp_path).table
    horizon = table["_horizons"].to_pylist()[0]
    assert horizon == {"by_user": moment(NOON + 2 * HOUR), "by_visit": None}
    assert table["_horizons"].to_pylist()[1] == {"by_user": None, "by_visit": None}
    first, second = table["_positions"].to_pylist()[0], table["_positions"].to_pylist()[2]
    assert first == [{"source": "sales", "partition": "p0", "offset": None, "committed_at": None}]
    assert second == [{"source": "sales", "partition": "p0", "offset": 17, "committed_at": moment(NOON - 5)}]


def test_a_request_is_found_by_its_id(world: World, tmp_path: Path) -> None:
    log = world.log(tmp_path)
    made = world.reader(log).get_online_features("everything", [REQUEST, REQUEST])
    world.reader(log).get_online_features("everything", [REQUEST], request_id="mine")
    log.flush()
    assert made.request_id is not None
    found = find(tmp_path, made.request_id)
    assert found is not None
    assert found.batch.table["_row"].to_pylist() == [0, 1]
    assert find(tmp_path, "mine") is not None
    assert find(tmp_path, "nobody") is None
    with pytest.raises(BadLog, match="no request log"):
        find(tmp_path / "elsewhere", "mine")


async def test_asynchronous_reads_are_logged_too(world: World, tmp_path: Path) -> None:
    log = world.log(tmp_path)
    reader = world.reader(log)
    await asyncio.gather(*(reader.get_online_features_async("everything", [row]) for row in requests(5)))
    await asyncio.to_thread(log.flush)
    assert sorted(whole(tmp_path).table["user"].to_pylist()) == [f"u{n}" for n in range(5)]
    await world.store.close_async()


def test_what_the_caller_does_with_the_answer_is_not_logged(world: World, tmp_path: Path) -> None:
    log = world.log(tmp_path)
    answer = world.reader(log).get_online_features("everything", {name: [value] for name, value in REQUEST.items()})
    given = answer.to_dict()
    given["user"][0] = "somebody else"
    given["by_user__count_1h"][0] = -1
    log.flush()
    table = whole(tmp_path).table
    assert (table["user"].to_pylist(), table["by_user__count_1h"].to_pylist()) == (["u1"], [5])


class TestSampling:
    def test_the_share_of_requests_is_right_and_every_process_draws_the_same(
        self, world: World, tmp_path: Path
    ) -> None:
        drawn = []
        for process in range(2):
            log = world.log(tmp_path / str(process), share=0.25, seed=3)
            reader = world.reader(log)
            for number in range(400):
                reader.get_online_features("everything", [REQUEST], request_id=f"request {number}")
            log.flush()
            drawn.append(sorted(whole(tmp_path / str(process)).table["_request_id"].to_pylist()))
        assert drawn[0] == drawn[1]
        assert 70 <= len(drawn[0]) <= 130

    def test_entities_are_drawn_with_all_of_their_rows(self, world: World, tmp_path: Path) -> None:
        log = world.log(tmp_path, share=0.3, by="entity", seed=5)
        reader = world.reader(log)
        for _ in range(3):
            reader.get_online_features("everything", requests(200))
            for row in requests(20):
                reader.get_online_features("everything", [row])
        log.flush()
        table = whole(tmp_path).table
        often = Counter(table["user"].to_pylist())
        assert {often[f"u{n}"] for n in range(20)} == {0, 6}
        assert {often[f"u{n}"] for n in range(20, 200)} == {0, 3}
        assert 40 <= sum(count > 0 for count in often.values()) <= 80
        by_row = {
            int(user[1:]): row for user, row in zip(*(table[c].to_pylist() for c in ("user", "_row")), strict=True)
        }
        assert all(row in (user, 0) for user, row in by_row.items())
        counts = dict(zip(table["user"].to_pylist(), table["by_user__count_1h"].to_pylist(), strict=True))
        assert all(count == (5 if user == "u1" else 0) for user, count in counts.items())

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
    @pytest.mark.parametrize("seed", [0, 1, 2**40])
    def test_shares_of_hashes(self, share: float, seed: int) -> None:
        drawn = Share(share, seed)
        held = sum(drawn.holds(f"request-{number:x}") for number in range(20_000))
        rows = drawn.rows([[f"{n}".encode() for n in range(20_000)], [b"x"] * 20_000], 20_000)
        for count in (held, 20_000 if rows is None else len(rows)):
            assert abs(count - 20_000 * share) <= 5 * np.sqrt(20_000 * share * (1 - share))

    def test_another_seed_draws_others(self) -> None:
        keys = [[f"{n}".encode() for n in range(1_000)]]
        one, other = (Share(0.1, seed).rows(keys, 1_000) for seed in (1, 2))
        assert one is not None
        assert other is not None
        assert len(np.intersect1d(one, other)) < 30


class TestHashing:
    def test_hashed_columns_are_nowhere_in_the_files(self, world: World, tmp_path: Path) -> None:
        log = world.log(tmp_path, hashed=frozenset({"user", "amount", "since"}), hashing=SECRET)
        rows = [REQUEST | {"user": "very-sec"}, REQUEST | {"user": None}, REQUEST | {"user": "very-sec"}]
        world.reader(log).get_online_features("everything", rows)
        log.flush()
        batch = whole(tmp_path)
        assert batch.hashed == {"user", "amount", "since"}
        hashes = batch.table["user"].to_pylist()
        assert hashes[1] is None
        assert hashes[0] == hashes[2] == SECRET.hash(REGISTRY.view("by_user").entity.keys[0].type, b"very-sec")
        assert len(set(batch.table["amount"].to_pylist())) == 1
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert b"very-sec" not in path.read_bytes()
                assert b"correct horse" not in path.read_bytes()
        assert batch.words["key"] == SECRET.id

    def test_another_key_gives_other_hashes_and_another_id(self) -> None:
        other = KeyedHash.of("another key of enough length")
        kind = REGISTRY.view("by_user").entity.keys[0].type
        assert other.hash(kind, b"u1") != SECRET.hash(kind, b"u1")
        assert other.id != SECRET.id
        assert "correct" not in repr(SECRET)

    def test_a_short_key_is_refused(self) -> None:
        with pytest.raises(WeakKey, match="at least 16"):
            KeyedHash.of("short")


def test_files_roll_by_rows_and_each_is_whole(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "POLL_SECONDS", 60)  # the thread keeps out of it
    log = world.log(tmp_path, rolling=Rolling(rows=100))
    reader = world.reader(log)
    for _ in range(5):
        reader.get_online_features("everything", requests(60))
        log._work()  # as the thread does now and then
    log.close()
    sizes = [pq.ParquetFile(path).metadata.num_rows for path in logged(tmp_path).files]
    assert sizes == [120, 120, 60]
    counted = log.counted()
    assert (counted.requests, counted.written, counted.rows, counted.segments, counted.waiting) == (5, 5, 300, 3, 0)
    assert json.loads(pq.read_schema(logged(tmp_path).files[-1]).metadata[b"diptych"])["counted"]["rows"] == 240


def test_a_range_of_time_reads_only_what_lies_in_it(world: World, tmp_path: Path) -> None:
    log = world.log(tmp_path)
    for number in range(10):
        world.reader(log).get_online_features("everything", [REQUEST], at=NOON + number * HOUR)
        log.flush()

    def hours(**bounds: Any) -> list[float]:
        found = [at for batch in logged(tmp_path).batches(**bounds) for at in batch.table["_at"].to_pylist()]
        return sorted((at - datetime(2024, 5, 1, 12, tzinfo=UTC)).total_seconds() / 3600 for at in found)

    assert hours() == list(range(10))
    assert hours(since=NOON + 3 * HOUR, until=NOON + 5 * HOUR) == [3, 4]
    assert hours(since=NOON + 20 * HOUR) == []
