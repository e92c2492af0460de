"""When and how states are folded: a client reads a state, computes its fold, and a script swaps it in.

A state is looked at when an append carries its length over ``threshold * 2^k``, and swapped only when the fold is a
quarter shorter, so that the work per event stays bounded. Whatever goes wrong here loses no event.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diptych.compile.online import CorruptState, fold
from diptych.ground.instants import MINUTE
from diptych.plan.nodes import Source
from diptych.serve import documents
from diptych.serve.addresses import Addresses
from diptych.serve.appending import Target
from diptych.serve.positions import Positions
from diptych.serve.stores.errors import StoreError
from diptych.serve.stores.protocol import KeyValueStore, Swap

FOLD_LAG = MINUTE
"""Microseconds by which the horizon stays behind the clock: above the skew of hosts and the time of an append."""
THRESHOLD = 4096
"""Bytes below which a state is left alone: so short a state is read as fast raw."""
LIMIT = 8 << 20
"""Bytes above which a state is reported when folding does not bring it down."""

_ATTEMPTS = 3
_CHUNK_BYTES = 16 << 20
_PENDING = ("pending", "running")


@dataclass(frozen=True, slots=True)
class Grown:
    """The keys of a view that were appended to, the length after it, and the records."""

    target: Target
    keys: Sequence[bytes]
    lengths: Sequence[int]
    records: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Folded:
    """States folded, states that should have been and could not, and keys above the limit afterwards."""

    folds: int = 0
    unfolded: int = 0
    oversized: frozenset[bytes] = frozenset()

    def __add__(self, other: "Folded") -> "Folded":
        """The sum."""
        return Folded(self.folds + other.folds, self.unfolded + other.unfolded, self.oversized | other.oversized)


@dataclass(frozen=True, slots=True)
class Folder:
    """Folds states of one project and environment; a ``threshold`` of 0 looks at every append.

    A fold is swapped in when it is at most ``worthwhile`` times as long as the state.
    """

    store: KeyValueStore
    addresses: Addresses
    fold_lag: int = FOLD_LAG
    threshold: int = THRESHOLD
    limit: int = LIMIT
    worthwhile: float = 0.75

    def fold_grown(self, source: Source, grown: Sequence[Grown], now: int) -> Folded:
        """Fold the states that crossed a threshold. ``now``: no later event can become known before it."""
        due = [(part.target, [part.keys[i] for i in self._crossed(part)], part) for part in grown]
        due = [item for item in due if item[1]]
        if not due:
            return Folded()
        total = Folded()
        try:
            for target, keys, part in due:
                if not self._awaits_history(target):
                    lengths = dict(zip(part.keys, part.lengths, strict=True))
                    total += self.fold_keys(target, keys, now, [lengths[key] for key in keys])
        except StoreError:
            total += Folded(unfolded=sum(len(keys) for _, keys, _ in due) - total.folds - total.unfolded)
        return total

    def fold_keys(self, target: Target, keys: Sequence[bytes], now: int, lengths: Sequence[int] = ()) -> Folded:
        """Fold the states of these keys where it is worth it; ``lengths`` bound how much is read at once."""
        oldest = Positions(self.store, self.addresses).oldest_commit(target.view.source.name)
        total = Folded()
        for chunk in _chunks(keys, lengths or [0] * len(keys)):
            total += self._fold_chunk(target, chunk, now, oldest)
        return total

    def _fold_chunk(self, target: Target, keys: list[bytes], now: int, oldest: int | None) -> Folded:
        folds, unfolded, oversized = 0, 0, set()
        for _ in range(_ATTEMPTS):
            swaps = []
            for key, state in zip(keys, self.store.get_many(keys), strict=True):
                if not state:
                    continue
                try:
                    shorter = self._folded(target, state, now, oldest)
                except CorruptState:
                    unfolded += 1  # a read of that key says so, by name
                    continue
                if shorter is not None:
                    swaps.append(Swap.of(key, state, shorter))
                elif len(state) > self.limit:
                    oversized.add(key)
            done = self.store.swap_many(swaps) if swaps else []
            folds += sum(done)
            oversized |= {s.key for s, ok in zip(swaps, done, strict=True) if ok and len(s.replacement) > self.limit}
            keys = [swap.key for swap, ok in zip(swaps, done, strict=True) if not ok]
            if not keys:
                break
        return Folded(folds, unfolded + len(keys), frozenset(oversized))

    def _folded(self, target: Target, state: bytes, now: int, oldest: int | None) -> bytes | None:
        """The fold of a state, None where it is not worth its swap."""
        folded = fold(
            target.program,
            state,
            now=now,
            fold_lag=self.fold_lag,
            oldest_commit=oldest,
            generation=secrets.randbits(63),
        )
        if folded is None or len(folded.state) > self.worthwhile * len(state):
            return None
        return folded.state

    def _crossed(self, part: Grown) -> list[int]:
        if not part.keys:
            return []
        after = np.asarray(part.lengths, np.int64)
        before = after - np.array([len(record) for record in part.records], np.int64)
        if self.threshold <= 0:
            return list(range(len(after)))
        found: list[int] = np.flatnonzero(self._level(after) > self._level(before)).tolist()
        return found

    def _level(self, lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many thresholds a length is past: ``threshold * 2^k``, and above the limit every quarter of it."""
        small = np.minimum(np.maximum(lengths, 1), self.limit)
        level = np.maximum(np.floor(np.log2(small / self.threshold)) + 1, 0)
        above = np.where(lengths > self.limit, 1 + (lengths - self.limit) // max(self.limit // 4, 1), 0)
        both: npt.NDArray[np.int64] = (level + above).astype(np.int64)
        return both

    def _awaits_history(self, target: Target) -> bool:
        """Whether a backfill has still to put history under these states: a fold would keep it out."""
        document = documents.fetch(self.store, self.addresses.backfill(target.view))
        return document is not None and document.get("state") in _PENDING


def _chunks(keys: Sequence[bytes], lengths: Sequence[int]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    held = 0
    for key, length in zip(keys, lengths, strict=True):
        if chunk and (held + length > _CHUNK_BYTES or len(chunk) >= 256):
            yield chunk
            chunk, held = [], 0
        chunk.append(key)
        held += length
    if chunk:
        yield chunk
