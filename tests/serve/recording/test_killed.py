"""Processes that record are killed, at named points and at any: what is recorded stays what online reads say."""

import contextlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from diptych.run.location import Frame
from diptych.serve.addresses import Addresses
from diptych.serve.positions import Positions
from diptych.serve.recording.segments import ARRIVED_AT
from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.valkey import ValkeyStore
from tests.serve.recording.feeding import POINTS, fed, main, registry
from tests.serve.recording.reading import agreeing, around, recorded, rows_of

COUNT = 300


class Feeding:
    """Consumers over one stream, each in a process of its own."""

    def __init__(self, server: EmbeddedValkey, addresses: Addresses, folder: Path, base: int, identified: bool) -> None:
        assert server.address.socket_path is not None
        self.given = [server.address.socket_path, addresses.project, str(folder), str(base)]
        self.identified = identified

    def arguments(self, seed: int, point: str, number: int) -> list[str]:
        return [*self.given, str(seed), str(COUNT), "1" if self.identified else "0", point, str(number)]

    def start(self, seed: int = 7, point: str = "", number: int = 0) -> "subprocess.Popen[str]":
        root = Path(__file__).parents[3]
        env = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"}
        command = [sys.executable, "-m", "tests.serve.recording.feeding", *self.arguments(seed, point, number)]
        return subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.PIPE, text=True)


def run_forked(feeding: Feeding, seed: int = 7, point: str = "", number: int = 0) -> int:
    """The same in a fork of this process, which spares the imports; its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            main(*feeding.arguments(seed, point, number))
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(params=[True, False], ids=["ids", "positions"])
def identified(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def check_all(
    store: ValkeyStore, addresses: Addresses, folder: Path, base: int, identified: bool, seeds: tuple[int, ...] = (7,)
) -> None:
    plan = registry(identified)
    seen = rows_of(folder, plan)
    given = pa.concat_tables([fed(base, seed, COUNT, identified) for seed in seeds])
    if identified:
        assert set(seen["id"].to_pylist()) == set(given["id"].to_pylist())
    else:
        assert seen.num_rows == given.num_rows
    arrivals = seen[ARRIVED_AT].to_numpy()
    assert len(np.unique(arrivals)) >= COUNT // 20
    assert agreeing(plan, store, addresses, recorded(folder), around(arrivals)) > 1_000
    with pytest.raises(AssertionError, match="expected"):  # what is declared to be known is not what was known
        agreeing(plan, store, addresses, Frame(given), around(arrivals)[:3])


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point(
    store: ValkeyStore,
    online_server: EmbeddedValkey,
    addresses: Addresses,
    tmp_path: Path,
    identified: bool,
    point: str,
) -> None:
    base = store.now_us()
    feeding = Feeding(online_server, addresses, tmp_path, base, identified)
    assert run_forked(feeding, point=point, number=4) == -9
    before = rows_of(tmp_path, registry(identified)).num_rows
    position = Positions(store, addresses).read("events", "purchases-7")
    assert position is not None
    assert before == 60 <= position.offset
    assert run_forked(feeding) == 0
    check_all(store, addresses, tmp_path, base, identified)
    assert not list(tmp_path.glob("events/*.wal"))


def test_killed_at_random(
    store: ValkeyStore, online_server: EmbeddedValkey, addresses: Addresses, tmp_path: Path, identified: bool
) -> None:
    base, draw, kills = store.now_us(), random.Random(int(identified)), 0
    feeding = Feeding(online_server, addresses, tmp_path, base, identified)
    for _ in range(3):
        process = feeding.start()
        assert process.stdout is not None
        if process.stdout.readline():
            time.sleep(draw.uniform(0, 0.06))
        process.kill()
        process.communicate()
        kills += process.returncode == -9
    assert kills
    assert run_forked(feeding) == 0
    check_all(store, addresses, tmp_path, base, identified)


def test_two_at_once_and_one_of_them_dies(
    store: ValkeyStore, online_server: EmbeddedValkey, addresses: Addresses, tmp_path: Path, identified: bool
) -> None:
    base = store.now_us()
    feeding = Feeding(online_server, addresses, tmp_path, base, identified)
    both = [feeding.start(7), feeding.start(8, point="half", number=5)]
    for process in both:
        process.communicate()
    assert [process.returncode for process in both] == [0, -9]
    assert run_forked(feeding, 8) == 0
    check_all(store, addresses, tmp_path, base, identified, seeds=(7, 8))
