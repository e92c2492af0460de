"""What every test shares: the hypothesis profiles, chosen by ``DIPTYCH_PROFILE``, and one real server.

Every test of the online side works in a project of its own.
"""

import os
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import settings

from diptych.serve.addresses import Addresses
from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.valkey import ValkeyStore

settings.register_profile("default", max_examples=60, derandomize=True, deadline=None)
settings.register_profile("long", max_examples=2_000, derandomize=False, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("DIPTYCH_PROFILE", "default"))


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
