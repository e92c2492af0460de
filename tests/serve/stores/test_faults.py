import asyncio
import multiprocessing
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.errors import (
    StoreError,
    StoreTimeout,
    StoreUnreachable,
    WriteUncertain,
)
from diptych.serve.stores.opening import open_store
from diptych.serve.stores.protocol import DocumentChange
from diptych.serve.stores.valkey import ValkeyStore
from tests.serve.stores.harm import admin, frozen, greet, greet_then_cut, kill_clients, pid_of, stub, within


class TestCutConnections:
    def test_calls_after_a_cut_go_on(self, store: ValkeyStore) -> None:
        store.append_many([(b"cut", b"1")])
        kill_clients(store.address)
        assert store.get_many([b"cut"]) == [b"1"]
        kill_clients(store.address)
        assert store.append_many([(b"cut", b"2")]) == [2]
        kill_clients(store.address)
        assert store.compare_and_set(DocumentChange(b"cut", b"12", b""))
        store.delete_many([b"cut"])

    async def test_async_calls_after_a_cut_go_on(self, store: ValkeyStore) -> None:
        await store.append_many_async([(b"acut", b"1")])
        kill_clients(store.address)
        assert await store.get_many_async([b"acut"]) == [b"1"]
        kill_clients(store.address)
        assert await store.append_many_async([(b"acut", b"2")]) == [2]
        store.delete_many([b"acut"])
        await store.close_async()

    def test_no_acknowledged_append_is_lost_while_connections_are_cut(self, store: ValkeyStore) -> None:
        done = threading.Event()

        def cut() -> None:
            while not done.wait(0.02):
                kill_clients(store.address)

        cutter = threading.Thread(target=cut)
        cutter.start()
        acknowledged, uncertain = [], 0
        for number in range(400):
            try:
                store.append_many([(b"storm", number.to_bytes(8, "little"))])
                acknowledged.append(number)
            except WriteUncertain:
                uncertain += 1
        done.set()
        cutter.join()
        value = store.get_many([b"storm"])[0] or b""
        found = {int.from_bytes(value[at : at + 8], "little") for at in range(0, len(value), 8)}
        assert found.issuperset(acknowledged)
        assert len(acknowledged) + uncertain == 400
        store.delete_many([b"storm"])

    def test_a_server_that_never_keeps_a_connection(self, tmp_path: Path) -> None:
        with stub(tmp_path, lambda peer: peer.recv(4096)) as address:
            with pytest.raises(StoreUnreachable, match="closed the connection"):
                ValkeyStore(address).get_many([b"k"])
            with pytest.raises(StoreUnreachable):
                ValkeyStore(address).append_many([(b"k", b"1")])

    def test_a_write_that_is_cut_twice_is_uncertain(self, tmp_path: Path) -> None:
        with stub(tmp_path, greet_then_cut) as address:
            with pytest.raises(WriteUncertain, match="may have been applied"):
                ValkeyStore(address).append_many([(b"k", b"1")])
            with pytest.raises(WriteUncertain):
                ValkeyStore(address).compare_and_set(DocumentChange(b"k", None, b"1"))
            with pytest.raises(StoreUnreachable):
                ValkeyStore(address).get_many([b"k"])

    def test_a_compare_and_set_is_sent_once(self, tmp_path: Path) -> None:
        sent: list[bytes] = []

        def record(peer: socket.socket) -> None:
            greet(peer)
            sent.append(peer.recv(4096))

        with stub(tmp_path, record) as address:
            with pytest.raises(WriteUncertain):
                ValkeyStore(address).compare_and_set(DocumentChange(b"k", None, b"1"))
            assert len(sent) == 1
            with pytest.raises(WriteUncertain):
                ValkeyStore(address).append_many([(b"k", b"1")])
            assert len(sent) == 3

    def test_what_is_not_the_protocol(self, tmp_path: Path) -> None:
        def speak(peer: socket.socket) -> None:
            peer.recv(4096)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with stub(tmp_path, speak) as address, pytest.raises(StoreUnreachable, match="Protocol"):
            ValkeyStore(address).get_many([b"k"])


