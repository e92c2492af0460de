"""A stuck or failing disk, a killed process and a fork never reach a request; what is lost is counted."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from diptych.serve.addresses import Addresses
from diptych.serve.requestlog import log as log_module
from diptych.serve.requestlog.noted import Noted
from diptych.serve.requestlog.reading import logged_services
from diptych.serve.requestlog.segments import Segments
from diptych.serve.requestlog.writing import Rolling
from diptych.serve.stores.valkey import ValkeyStore
from tests.serve.requestlog.world import REQUEST, World, logged, requests, sale, whole


@pytest.fixture
def world(store: ValkeyStore, addresses: Addresses) -> Iterator[World]:
    made = World(store, addresses)
    made.push([sale(number) for number in range(5)])
    yield made
    made.close()


class Disk:
    """A disk that can be held, and that can fail."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.busy = threading.Event()
        self.failing = False

    def __call__(self, segments: Segments, number: int, table: pa.Table) -> int:
        self.busy.set()
        assert self.free.wait(60)
        if self.failing:
            raise OSError(28, "No space left on device")
        return Segments.write(segments, number, table)


def ask(world: World, log: Any, count: int) -> None:
    reader = world.reader(log)
    for _ in range(count):
        assert reader.get_online_features("everything", [REQUEST]).to_dict()["by_user__count_1h"] == [5]


def test_a_stuck_disk_bounds_what_waits_and_counts_the_rest(world: World, tmp_path: Path) -> None:
    disk = Disk()
    log = world.log(tmp_path, write=disk, rolling=Rolling(rows=1), queue_requests=20)
    disk.free.clear()
    ask(world, log, 1)
    assert disk.busy.wait(10)  # the thread is stuck in the disk now
    before = log.counted().requests
    began = time.perf_counter()
    ask(world, log, 50)
    assert time.perf_counter() - began < 5
    counted = log.counted()
    assert counted.dropped["queue"] >= 50 - 20
    assert counted.requests == before + 50
    assert counted.waiting + counted.dropped["queue"] == counted.requests
    disk.free.set()
    log.close()
    counted = log.counted()
    assert counted.waiting == 0
    assert counted.written == counted.requests - counted.dropped["queue"]
    assert sum(service.rows() for service in logged_services(tmp_path)) == counted.written
    assert logged(tmp_path).files
    last = list(logged(tmp_path).batches())[-1]
    assert last.words["counted"]["dropped"]["queue"] == counted.dropped["queue"]


def test_what_waits_is_bounded_in_bytes_too(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "POLL_SECONDS", 60)
    log = world.log(tmp_path, queue_bytes=1_000_000)
    reader = world.reader(log)
    for _ in range(40):
        reader.get_online_features("everything", requests(200))
    counted = log.counted()
    assert 0 < counted.waiting < 20
    assert counted.dropped["queue"] == 40 - counted.waiting
    log.flush()
    assert log.counted().written == counted.waiting


def test_a_failing_disk_fails_no_request_and_is_tried_again(world: World, tmp_path: Path) -> None:
    disk = Disk()
    disk.failing = True
    log = world.log(tmp_path, write=disk)
    ask(world, log, 3)
    log.flush()
    assert "No space left" in log.counted().last_error
    assert log.counted().waiting == 3
    disk.failing = False
    log.flush()
    assert (log.counted().written, log.counted().waiting) == (3, 0)
    assert whole(tmp_path).table.num_rows == 3


def test_a_disk_that_never_comes_back_costs_the_log_and_no_memory(world: World, tmp_path: Path) -> None:
    disk = Disk()
    disk.failing = True
    log = world.log(tmp_path, write=disk, rolling=Rolling(bytes=1))
    ask(world, log, 4)
    log.close()
    assert log.counted().dropped == {"disk": 4}
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_folder_that_cannot_be_made_fails_no_request(world: World, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    log = world.log(tmp_path / "taken")
    ask(world, log, 2)
    log.close()
    assert log.counted().dropped == {"disk": 2}
    assert log.counted().last_error


def test_a_log_that_breaks_inside_fails_no_request(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = world.log(tmp_path)

    def broken(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(Noted, "of", broken)
    ask(world, log, 2)
    assert log.counted().dropped == {"error": 2}
    assert log.counted().last_error == "RuntimeError: broken"


def test_after_close_requests_go_on_and_are_counted(world: World, tmp_path: Path) -> None:
    log = world.log(tmp_path)
    ask(world, log, 1)
    log.close()
    ask(world, log, 2)
    assert (log.counted().written, log.counted().dropped) == (1, {"queue": 2})


def test_a_fork_begins_a_log_of_its_own(world: World, tmp_path: Path) -> None:
    log = world.log(tmp_path)
    ask(world, log, 2)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ask(world, log, 3)
            log.close()
            code = 0 if log.counted().written == 3 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    log.close()
    assert log.counted().written == 2
    assert logged(tmp_path).rows() == 5


KILLED = """
    import sys, time
    from pathlib import Path
    from diptych.serve.addresses import Addresses
    from diptych.serve.requestlog.writing import Rolling
    from diptych.serve.stores.opening import open_store
    from tests.serve.requestlog.world import REQUEST, World

    world = World(open_store(sys.argv[1]), Addresses(sys.argv[2], "test"))
    log = world.log(Path(sys.argv[3]), rolling=Rolling(rows=50))
    reader = world.reader(log)
    for number in range(1_000_000):
        reader.get_online_features("everything", [REQUEST], request_id=str(number))
        if number % 20 == 0:
            print(number, log.counted().written, flush=True)
"""


def test_kill_9_loses_the_tail_alone(world: World, online_server: Any, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(KILLED),
        f"unix://{online_server.address.socket_path}",
        world.addresses.project,
        str(tmp_path),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        written = 0
        for line in process.stdout:
            written = int(line.split()[1])
            if written >= 300:
                break
        process.send_signal(signal.SIGKILL)
    (service,) = logged_services(tmp_path)
    ids = sorted(int(id) for batch in service.batches() for id in batch.table["_request_id"].to_pylist())
    assert len(ids) >= written
    assert ids == list(range(len(ids)))  # nothing but the tail is missing
