"""The contract of an online store: atomic operations on byte strings, and the rules that any store must keep.

A *state* value is either headless (made by blind appends alone) or begins with a header: the first 8 bytes are
`HEADER_MARK`, the next 8 are a random generation that each rewrite of the value renews. Nothing else in a value is
looked at here. All instants are milliseconds (`..._ms`) or microseconds (`..._us`) since the Unix epoch, UTC.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, Self

from diptych.serve.stores.errors import StoreMisuse

HEADER_MARK = (-(2**63)).to_bytes(8, "little", signed=True)
"""The first 8 bytes of a state with a header: INT64_MIN, an instant that no record may have."""

GENERATION_END = 16
"""Bytes 8 to 16 of a state with a header are its generation."""


def has_header(state: bytes) -> bool:
    """Whether a state begins with a whole mark and generation."""
    return len(state) >= GENERATION_END and state.startswith(HEADER_MARK)


def generation_of(state: bytes) -> bytes:
    """The 8 bytes of generation of a state that has a header."""
    if not has_header(state):
        raise StoreMisuse(
            f"a state of {len(state)} bytes has no header: it must begin with INT64_MIN (8 bytes, little-endian) "
            "and a random generation (8 bytes)"
        )
    return state[8:GENERATION_END]


@dataclass(frozen=True, slots=True)
class Swap:
    """Replace the first `snapshot_length` bytes of a state by `replacement`, if they are still what was read.

    Exactly one of `generation` (the snapshot had a header) and `prefix_sha1` (it had none; lower-case hexadecimal
    of the snapshot) is set. `replacement` begins with a header whose generation is new.
    """

    key: bytes
    snapshot_length: int
    replacement: bytes
    generation: bytes | None = None
    prefix_sha1: str | None = None

    def __post_init__(self) -> None:
        """Refuse a swap that could be applied to a state other than the one it was computed from."""
        if (self.generation is None) == (self.prefix_sha1 is None):
            raise StoreMisuse("a swap names either the generation of its snapshot or the SHA-1 of its bytes, not both")
        if self.snapshot_length <= 0:
            raise StoreMisuse("a swap needs a snapshot of at least one byte; an absent key is filled by seed_many")
        if generation_of(self.replacement) == self.generation:
            raise StoreMisuse("the replacement carries the generation of its snapshot: draw a new random one")

    @classmethod
    def of(cls, key: bytes, snapshot: bytes, replacement: bytes) -> Self:
        """The swap of `snapshot`, as it was read from `key`, for `replacement`."""
        if has_header(snapshot):
            return cls(key, len(snapshot), replacement, generation=generation_of(snapshot))
        digest = hashlib.sha1(snapshot, usedforsecurity=False).hexdigest()
        return cls(key, len(snapshot), replacement, prefix_sha1=digest)


@dataclass(frozen=True, slots=True)
class Seed:
    """A folded state for `key`, with its header, and the instant at which the key may expire (None: never)."""

    key: bytes
    state: bytes
    expire_at_ms: int | None = None

    def __post_init__(self) -> None:
        """Refuse a state without header: seeded twice, it would count twice."""
        generation_of(self.state)


class Seeded(Enum):
    """What `seed_many` did with one key."""

    WRITTEN = "written"
    """The key was absent and now holds the seed."""
    MERGED = "merged"
    """The key held blind appends, which now follow the seed."""
    ALREADY = "already"
    """The key has a state with a header, which was left as it is."""


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A compare-and-set of a small document; `expected=None` means that the document must be absent."""

    key: bytes
    expected: bytes | None
    value: bytes


