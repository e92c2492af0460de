"""The store on one Valkey or Redis server, for threads and for asyncio."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar, cast
from weakref import WeakKeyDictionary

from diptych.serve.stores import operations
from diptych.serve.stores.address import Address
from diptych.serve.stores.calls import AsyncTransport, BlockingTransport, Caller, ServerClock, Terms, run_now
from diptych.serve.stores.errors import StoreUnreachable
from diptych.serve.stores.inspection import inspect
from diptych.serve.stores.links import AsyncLink, BlockingLink
from diptych.serve.stores.operations import Operation
from diptych.serve.stores.protocol import Committed, DocumentChange, Seed, Seeded, ServerReport, Swap

T = TypeVar("T")

READ_TIMEOUT = 1.0
WRITE_TIMEOUT = 5.0
"""Default deadlines in seconds; each call may set its own."""


class ValkeyStore:
    """A `KeyValueStore` (which documents the methods) on one server. Safe for threads, forks and event loops.

    Connections open on demand and are kept. One event loop has its own; end it with `close_async`.
    `on_close` is run by `close`, after the connections are closed.
    """

    def __init__(
        self,
        address: Address,
        *,
        read_timeout: float = READ_TIMEOUT,
        write_timeout: float = WRITE_TIMEOUT,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        """Name the server and the default deadlines in seconds; nothing is sent yet."""
        self.address = address
        self._read_timeout = read_timeout
        self._write_timeout = write_timeout
        self._on_close = on_close
        self._clock = ServerClock()
        self._caller: Caller[BlockingLink] = Caller(address, BlockingTransport(), self._clock)
        self._loop_callers: WeakKeyDictionary[asyncio.AbstractEventLoop, Caller[AsyncLink]] = WeakKeyDictionary()

    def get_many(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[bytes | None]:
        """The values in the order of `keys`, None where a key is absent."""
        return self._now(operations.get_many(keys), self._reading("read values", timeout))

    async def get_many_async(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[bytes | None]:
        """The values in the order of `keys`, None where a key is absent."""
        return await self._here().perform(operations.get_many(keys), self._reading("read values", timeout))

    def append_many(
        self,
        items: Sequence[tuple[bytes, bytes]],
        expire_at_ms: Sequence[int | None] | None = None,
        *,
        timeout: float | None = None,
    ) -> list[int]:
        """Append each (key, record) and return the value's length after each, in order."""
        return self._now(operations.append_many(items, expire_at_ms), self._writing("append records", timeout))

    async def append_many_async(
        self,
        items: Sequence[tuple[bytes, bytes]],
        expire_at_ms: Sequence[int | None] | None = None,
        *,
        timeout: float | None = None,
    ) -> list[int]:
        """Append each (key, record) and return the value's length after each, in order."""
        terms = self._writing("append records", timeout)
        return await self._here().perform(operations.append_many(items, expire_at_ms), terms)

    def append_with_positions(
        self,
        items: Sequence[tuple[bytes, bytes]],
        expire_at_ms: Sequence[int | None] | None,
        position: DocumentChange,
        *,
        timeout: float | None = None,
    ) -> Committed:
        """Append, and only when every append was acknowledged move the stream position."""
        operation = operations.append_with_positions(items, expire_at_ms, position)
        return self._now(operation, self._writing("append records and move a position", timeout))

    def swap(self, swap: Swap, *, timeout: float | None = None) -> bool:
        """Atomically replace a snapshot by its fold."""
        return self.swap_many([swap], timeout=timeout)[0]

    def swap_many(self, swaps: Sequence[Swap], *, timeout: float | None = None) -> list[bool]:
        """Per swap, atomically replace a snapshot by its fold, or change nothing and answer False."""
        return self._now(operations.swap_many(swaps), self._writing("swap folded states in", timeout))

    def seed_many(self, seeds: Sequence[Seed], *, timeout: float | None = None) -> list[Seeded]:
        """Per seed, atomically write it, put it before blind appends, or leave a state that has a header."""
        return self._now(operations.seed_many(seeds), self._writing("seed states", timeout))

    def lengths(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[int]:
        """The number of bytes of each value, 0 where a key is absent."""
        found = self._measured(operations.measure(["STRLEN"], keys), "measure values", timeout)
        return cast(list[int], found)

    def expiries_ms(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[int | None]:
        """The instant at which each key expires, None where it never does or is absent."""
        found = self._measured(operations.measure(["PEXPIRETIME"], keys), "read expiries", timeout)
        return [None if instant is None or instant < 0 else instant for instant in found]

    def memory_of(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[int | None]:
        """The bytes that the server spends on each key with all overhead, None where a key is absent."""
        return self._measured(operations.measure(["MEMORY", "USAGE"], keys), "measure memory", timeout)

    def delete_many(self, keys: Sequence[bytes], *, timeout: float | None = None) -> int:
        """Delete the keys and return how many there were."""
        return self._now(operations.delete_many(keys), self._writing("delete keys", timeout))

    def scan(self, prefix: bytes, *, timeout: float | None = None) -> Iterator[bytes]:
        """The keys that begin with `prefix`, in no order; a server that restarts ends the iteration with an error."""
        terms = self._reading("scan keys", timeout)
        first_run, cursor, keys = self._now(operations.scan_page(prefix, b"0"), terms)
        yield from keys
        while cursor != b"0":
            run, cursor, keys = self._now(operations.scan_page(prefix, cursor), terms)
            if run != first_run:
                # A cursor means nothing to another process: going on could miss keys.
                raise StoreUnreachable(f"the store at {self.address} was restarted during a scan: begin it again")
            yield from keys

    def get_document(self, key: bytes, *, timeout: float | None = None) -> bytes | None:
        """A small document, None if absent."""
        return self._now(operations.get_many([key]), self._reading("read a document", timeout))[0]

    def put_document(self, key: bytes, value: bytes, *, timeout: float | None = None) -> None:
        """Write a small document, whatever was there."""
        self._now(operations.put_document(key, value), self._writing("write a document", timeout))

    def compare_and_set(self, change: DocumentChange, *, timeout: float | None = None) -> bool:
        """Atomically write a document if it still is what was expected; never sent twice."""
        terms = self._writing("write a document", timeout, repeatable=False)
        return self._now(operations.compare_and_set(change), terms)

    def now_us(self, *, timeout: float | None = None) -> int:
        """The server's clock, microseconds since the epoch."""
        return self._now(operations.now_us(), self._reading("tell the time", timeout))

    def check_server(self, *, timeout: float | None = None) -> ServerReport:
        """Refuse a server that would lose state or that this store cannot use; else describe it."""
        return self._now(inspect, self._reading("report on itself", timeout))

    def close(self) -> None:
        """Close the threads' connections, and stop the server if this store started it."""
        run_now(self._caller.close())
        if self._on_close is not None:
            self._on_close()

    async def close_async(self) -> None:
        """Close the connections of the running event loop."""
        caller = self._loop_callers.pop(asyncio.get_running_loop(), None)
        if caller is not None:
            await caller.close()

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _now(self, operation: Operation[T], terms: Terms) -> T:
        return run_now(self._caller.perform(operation, terms))

    def _here(self) -> Caller[AsyncLink]:
        loop = asyncio.get_running_loop()
        caller = self._loop_callers.get(loop)
        if caller is None:
            caller = self._loop_callers[loop] = Caller(self.address, AsyncTransport(), self._clock)
        return caller

    def _measured(self, operation: Operation[list[int | None]], doing: str, timeout: float | None) -> list[int | None]:
        return self._now(operation, self._reading(doing, timeout, per_batch=True))

    def _reading(self, doing: str, timeout: float | None, per_batch: bool = False) -> Terms:
        return Terms(doing, self._read_timeout if timeout is None else timeout, per_batch)

    def _writing(self, doing: str, timeout: float | None, repeatable: bool = True) -> Terms:
        seconds = self._write_timeout if timeout is None else timeout
        return Terms(doing, seconds, per_batch=True, writes=True, repeatable=repeatable)
