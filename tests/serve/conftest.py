"""One real server for all tests of the online side; every test works in a project of its own."""

import uuid
from collections.abc import Iterator

import pytest

from diptych.serve.addresses import Addresses
from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.valkey import ValkeyStore


@pytest.fixture(scope="session")
def online_server() -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(append_only=False)
    yield server
    server.stop()


@pytest.fixture
def store(online_server: EmbeddedValkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(online_server.address, read_timeout=10, write_timeout=10)
    yield store
    store.close()


@pytest.fixture
def addresses() -> Addresses:
    return Addresses(f"test-{uuid.uuid4().hex}", "test")