@dataclass(frozen=True, slots=True)
class Committed:
    """The lengths after each append, and whether the position document moved to its new value."""

    lengths: list[int]
    moved: bool


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What the server says of itself; `where` never contains a password."""

    where: str
    name: str
    version: str
    eviction_policy: str
    max_memory: int
    append_only: bool
    snapshots: bool
    replicas: int

    @property
    def durable(self) -> bool:
        """Whether an acknowledged write survives the death of the server process."""
        return self.append_only


class KeyValueStore(Protocol):
    """What the online side asks of a store. Every call has a deadline (`timeout`, seconds; None: the store's default).

    Errors of every method: `StoreUnreachable`, `StoreTimeout`, `StoreRefused`; of every writing method also
    `WriteUncertain`. For `get_many` the deadline spans the call; in the other methods of many keys it holds for each
    bounded batch that is sent.
    """

    def get_many(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[bytes | None]:
        """The values in the order of `keys`, None where a key is absent; one round trip below some thousand keys."""
        ...

    async def get_many_async(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[bytes | None]:
        """Like `get_many`, without blocking the event loop."""
        ...

    def append_many(
        self,
        items: Sequence[tuple[bytes, bytes]],
        expire_at_ms: Sequence[int | None] | None = None,
        *,
        timeout: float | None = None,
    ) -> list[int]:
        """Append each (key, record) and return the value's length after each, in order.

        A key with an expiry never expires before the latest `expire_at_ms` that was given for it; a key without
        one gets it; None leaves the key's expiry as it is. An instant in the past never removes anything. After a
        cut connection the whole call is made once more: records may then be there twice, which their ids make
        harmless.
        """
        ...

    async def append_many_async(
        self,
        items: Sequence[tuple[bytes, bytes]],
        expire_at_ms: Sequence[int | None] | None = None,
        *,
        timeout: float | None = None,
    ) -> list[int]:
        """Like `append_many`, without blocking the event loop."""
        ...

    def append_with_positions(
        self,
        items: Sequence[tuple[bytes, bytes]],
        expire_at_ms: Sequence[int | None] | None,
        position: DocumentChange,
        *,
        timeout: float | None = None,
    ) -> Committed:
        """Append, and only when every append was acknowledged move the stream position.

        All of it happens over one connection to one server process. If that is cut, everything is made again from
        the first append (once), so a position is never ahead of an append that the server has lost. `moved=False`
        says that the position was not `expected`: read it, and resume from there.
        """
        ...

    def swap(self, swap: Swap, *, timeout: float | None = None) -> bool:
        """Atomically replace a snapshot by its fold; see `swap_many`."""
        ...

    def swap_many(self, swaps: Sequence[Swap], *, timeout: float | None = None) -> list[bool]:
        """Per swap, atomically: if the state is still the snapshot plus appends, put the replacement before the
        appends, keep the key's expiry, and answer True; else change nothing and answer False."""
        ...

    def seed_many(self, seeds: Sequence[Seed], *, timeout: float | None = None) -> list[Seeded]:
        """Per seed, atomically: write it where the key is absent, put it before blind appends, and leave a state
        that has a header. The key's expiry is only ever extended; `expire_at_ms=None` removes it."""
        ...

    def lengths(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[int]:
        """The number of bytes of each value, 0 where a key is absent."""
        ...

    def expiries_ms(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[int | None]:
        """The instant at which each key expires, None where it never does or is absent."""
        ...

    def memory_of(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[int | None]:
        """The bytes that the server spends on each key with all overhead, None where a key is absent."""
        ...

    def delete_many(self, keys: Sequence[bytes], *, timeout: float | None = None) -> int:
        """Delete the keys and return how many there were."""
        ...

    def scan(self, prefix: bytes, *, timeout: float | None = None) -> Iterator[bytes]:
        """The keys that begin with `prefix`, in no order. Every key that is there from first to last is yielded, a key
        may be yielded twice, and a server that restarts meanwhile ends the iteration with `StoreUnreachable`."""
        ...

    def get_document(self, key: bytes, *, timeout: float | None = None) -> bytes | None:
        """A small document (manifest, stream positions), None if absent."""
        ...

    def put_document(self, key: bytes, value: bytes, *, timeout: float | None = None) -> None:
        """Write a small document, whatever was there."""
        ...

    def compare_and_set(self, change: DocumentChange, *, timeout: float | None = None) -> bool:
        """Atomically write a document if it still is what was expected. Never sent twice: a cut connection raises
        `WriteUncertain`, and the document tells which it was."""
        ...

    def now_us(self, *, timeout: float | None = None) -> int:
        """The server's clock."""
        ...

    def check_server(self, *, timeout: float | None = None) -> ServerReport:
        """Refuse (`StoreRefused`) a server that would lose state or that this store cannot use; else describe it."""
        ...

    def close(self) -> None:
        """Close every connection, and stop the server if this store started it."""
        ...
