"""Deleting the states of versions that nobody serves: one bounded scan, small batches, documents left alone."""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice

from diptych.operate.rollout.difference import Version
from diptych.plan.nodes import View
from diptych.serve.addresses import Addresses
from diptych.serve.stores.protocol import KeyValueStore

BATCH = 500
"""Keys deleted by one call: a short moment for the server, whatever the number of keys."""


def drop_versions(store: KeyValueStore, addresses: Addresses, views: Collection[View]) -> int:
    """Delete every state of these versions and the mark that they are filled; returns the number of states."""
    if not views:
        return 0
    versions = {(view.name, view.fingerprint) for view in views}
    # The mark goes first: a stop between the two must not leave a mark without its states.
    store.delete_many([mark(view) for view in views for mark in (addresses.backfill, addresses.broken)])
    return _delete(store, addresses, lambda version: version in versions)


def drop_unlisted(store: KeyValueStore, addresses: Addresses, kept: Collection[Version]) -> int:
    """Delete every state, and every mark, of versions that are not in ``kept``; returns the number of states."""
    for marks in (f"{addresses.root}@backfill:".encode(), f"{addresses.root}@broken:".encode()):
        for batch in _batches(store.scan(marks)):
            gone = [key for key in batch if _version(key.removeprefix(marks)) not in kept]
            if gone:
                store.delete_many(gone)
    return _delete(store, addresses, lambda version: version not in kept)


def _delete(store: KeyValueStore, addresses: Addresses, unwanted: Callable[[Version], bool]) -> int:
    root = addresses.root.encode()
    deleted = 0
    for batch in _batches(store.scan(root)):
        states = [key for key in batch if not key.startswith(root + b"@")]
        gone = [key for key in states if unwanted(_version(key.removeprefix(root)))]
        if gone:
            deleted += store.delete_many(gone)
    return deleted


def _version(rest: bytes) -> Version:
    """The version that a key names after its root: ``view:fingerprint`` and perhaps more."""
    name, _, more = rest.partition(b":")
    return name.decode(), more.partition(b":")[0].decode()


def _batches(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    waiting = iter(keys)
    while batch := list(islice(waiting, BATCH)):
        yield batch
