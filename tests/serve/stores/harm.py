import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from diptych.serve.stores.address import Address
from diptych.serve.stores.embedded import EmbeddedValkey


def admin(address: Address) -> "redis.Redis[bytes]":
    """A client of another make, for doing to the server what the store itself cannot."""
    return redis.Redis(unix_socket_path=address.socket_path, socket_timeout=5)


def pid_of(server: EmbeddedValkey) -> int:
    return int(admin(server.address).info("server")["process_id"])


@contextmanager
def frozen(server: EmbeddedValkey) -> Iterator[None]:
    pid = pid_of(server)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


def kill_clients(address: Address) -> None:
    with admin(address) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def greet(peer: socket.socket) -> None:
    peer.recv(4096)
    peer.sendall(b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n")


def greet_then_cut(peer: socket.socket) -> None:
    greet(peer)
    peer.recv(4096)


@contextmanager
def stub(folder: Path, behave) -> Iterator[Address]:  # type: ignore[no-untyped-def]
    """A listener that behaves as no real server would, on each connection, and then cuts it."""
    path = folder / "stub.sock"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                try:
                    behave(peer)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Address(socket_path=str(path))
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
