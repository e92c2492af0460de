"""Skews of state: what a fold, a store, a stream or a consumer loses, doubles, misplaces or keeps back."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.admit.project import ViewEvents
from diptych.check.findings import Cause
from diptych.ground.instants import HOUR, MINUTE
from diptych.kernel import places as k
from diptych.plan.nodes import View
from diptych.serve.appending import Target
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.protocol import Committed
from diptych.serve.stores.valkey import ValkeyStore
from diptych.serve.stream import StreamBatch, TableStream
from tests.power.faults.fault import Folded, fault, folds, kernel, online_events, swapped

FOLD = {Cause.FOLD}
# A record that a fold drops whole is gone for every reader, as one that never came: only the state's past could tell.
LOST_IN_FOLD = FOLD | {Cause.MISSING_INGESTION}
MISSING = {Cause.MISSING_INGESTION}
Items = Sequence[tuple[bytes, bytes]]


def _loses_a_record(folded: Folded) -> Folded:
    return folded.with_parts(folded.tiles, folded.records[:-1])


def _loses_its_oldest_tile(folded: Folded) -> Folded:
    return folded.with_parts(folded.tiles[1:], folded.records)


def _counts_again(folded: Folded) -> Folded:
    records = folded.records.copy()
    records[:, k.FLAGS] &= ~np.int64(k.COUNTED)
    return folded.with_parts(folded.tiles, records)


def _doubles_a_tile(folded: Folded) -> Folded:
    return folded.with_parts(np.concatenate([folded.tiles, folded.tiles[-1:]]), folded.records)


def _misaligned(folded: Folded) -> Folded:
    tiles = folded.tiles.copy()
    tiles[:, k.TILE_START] += tiles[:, k.TILE_SIZE]  # each tile says where it ends for where it begins
    return folded.with_parts(tiles, folded.records)


def events_kept(events: ViewEvents, kept: npt.NDArray[np.bool_]) -> ViewEvents:
    """Some of the events of a view."""
    return replace(
        events,
        rows=events.rows[kept],
        key=tuple(part.take(kept) for part in events.key),
        ts=events.ts[kept],
        known_at=events.known_at[kept],
        id_hash=None if events.id_hash is None else events.id_hash[kept],
        inputs=tuple(values.take(kept) for values in events.inputs),
        conditions=tuple(truth[kept] for truth in events.conditions),
    )


def _no_late_ones(_: View, events: ViewEvents) -> ViewEvents:
    return events_kept(events, events.known_at - events.ts <= 20 * MINUTE)


def _unlucky(key: bytes, record: bytes, one_in: int) -> bool:
    """Whether an append is one of those that go wrong: by the entity and the records, so always the same."""
    return zlib.crc32(key.rpartition(b":")[2] + record) % one_in == 0


@contextmanager
def _appends(change: Any) -> Iterator[None]:
    """``change(store, items)`` gives what is really appended; what is not is acknowledged all the same."""
    append, commit = ValkeyStore.append_many, ValkeyStore.append_with_positions

    def expiries(expire: Any, kept: list[int]) -> Any:
        return None if expire is None else [expire[place] for place in kept]

    def lengths(items: Items, kept: list[int], found: list[int]) -> list[int]:
        held = dict(zip(kept, found, strict=True))
        return [held.get(place, len(record)) for place, (_, record) in enumerate(items)]

    def append_many(self: ValkeyStore, items: Items, expire_at_ms: Any = None, **options: Any) -> list[int]:
        kept = change(self, items)
        found = append(self, [items[place] for place in kept], expiries(expire_at_ms, kept), **options) if kept else []
        return lengths(items, kept, found)

    def append_with_positions(self: ValkeyStore, items: Items, expire: Any, position: Any, **options: Any) -> Committed:
        kept = change(self, items)
        done = commit(self, [items[place] for place in kept], expiries(expire, kept), position, **options)
        return replace(done, lengths=lengths(items, kept, done.lengths))

    with (
        swapped(ValkeyStore, "append_many", append_many),
        swapped(ValkeyStore, "append_with_positions", append_with_positions),
    ):
        yield


def _lost(_: ValkeyStore, items: Items) -> list[int]:
    return [place for place, (key, record) in enumerate(items) if not _unlucky(key, record, 5)]


def _overwritten(store: ValkeyStore, items: Items) -> list[int]:
    again = [key for key, record in items if _unlucky(key, record, 5)]
    if again:
        store.delete_many(again)
    return list(range(len(items)))


def _evicted() -> AbstractContextManager[None]:
    """One entity in four is not there any more when it is asked for."""
    real = ValkeyStore.get_many

    def get_many(self: ValkeyStore, keys: Sequence[bytes], **options: Any) -> list[bytes | None]:
        states = real(self, keys, **options)
        return [
            None if b"@" not in key and zlib.crc32(key.rpartition(b":")[2]) % 4 == 0 else state
            for key, state in zip(keys, states, strict=True)
        ]

    return swapped(ValkeyStore, "get_many", get_many)


@contextmanager
def _short_expiry() -> Iterator[None]:
    """Keys are given a quarter of the life that their windows need, on a store whose clock is the request's instant.

    The clock of a real server cannot be moved to the history's days, so what it would do then is done at the read.
    """
    prepared, get, seed = OnlineReader._prepare, ValkeyStore.get_many, ValkeyStore.seed_many
    append, commit = ValkeyStore.append_many, ValkeyStore.append_with_positions
    expires: dict[bytes, int] = {}
    clock = [0]

    def expiry_ms(self: Target, latest: int, now: int) -> int | None:
        return None if self.life is None else (latest + self.life // 4) // 1000

    def remember(keys: Sequence[bytes], instants: Sequence[int | None] | None) -> None:
        for key, instant in zip(keys, instants or [], strict=bool(instants)):
            if instant is not None:
                expires[key] = max(instant, expires.get(key, instant))

    def append_many(self: ValkeyStore, items: Items, expire: Any = None, **options: Any) -> list[int]:
        remember([key for key, _ in items], expire)
        return append(self, items, None, **options)

    def append_with_positions(self: ValkeyStore, items: Items, expire: Any, position: Any, **options: Any) -> Committed:
        remember([key for key, _ in items], expire)
        return commit(self, items, None, position, **options)

    def seed_many(self: ValkeyStore, seeds: Any, **options: Any) -> Any:
        remember([each.key for each in seeds], [each.expire_at_ms for each in seeds])
        return seed(self, [replace(each, expire_at_ms=None) for each in seeds], **options)

    def prepare(self: OnlineReader, plan: Any, rows: Any, at: Any) -> Any:
        fetch = prepared(self, plan, rows, at)
        clock[0] = fetch.instant
        return fetch

    def get_many(self: ValkeyStore, keys: Sequence[bytes], **options: Any) -> list[bytes | None]:
        states = get(self, keys, **options)
        gone = [key in expires and expires[key] * 1000 <= clock[0] for key in keys]
        return [None if expired else state for expired, state in zip(gone, states, strict=True)]

    with (
        swapped(Target, "expiry_ms", expiry_ms),
        swapped(ValkeyStore, "append_many", append_many),
        swapped(ValkeyStore, "append_with_positions", append_with_positions),
        swapped(ValkeyStore, "seed_many", seed_many),
        swapped(OnlineReader, "_prepare", prepare),
        swapped(ValkeyStore, "get_many", get_many),
    ):
        yield


def _offset_skipped() -> AbstractContextManager[None]:
    def read(self: TableStream, _: str, offset: int) -> Iterator[StreamBatch]:
        for start in range(offset, self.table.num_rows, self.batch_rows):
            yield StreamBatch(start, self.table.slice(start + (start > 0), self.batch_rows - (start > 0)))
            return

    return swapped(TableStream, "read", read)


def _behind() -> AbstractContextManager[None]:
    real = TableStream.before
    return swapped(TableStream, "before", lambda self, instant: real(self, instant - HOUR))


FAULTS = (
    fault(
        "fold drops a record", "online", "A fold forgets the newest record that it leaves raw.", LOST_IN_FOLD,
        folds(_loses_a_record),
    ),
    fault(
        "fold drops a tile", "online", "A fold throws the oldest tile away while a window still reaches it.",
        FOLD | {Cause.EXPIRED_STATE}, folds(_loses_its_oldest_tile, backfilled=True),
        shows="customer_visits",
    ),
    fault(
        "fold doubles records", "online", "A fold counts records into tiles and leaves them raw, without their mark.", FOLD,
        folds(_counts_again, backfilled=True),
    ),
    fault(
        "fold doubles a tile", "online", "Two folds at once: a tile is written twice.", FOLD,
        folds(_doubles_a_tile, backfilled=True),
    ),
    fault(
        "tile misaligned", "online", "Tiles are named by their end on one side and by their start on the other.",
        FOLD | {Cause.BOUNDARY},  # an event in such a tile is in or out of a window by the wrong edge
        folds(_misaligned, backfilled=True),
    ),
    fault(
        "fold takes what may come again", "online", "A fold counts an event whose copy may still come.",
        FOLD | {Cause.DUPLICATE},
        kernel("placement", "min(min(horizon, now) - code[FOLD_AGE], commit)", "min(min(horizon, now), commit)"),
        slow=True,
        suite="boundaries", shows="shop_sales",
    ),
    fault(
        "horizon ignored", "online", "A read before the horizon of a fold is answered from what is left.", FOLD,
        kernel("point", "if fault == SOUND and horizon > t:", "if False:"), slow=True,
        suite="boundaries", shows="customer_visits",
    ),
    fault(
        "expiry short of the window", "online", "The time to live of keys was set when windows were shorter.",
        {Cause.EXPIRED_STATE}, _short_expiry,
        shows="till_sales",
    ),
    fault(
        "keys evicted", "online", "The server is short of memory and evicts keys in silence.",
        MISSING | {Cause.EXPIRED_STATE}, _evicted,
        shows="till_sales",
    ),
    fault(
        "acknowledged appends lost", "online", "A failover loses writes that were acknowledged.", MISSING,
        lambda: _appends(_lost),
    ),
    fault(
        "a late batch overwrites", "online", "`SET` for `APPEND`: a batch that comes later replaces what was there.",
        MISSING | {Cause.EXPIRED_STATE},  # what was there before is gone and what comes after is there, as after an expiry
        lambda: _appends(_overwritten),
    ),
    fault(
        "late events dropped", "online", "The stream processor's watermark drops what comes twenty minutes late.",
        MISSING | {Cause.LATE_EVENT}, online_events(_no_late_ones),
    ),
    fault(
        "an offset skipped", "online", "A consumer commits the next offset and reads on after it: one row each time.",
        MISSING, _offset_skipped,
        shows="customer_visits",
    ),
    fault(
        "consumer behind", "online", "The consumer is an hour behind, and nobody looks at its lag.",
        {Cause.STALE_INGESTION}, _behind,
        shows="customer_visits",
    ),
)  # fmt: skip
