"""Consumers: exactly-once effect through crashes of the consumer and of the server."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.ground.instants import DAY, EARLIEST, HOUR
from diptych.ground.ledger import Progress
from diptych.plan.nodes import View
from diptych.serve.addresses import Addresses
from diptych.serve.batches import IngestError
from diptych.serve.consume import Consumer
from diptych.serve.folding import Folder
from diptych.serve.ingest import Delivery, Ingestor, PositionMoved
from diptych.serve.positions import Position, Positions
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.protocol import KeyValueStore
from diptych.serve.stores.valkey import ValkeyStore
from diptych.serve.stream import BadStream, TableStream, file_stream, ordered_stream
from diptych.testing.build import table
from diptych.testing.cases import Question
from diptych.testing.conformance import judged
from tests.serve.online import Hand, Online, registry_of
from tests.serve.shop import START, by_user, by_user_and_shop, purchases, rows

COUNT, SEED = 600, 7
VIEWS = (by_user(), by_user_and_shop())


def agree_with_the_judge(store: KeyValueStore, addresses: Addresses, history: Sequence[Any], now: int) -> None:
    """Every feature of every entity, at now and a little later."""
    reader = OnlineReader(registry_of(*VIEWS), addresses, store, Hand(now))
    for view in VIEWS:
        names = [key.name for key in view.entity.keys]
        keys = sorted({tuple(row[name] for name in names) for row in history})
        for at in (now, now + HOUR):
            answer = reader.get_online_features(
                [f"{view.name}:{feature.name}" for feature in view.features],
                [dict(zip(names, key, strict=True)) for key in keys],
                at=at,
            ).to_arrow()
            spine = [Question(key, at) for key in keys]
            judged(view, history, spine, {f.name: answer[f"{view.name}__{f.name}"] for f in view.features})


def start(socket: str, addresses: Addresses) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.serve.consuming", socket, addresses.project, str(SEED), str(COUNT)]
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"}
    return subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.PIPE, text=True)


def offsets_until(process: "subprocess.Popen[str]", enough: int) -> int:
    assert process.stdout is not None
    last = 0
    for line in process.stdout:
        last = int(line)
        if last >= enough:
            break
    return last


def test_a_consumer_killed_in_the_middle_goes_on_where_it_stopped(store: ValkeyStore, addresses: Addresses) -> None:
    history = rows(COUNT, SEED)
    for enough in (100, 320):
        process = start(store.address.socket_path, addresses)
        last = offsets_until(process, enough)
        process.send_signal(signal.SIGKILL)
        process.wait()
        position = Positions(store, addresses).read("events", "purchases")
        assert position is not None
        assert last <= position.offset < len(history)
    process = start(store.address.socket_path, addresses)
    assert offsets_until(process, len(history)) == len(history)
    assert process.wait() == 0
    agree_with_the_judge(store, addresses, history, max(row["known"] for row in history) + 1)


def test_a_server_killed_in_the_middle_loses_nothing(server: EmbeddedValkey, addresses: Addresses) -> None:
    history = rows(COUNT, SEED)
    store = ValkeyStore(server.address)
    registry = registry_of(*VIEWS)
    stream = TableStream("purchases", table(purchases(), history), "known", batch_rows=50)
    folder = Folder(store, addresses, fold_lag=0, threshold=256, worthwhile=1.0)
    consumer = Consumer(Ingestor(registry, addresses, store, replay=True, folder=folder), "events", stream)
    steps = consumer.steps("purchases")
    for _ in range(5):
        next(steps)
    steps.close()
    kill_server(server)
    server.start()
    position = consumer.positions.read("events", "purchases")
    assert position is not None
    assert position.offset == 250
    consumer.run()
    agree_with_the_judge(store, addresses, history, max(row["known"] for row in history) + 1)
    store.close()


def kill_server(server: EmbeddedValkey) -> None:
    found = subprocess.run(["pgrep", "-f", str(server.folder)], capture_output=True, text=True, check=True)
    names = {int(pid): Path(f"/proc/{pid}/comm").read_text().strip() for pid in found.stdout.split()}
    pids = [pid for pid, name in names.items() if "valkey" in name]
    assert len(pids) == 1, names
    os.kill(pids[0], signal.SIGKILL)


@pytest.fixture
def server(tmp_path: Path) -> Any:
    server = EmbeddedValkey(tmp_path / "data", append_only=True)
    yield server
    server.stop()


def consumer_of(store: KeyValueStore, addresses: Addresses, count: int = 40, **options: Any) -> Consumer:
    stream = TableStream("purchases", table(purchases(), rows(count, repeats=0)), "known", batch_rows=10)
    return Consumer(Ingestor(registry_of(*VIEWS), addresses, store, **options), "events", stream)


def test_two_consumers_of_one_partition_do_not_both_commit(store: KeyValueStore, addresses: Addresses) -> None:
    one, two = (consumer_of(store, addresses, replay=True) for _ in range(2))
    first = one.steps("purchases")
    next(first)
    second = two.steps("purchases")
    next(second)
    with pytest.raises(PositionMoved, match="let only one read a partition"):
        next(first)
    list(second)
    history = rows(40, repeats=0)
    agree_with_the_judge(store, addresses, history, max(row["known"] for row in history) + 1)


def test_positions_begin_at_the_start_and_are_reported(store: KeyValueStore, addresses: Addresses) -> None:
    seen: list[Progress] = []
    consumer = consumer_of(store, addresses, replay=True)
    consumer.start = 15
    total = consumer.run(seen.append)
    assert total.events == 25
    assert [progress.done for progress in seen] == [25, 35, 40]
    assert consumer.run().events == 0
    assert consumer.positions.partitions("events") == ("purchases",)


def test_a_replay_may_not_go_back(store: KeyValueStore, addresses: Addresses) -> None:
    online = Online.of(by_user(), store, replay=True)
    late, early = rows(2, repeats=0)[::-1]
    position = Position(0, late["known"], "me")
    with pytest.raises(IngestError, match="replay in the order of known_at"):
        online.ingestor.deliver("events", table(purchases(), [early]), Delivery("p", 0, position, "me"))


def test_folds_wait_for_the_oldest_commit(store: KeyValueStore) -> None:
    """What was known since the last commit of any partition stays raw: it may be delivered again."""
    online = Online.of(by_user(), store, replay=True)
    history = rows(60, repeats=0, users=1)
    online.replay(history)
    key = online.addresses.states(by_user()) + b"2:u0"
    positions = Positions(store, online.addresses)
    positions.register("events", "behind", Position(0, EARLIEST))
    before = store.get_many([key])
    online.fold(now=START + 90 * DAY)
    assert store.get_many([key]) == before
    positions.retire("events", "behind")
    online.fold(now=START + 90 * DAY)
    assert store.get_many([key]) != before


def test_an_idle_live_stream_does_not_hold_folds_up(store: KeyValueStore, addresses: Addresses) -> None:
    clock = Hand(START)
    consumer = consumer_of(store, addresses, clock=clock)
    consumer.run()
    clock.now += DAY
    assert consumer.run().events == 0
    assert consumer.positions.oldest_commit("events") == START + DAY


def test_a_stream_without_event_ids_is_identified_by_its_positions(store: KeyValueStore, addresses: Addresses) -> None:
    """The same rows delivered again after a crash, known later, count once."""
    over = purchases(event_id=False)
    view: View = by_user(over)
    clock = Hand(START)
    ingestor = Ingestor(registry_of(view), addresses, store, clock)
    history = [{**row, "known": None} for row in rows(30, repeats=0, users=1)]
    given = table(over, history)
    for again in range(3):
        clock.now = START + again * DAY
        Positions(store, addresses).retire("events", "p")
        Consumer(ingestor, "events", TableStream("p", given, "known", 7)).run()
    reader = OnlineReader(ingestor.registry, addresses, store, Hand(START + 3 * DAY))
    assert reader.get_online_features(["by_user:count_ever"], [{"user": "u0"}]).to_dict()["by_user__count_ever"] == [30]


def test_files_are_one_stream_in_the_order_of_known_at(tmp_path: Path) -> None:
    given = table(purchases(), rows(50))
    shuffled = given.take(pa.array([(i * 7) % given.num_rows for i in range(given.num_rows)]))
    pq.write_table(shuffled.slice(0, 20), tmp_path / "a.parquet")
    pq.write_table(shuffled.slice(20), tmp_path / "b.parquet")
    stream = file_stream("files", [tmp_path / "a.parquet", tmp_path / "b.parquet"], "known", 8)
    read = pa.concat_tables([batch.rows for batch in stream.read("files", 0)])
    assert read["known"].to_pylist() == sorted(given["known"].to_pylist())
    middle = read["known"][30].as_py()
    at = stream.offset_at(int(middle.timestamp() * 1_000_000))
    assert read["known"][at].as_py() >= middle
    assert stream.before(int(middle.timestamp() * 1_000_000)).table.num_rows == at
    with pytest.raises(BadStream, match=r"files of one kind, .parquet or .csv"):
        file_stream("files", [tmp_path / "a.txt"], "known")
    with pytest.raises(BadStream, match="has no column 'nothing'"):
        ordered_stream("files", given, "nothing")
