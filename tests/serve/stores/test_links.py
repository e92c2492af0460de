import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.serve.stores.address import Address
from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.errors import StoreRefused, StoreTimeout, StoreUnreachable
from diptych.serve.stores.opening import open_store
from diptych.serve.stores.valkey import ValkeyStore
from tests.serve.stores.harm import admin, frozen, greet, stub, within

GREETING = [
    b"*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$6\r\nsecret\r\n",
    b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n",
    b"*1\r\n$4\r\nTIME\r\n",
]


def entering(address: Address) -> Address:
    return replace(address, username="app", password="secret", database=3)


def reads(address: Address, timeout: float = 1.0) -> list[list[bytes | None]]:
    """The answers of both roads; the blocking one goes first."""
    store = ValkeyStore(address)

    async def read() -> list[bytes | None]:
        try:
            return await store.get_many_async([b"k"], timeout=timeout)
        finally:
            await store.close_async()

    try:
        return [store.get_many([b"k"], timeout=timeout), asyncio.run(read())]
    finally:
        store.close()


class TestGreeting:
    def test_nothing_is_sent_that_a_restricted_user_may_not_send(self, tmp_path: Path) -> None:
        heard: list[bytes] = []

        def listen(peer: socket.socket) -> None:
            for answer in (b"+OK\r\n", b"+OK\r\n", b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n", b"*1\r\n$1\r\nv\r\n"):
                heard.append(peer.recv(4096))
                peer.sendall(answer)

        with stub(tmp_path, listen) as address:
            assert reads(entering(address)) == [[b"v"]] * 2
        assert heard == [*GREETING, b"*2\r\n$4\r\nMGET\r\n$1\r\nk\r\n"] * 2

    def test_a_password_that_the_server_repeats(self, tmp_path: Path) -> None:
        def repeat(peer: socket.socket) -> None:
            peer.recv(4096)
            peer.sendall(b"-ERR unknown word 'secret'\r\n")

        with stub(tmp_path, repeat) as address:
            store = ValkeyStore(entering(address))
            with pytest.raises(StoreRefused, match=r"unknown word '\*\*\*'"):
                store.get_many([b"k"])
            with pytest.raises(StoreRefused, match=r"unknown word '\*\*\*'"):
                asyncio.run(store.get_many_async([b"k"]))

    def test_what_is_not_the_protocol(self, tmp_path: Path) -> None:
        def speak(peer: socket.socket) -> None:
            peer.recv(4096)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with stub(tmp_path, speak) as address:
            store = ValkeyStore(entering(address))
            with pytest.raises(StoreUnreachable, match="Protocol"):
                store.get_many([b"k"])
            with pytest.raises(StoreUnreachable, match="Protocol"):
                asyncio.run(store.get_many_async([b"k"]))

    @pytest.mark.parametrize("answered", [0, 1, 2])
    def test_a_server_that_falls_silent(self, tmp_path: Path, answered: int) -> None:
        def fall_silent(peer: socket.socket) -> None:
            for _ in range(answered):
                peer.recv(4096)
                peer.sendall(b"+OK\r\n")
            while peer.recv(4096):
                pass

        with stub(tmp_path, fall_silent) as address:
            store = ValkeyStore(entering(address))
            with within(0.6), pytest.raises(StoreTimeout, match=r"within 0\.2 s"):
                store.get_many([b"k"], timeout=0.2)
            with within(0.9), pytest.raises(StoreTimeout, match=r"within 0\.2 s"):
                asyncio.run(store.get_many_async([b"k"], timeout=0.2))


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (b"LOADING Redis is loading the dataset in memory", "try again in a moment"),
        (b"MASTERDOWN Link with MASTER is down", "lost its primary"),
        (b"ERR max number of clients reached", "raise maxclients"),
    ],
)
def test_a_server_that_is_not_ready(tmp_path: Path, words: bytes, remedy: str) -> None:
    def put_off(peer: socket.socket) -> None:
        greet(peer)
        while peer.recv(4096):
            peer.sendall(b"-" + words + b"\r\n")

    with stub(tmp_path, put_off) as address:
        store = ValkeyStore(address)
        for _ in range(2):
            with pytest.raises(StoreUnreachable, match=f"{words.decode()}.*{remedy}"):
                store.get_many([b"k"])
        store.close()


def test_over_tcp(server: EmbeddedValkey) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    admin(server.address).config_set("port", port)
    with open_store(f"redis://localhost:{port}/2") as store:
        assert store.append_many([(b"k", bytes(3_000_000))]) == [3_000_000]
        assert reads(store.address) == [[bytes(3_000_000)]] * 2
        with frozen(server), within(0.5), pytest.raises(StoreTimeout):
            store.get_many([b"k"], timeout=0.2)
        assert store.lengths([b"k"]) == [3_000_000]
