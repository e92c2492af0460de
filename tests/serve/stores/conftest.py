from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("diptych.testing.store_conformance")

from diptych.serve.stores.embedded import EmbeddedValkey  # noqa: E402
from diptych.serve.stores.valkey import ValkeyStore  # noqa: E402


@pytest.fixture
def store(online_server: EmbeddedValkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(online_server.address)
    yield store
    store.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A server of this test's own, to be hurt."""
    server = EmbeddedValkey(tmp_path / "data", append_only=True)
    yield server
    server.stop()