class TestDeadlines:
    def test_a_frozen_server(self, server: EmbeddedValkey) -> None:
        store = ValkeyStore(server.address)
        store.append_many([(b"k", b"1")])
        with frozen(server):
            with within(0.5), pytest.raises(StoreTimeout, match=r"within 0\.2 s"):
                store.get_many([b"k"], timeout=0.2)
            with within(0.5), pytest.raises(StoreTimeout):
                store.append_many([(b"k", b"2")], timeout=0.2)
            with within(2), pytest.raises(StoreTimeout):
                asyncio.run(store.get_many_async([b"k"], timeout=0.2))
        assert store.get_many([b"k"]) == [b"1"]
        with frozen(server), within(0.5), pytest.raises(WriteUncertain):
            store.append_many([(b"k", b"2")], timeout=0.2)
        assert store.get_many([b"k"]) in ([b"1"], [b"12"])
        store.close()

    def test_a_server_that_drips(self, tmp_path: Path) -> None:
        def drip(peer: socket.socket) -> None:
            greet(peer)
            for byte in b"*1\r\n$1000\r\n" + bytes(500):
                peer.sendall(bytes([byte]))
                time.sleep(0.02)

        with stub(tmp_path, drip) as address:
            with within(0.6), pytest.raises(StoreTimeout):
                ValkeyStore(address).get_many([b"k"], timeout=0.3)
            with within(1.0), pytest.raises(StoreTimeout):
                asyncio.run(ValkeyStore(address).get_many_async([b"k"], timeout=0.3))

    def test_a_server_that_does_not_read(self, tmp_path: Path) -> None:
        def sleep(peer: socket.socket) -> None:
            greet(peer)
            time.sleep(1.0)

        with stub(tmp_path, sleep) as address, within(0.9), pytest.raises(WriteUncertain):
            ValkeyStore(address).append_many([(b"k", bytes(20_000_000))], timeout=0.3)

    def test_more_tasks_than_connections(self, store: ValkeyStore) -> None:
        async def many() -> list[list[bytes | None]]:
            answers = await asyncio.gather(*(store.get_many_async([b"none"], timeout=60) for _ in range(300)))
            assert admin(store.address).info("clients")["connected_clients"] < 100
            await store.close_async()
            return answers

        assert asyncio.run(many()) == [[None]] * 300

    async def test_a_cancelled_task_leaves_no_answer_behind(self, store: ValkeyStore) -> None:
        store.put_document(b"a", b"A")
        store.put_document(b"b", b"B")
        for pause in (0, 0.0001, 0.0003, 0.001):
            task = asyncio.create_task(store.get_many_async([b"a"] * 2000))
            await asyncio.sleep(pause)
            task.cancel()
            assert await store.get_many_async([b"b"]) == [b"B"]
        await store.close_async()


class TestDeath:
    def test_kill_and_restart_loses_no_acknowledged_write(self, server: EmbeddedValkey) -> None:
        store = ValkeyStore(server.address)
        acknowledged = 0
        killer = threading.Timer(0.15, os.kill, (pid_of(server), signal.SIGKILL))
        killer.start()
        died = False
        while not died:
            try:
                store.append_many([(b"k%d" % (acknowledged % 7), acknowledged.to_bytes(8, "little"))])
                acknowledged += 1
            except StoreError:
                died = True
        killer.join()
        with pytest.raises(StoreUnreachable):
            store.get_many([b"k0"])
        server.start()
        values = b"".join(value or b"" for value in store.get_many([b"k%d" % place for place in range(7)]))
        found = {int.from_bytes(values[at : at + 8], "little") for at in range(0, len(values), 8)}
        assert acknowledged > 10
        assert found.issuperset(range(acknowledged))
        store.close()

    def test_scripts_are_given_to_a_new_process(self, server: EmbeddedValkey) -> None:
        store = ValkeyStore(server.address)
        assert store.compare_and_set(DocumentChange(b"d", None, b"1"))
        os.kill(pid_of(server), signal.SIGKILL)
        server.start()
        assert store.compare_and_set(DocumentChange(b"d", b"1", b"2"))
        admin(server.address).script_flush()
        assert store.compare_and_set(DocumentChange(b"d", b"2", b"3"))
        store.close()

    def test_a_scan_does_not_go_on_in_another_process(self, server: EmbeddedValkey) -> None:
        store = ValkeyStore(server.address)
        store.append_many([(b"s%d" % number, b"1") for number in range(5_000)])
        scan = store.scan(b"s")
        next(scan)
        os.kill(pid_of(server), signal.SIGKILL)
        server.start()
        with pytest.raises(StoreUnreachable, match="begin it again"):
            list(scan)
        store.close()

    def test_nobody_there(self, tmp_path: Path) -> None:
        for url in (f"unix://{tmp_path}/none.sock", "redis://127.0.0.1:1/0"):
            with within(2), pytest.raises(StoreUnreachable, match="check that the server runs"):
                open_store(url)


def _child(store: ValkeyStore, answers: "multiprocessing.Queue[object]") -> None:
    answers.put([store.get_many([b"f%d" % number]) for number in range(50)])


def test_a_forked_child_has_its_own_connections(store: ValkeyStore) -> None:
    store.append_many([(b"f%d" % number, b"%d" % number) for number in range(50)])
    fork = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[object] = fork.Queue()
    child = fork.Process(target=_child, args=(store, answers))
    child.start()
    expected = [[b"%d" % number] for number in range(50)]
    assert [store.get_many([b"f%d" % number]) for number in range(50)] == expected
    assert answers.get(timeout=10) == expected
    child.join()
    store.delete_many([b"f%d" % number for number in range(50)])
