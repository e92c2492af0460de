import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.errors import StoreRefused, StoreUnreachable
from diptych.serve.stores.opening import open_store
from diptych.serve.stores.valkey import ValkeyStore

USER = """
import sys, time
from pathlib import Path
from diptych.serve.stores.opening import open_store
folder = Path(sys.argv[1]) if sys.argv[1] else None
store = open_store(folder=folder)
store.append_many([(b"k", b"1")])
print(store.address.socket_path, flush=True)
time.sleep(60)
"""


def user(folder: Path | None) -> tuple["subprocess.Popen[str]", Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(folder or "")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True


def end(process: "subprocess.Popen[str]", how: signal.Signals) -> None:
    process.send_signal(how)
    process.communicate()


def test_it_opens_no_port_and_is_private(server: EmbeddedValkey) -> None:
    path = Path(server.address.socket_path)
    assert path.stat().st_mode & 0o077 == 0
    assert (path.parent.stat().st_mode & 0o077) == 0
    with redis.Redis(unix_socket_path=str(path)) as client:
        ports = client.config_get("*port")
        assert len(ports) >= 1
        assert {int(port) for port in ports.values()} == {0}


def test_data_lives_as_long_as_the_folder(tmp_path: Path) -> None:
    for expected in ([None], [b"1"]):
        with open_store(folder=tmp_path / "d") as store:
            assert store.get_many([b"k"]) == expected
            store.put_document(b"k", b"1")
            path = Path(store.address.socket_path)
        assert not answers(path)


def test_a_temporary_folder_is_removed() -> None:
    server = EmbeddedValkey()
    assert answers(Path(server.address.socket_path))
    server.stop()
    server.stop()
    assert not server.folder.exists()


def test_a_folder_has_one_server_for_all(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    first, second = EmbeddedValkey(folder), EmbeddedValkey(folder)
    third, path = user(folder)
    assert path == Path(first.address.socket_path)
    store = ValkeyStore(second.address)
    assert store.append_many([(b"k", b"2")]) == [2]
    first.stop()
    assert store.get_many([b"k"]) == [b"12"]
    second.stop()
    assert store.get_many([b"k"]) == [b"12"]
    end(third, signal.SIGTERM)
    assert eventually(lambda: not answers(path))
    store.close()


def test_many_start_at_once(tmp_path: Path) -> None:
    users = [user(tmp_path / "d") for _ in range(3)]
    with open_store(folder=tmp_path / "d") as store:
        assert store.get_many([b"k"]) == [b"111"]
        for process, _ in users:
            end(process, signal.SIGKILL)
        assert store.get_many([b"k"]) == [b"111"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_it_dies_with_its_last_user(how: signal.Signals) -> None:
    process, path = user(None)
    assert answers(path)
    end(process, how)
    assert eventually(lambda: not path.parent.exists())
    assert not answers(path)


def test_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40) / "d"
    with open_store(folder=folder) as store:
        assert len(store.address.socket_path) <= 100
        store.put_document(b"k", b"1")
    with open_store(folder=folder) as store:
        assert store.get_document(b"k") == b"1"


def test_a_running_server_without_the_asked_durability(tmp_path: Path) -> None:
    fleeting = EmbeddedValkey(tmp_path / "d", append_only=False)
    with pytest.raises(StoreRefused, match="append_only=False"):
        EmbeddedValkey(tmp_path / "d", append_only=True)
    assert ValkeyStore(fleeting.address).get_many([b"k"]) == [None]
    fleeting.stop()


def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    with open_store(folder=folder) as store:
        store.put_document(b"k", b"1")
    for file in (folder / "appendonlydir").glob("*.manifest"):
        file.write_text("not a manifest\n")
    with pytest.raises(StoreUnreachable, match=r"(?s)did not start.*manifest"):
        EmbeddedValkey(folder)
