import socket
from pathlib import Path

import pytest
import redis

from diptych.serve.stores.address import Address, parse_address
from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.errors import (
    StoreMisuse,
    StoreRefused,
)
from diptych.serve.stores.opening import open_store
from diptych.serve.stores.protocol import DocumentChange
from diptych.serve.stores.valkey import ValkeyStore
from tests.serve.stores.harm import admin, greet, stub


class TestRefusals:
    def test_wrong_password(self, server: EmbeddedValkey) -> None:
        admin(server.address).config_set("requirepass", "right-secret")
        path = server.address.socket_path
        try:
            with pytest.raises(StoreRefused, match="user or password") as wrong:
                open_store(f"unix://:wrong-secret@{path}")
            with pytest.raises(StoreRefused, match="wants a password"):
                open_store(f"unix://{path}")
            assert "secret" not in str(wrong.value)
            right = open_store(f"unix://:right-secret@{path}?db=3")
            assert "secret" not in repr(right.address) + str(right.address) + right.check_server().where
            right.put_document(b"k", b"1")
            right.close()
        finally:
            client = redis.Redis(unix_socket_path=path, password="right-secret")
            client.config_set("requirepass", "")

    @pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random", "volatile-ttl"])
    def test_evicting_policies(self, server: EmbeddedValkey, policy: str) -> None:
        admin(server.address).config_set("maxmemory-policy", policy)
        with pytest.raises(StoreRefused, match=f"{policy}.*noeviction"):
            open_store(f"unix://{server.address.socket_path}")
        admin(server.address).config_set("maxmemory-policy", "noeviction")

    def test_a_user_without_the_right_to_config(self, server: EmbeddedValkey) -> None:
        admin(server.address).execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-config", "-append")
        store = open_store(f"unix://app:pw@{server.address.socket_path}")
        with pytest.raises(StoreRefused, match=r"append records.*ACL SETUSER"):
            store.append_many([(b"k", b"1")])
        assert store.get_many([b"k"]) == [None]
        store.close()

    def test_full_memory_is_refused_and_the_position_stays(self, server: EmbeddedValkey) -> None:
        store = ValkeyStore(server.address)
        used = admin(server.address).info("memory")["used_memory"]
        admin(server.address).config_set("maxmemory", used + 2_000_000)
        position = DocumentChange(b"position", None, b"1")
        with pytest.raises(StoreRefused, match="raise maxmemory"):
            store.append_with_positions([(b"k%d" % number, bytes(100_000)) for number in range(60)], None, position)
        admin(server.address).config_set("maxmemory", 0)
        assert store.get_document(b"position") is None
        store.close()

    def test_a_key_of_another_type(self, store: ValkeyStore) -> None:
        admin(store.address).hset("hash", "field", "1")
        with pytest.raises(StoreRefused, match="another type"):
            store.append_many([(b"fine", b"1"), (b"hash", b"1")])
        assert store.get_many([b"fine"]) == [b"1"]
        store.delete_many([b"fine", b"hash"])

    def test_cluster_mode_and_replicas(self, tmp_path: Path) -> None:
        def answering(info: bytes):  # type: ignore[no-untyped-def]
            def answer(peer: socket.socket) -> None:
                greet(peer)
                peer.recv(4096)
                text = b"maxmemory_policy:noeviction\r\nredis_version:7.2.4\r\n" + info
                peer.sendall(b"+PONG\r\n" + (b"$%d\r\n%b\r\n" % (len(text), text)) * 5)

            return answer

        for info, message in (
            (b"cluster_enabled:1", "cluster mode"),
            (b"role:slave", "replica"),
            (b"redis_version:6.2.1", "needed is"),
            (b"maxmemory_policy:", "unknown"),
        ):
            with stub(tmp_path, answering(info)) as address, pytest.raises(StoreRefused, match=message):
                ValkeyStore(address).check_server()


class TestAddresses:
    def test_forms(self) -> None:
        assert parse_address("valkey://localhost") == Address(host="localhost")
        full = parse_address("rediss://u%40:p%2F@[::1]:7000/2?ssl_ca_certs=/ca.pem")
        assert (full.host, full.port, full.database, full.username, full.password) == ("::1", 7000, 2, "u@", "p/")
        assert str(full) == "rediss://[::1]:7000/2"
        assert str(parse_address("unix://u:p@/run/a%20b.sock?db=1")) == "unix:///run/a b.sock?db=1"

    @pytest.mark.parametrize(
        "url",
        [
            "http://secret:secret@host",
            "redis://:secret@host:port",
            "redis://:secret@host/x",
            "redis://:secret@host/0?tls=1",
            "unix://:secret@relative.sock",
            "localhost:6379",
            "redis://:secret@[::1",
            "redis://:secret@host/1/2",
            "redis://:secret@host/?db=-1",
            "redis://:secret@host/?db=x",
            "redis://:secret@host/0?socket_timeout=1",
            "redis://:secret@host/0?ssl_ca_certs=/ca.pem",
            "unix:///s.sock?password=secret",
        ],
    )
    def test_malformed(self, url: str) -> None:
        with pytest.raises(StoreMisuse) as raised:
            parse_address(url)
        assert "secret" not in str(raised.value)
