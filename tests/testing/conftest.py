"""One real server for the tests of targets."""

from collections.abc import Iterator

import pytest

from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.valkey import ValkeyStore


@pytest.fixture(scope="session")
def target_server() -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(append_only=False)
    yield server
    server.stop()


@pytest.fixture
def store(target_server: EmbeddedValkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(target_server.address, read_timeout=10, write_timeout=10)
    yield store
    store.close()
