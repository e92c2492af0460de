"""How an operation is carried out on a server: a link is taken, greeted, used, and after a cut tried once afresh.

One road serves blocking and asyncio callers: operations are coroutines over a link, and on blocking links they run
from start to end without ever suspending (`run_now`).
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, cast

from redis.exceptions import ResponseError

from diptych.serve.stores.address import Address
from diptych.serve.stores.connections import LinkLate, remaining
from diptych.serve.stores.errors import StoreError, StoreRefused, StoreTimeout, StoreUnreachable, WriteUncertain
from diptych.serve.stores.links import AsyncLink, BlockingLink, Idle, L, Link, LinkCut
from diptych.serve.stores.replies import Command, pack, pack_all, raise_refused, refusal

T = TypeVar("T")
L_co = TypeVar("L_co", bound=Link, covariant=True)

BACKOFF_SECONDS = 0.05
"""The pause before the one repetition: a server that restarts needs about as long."""

IDLE_LINKS = 64
ASYNC_LINKS = 64
"""How many connections one event loop may hold; further calls wait for one, within their deadline."""
TIME = pack(("TIME",))


@dataclass(frozen=True, slots=True)
class Terms:
    """What a call may cost and what its failure means."""

    doing: str
    timeout: float
    per_batch: bool = False
    writes: bool = False
    repeatable: bool = True


class ServerClock:
    """The server's time, carried on from the last answer to TIME by this process's monotonic clock.

    It lags behind the server by the way of the answer, so an expiry that is reckoned with it is late, never early.
    """

    __slots__ = ("_ahead_us",)

    def __init__(self) -> None:
        """Know nothing yet: the greeting of the first link sets the clock."""
        self._ahead_us = 0

    def observe(self, reply: object) -> None:
        """Set the clock by an answer to TIME."""
        self._ahead_us = instant_of(reply) - time.monotonic_ns() // 1000

    def now_ms(self) -> int:
        """Milliseconds since the epoch by the server's clock."""
        return (self._ahead_us + time.monotonic_ns() // 1000) // 1000


def instant_of(reply: object) -> int:
    """Microseconds since the epoch in an answer to TIME."""
    seconds, micros = cast(list[bytes], reply)
    return int(seconds) * 1_000_000 + int(micros)


class Call:
    """One attempt of an operation, on one link: to one server process, in order."""

    __slots__ = ("_deadline", "_link", "clock", "sent", "terms", "where")

    def __init__(self, link: Link, where: str, terms: Terms, deadline: float, clock: ServerClock) -> None:
        """Prepare to speak over `link` until `deadline`."""
        self._link = link
        self._deadline = deadline
        self.where = where
        self.terms = terms
        self.clock = clock
        self.sent = False

    async def ask(self, payload: bytes, count: int) -> list[object]:
        """Send packed commands and return their replies, refusals among them."""
        if self.terms.per_batch and self.sent:
            self._deadline = time.monotonic() + self.terms.timeout
        self.sent = True
        return await self._link.exchange(payload, count, self._deadline)

    async def ask_all(self, commands: list[Command]) -> list[object]:
        """Send commands and return their replies; a refusal of any is raised."""
        replies = await self.ask(pack_all(commands), len(commands))
        self.check(replies)
        return replies

    def check(self, replies: list[object]) -> None:
        """Raise for the first refusal among `replies`."""
        raise_refused(replies, self.where, self.terms.doing)


class Transport(Protocol[L_co]):
    """What differs between blocking and asyncio callers."""

    async def open(self, address: Address, deadline: float) -> L_co:
        """Connect."""
        ...

    async def enter(self, deadline: float) -> None:
        """Wait for a place among the calls under way."""
        ...

    def leave(self) -> None:
        """Free the place."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait."""
        ...


class BlockingTransport:
    """For threads, each of which has one call under way at most."""

    async def open(self, address: Address, deadline: float) -> BlockingLink:
        """Connect for the calling thread."""
        return await BlockingLink.open(address, deadline)

    async def enter(self, deadline: float) -> None:
        """Threads are bounded by whoever starts them."""

    def leave(self) -> None:
        """Nothing was taken."""

    async def pause(self, seconds: float) -> None:
        """Sleep; nothing else runs in a coroutine that `run_now` drives."""
        time.sleep(seconds)


class AsyncTransport:
    """For the tasks of one event loop."""

    def __init__(self) -> None:
        """Allow `ASYNC_LINKS` calls at once."""
        self._places = asyncio.Semaphore(ASYNC_LINKS)

    async def open(self, address: Address, deadline: float) -> AsyncLink:
        """Connect in the running loop."""
        return await AsyncLink.open(address, deadline)

    async def enter(self, deadline: float) -> None:
        """Wait for a place until the deadline."""
        try:
            async with asyncio.timeout(remaining(deadline)):
                await self._places.acquire()
        except TimeoutError as error:
            raise LinkLate from error

    def leave(self) -> None:
        """Free the place."""
        self._places.release()

    async def pause(self, seconds: float) -> None:
        """Sleep without blocking the loop."""
        await asyncio.sleep(seconds)


class Caller(Generic[L]):
    """Carries out operations on one server over links of one kind."""

    def __init__(self, address: Address, transport: Transport[L], clock: ServerClock) -> None:
        """Connect lazily: the first call opens the first link."""
        self._address = address
        self._where = f"the store at {address}"
        self._transport = transport
        self._clock = clock
        self._idle: Idle[L] = Idle(IDLE_LINKS)
        self._process = os.getpid()

    async def perform(self, operation: Callable[[Call], Coroutine[object, object, T]], terms: Terms) -> T:
        """The operation's result, or one of the store's errors, never later than the deadline (see `Terms`)."""
        deadline = time.monotonic() + terms.timeout
        try:
            await self._transport.enter(deadline)
        except LinkLate:
            raise self._late(terms, sent=False) from None
        try:
            return await self._attempt_twice(operation, terms, deadline)
        finally:
            self._transport.leave()

    async def close(self) -> None:
        """Close the idle links."""
        await self._idle.flush()

    async def _attempt_twice(
        self, operation: Callable[[Call], Coroutine[object, object, T]], terms: Terms, deadline: float
    ) -> T:
        first = _Attempt(terms)
        try:
            # A call that must not be repeated does not start on a link that the server may have closed since.
            return await self._attempt(first, operation, deadline, fresh=not terms.repeatable)
        except LinkCut as cut:
            if first.sent and not terms.repeatable:
                raise self._cut(terms, first.sent, cut) from None
        if terms.per_batch:
            deadline = time.monotonic() + terms.timeout
        second = _Attempt(terms, first.sent)
        try:
            await self._transport.pause(min(BACKOFF_SECONDS, remaining(deadline)))
            return await self._attempt(second, operation, deadline, fresh=True)
        except (StoreRefused, StoreUnreachable) as refused:
            if terms.writes and first.sent:
                raise WriteUncertain(f"{refused} (an earlier attempt was cut off and may have been applied)") from None
            raise
        except LinkLate:
            raise self._late(terms, second.sent) from None
        except LinkCut as cut:
            raise self._cut(terms, second.sent, cut) from None

    async def _attempt(
        self,
        attempt: "_Attempt",
        operation: Callable[[Call], Coroutine[object, object, T]],
        deadline: float,
        fresh: bool,
    ) -> T:
        link: L | None = None
        call: Call | None = None
        try:
            link = await self._link(deadline, fresh)
            call = Call(link, self._where, attempt.terms, deadline, self._clock)
            result = await operation(call)
        except StoreError:
            # Every reply was read before the refusal among them was raised: the link is in order.
            if link is not None:
                await self._idle.give(link)
            raise
        except BaseException as error:
            attempt.sent = attempt.sent or (call is not None and call.sent)
            if link is not None:
                await link.close()
            if isinstance(error, LinkCut | LinkLate):
                await self._idle.flush()
            if isinstance(error, LinkLate):
                raise self._late(attempt.terms, attempt.sent) from None
            raise
        await self._idle.give(link)
        return result

    async def _link(self, deadline: float, fresh: bool) -> L:
        if os.getpid() != self._process:
            self._idle.forget()
            self._process = os.getpid()
        link = self._idle.take()
        if link is not None and fresh:
            await link.close()
            link = None
        return await self._greeted(deadline) if link is None else link

    async def _greeted(self, deadline: float) -> L:
        try:
            link = await self._transport.open(self._address, deadline)
        except ResponseError as refused:
            raise self._kept_out(refused) from None
        try:
            (reply,) = await link.exchange(TIME, 1, deadline)
            if isinstance(reply, ResponseError):
                raise self._kept_out(reply)
            self._clock.observe(reply)
        except BaseException:
            await link.close()
            raise
        return link

    def _kept_out(self, refused: ResponseError) -> StoreError:
        return refusal(_without(self._address.password, refused), self._where, "let this client in")

    def _late(self, terms: Terms, sent: bool) -> StoreError:
        text = f"{self._where} did not {terms.doing} within {terms.timeout:g} s"
        if terms.writes and sent:
            return WriteUncertain(f"{text}, and the write may have been applied: see whether it was, or repeat it")
        return StoreTimeout(f"{text}: it is overloaded, frozen or cut off; check it, or raise the timeout")

    def _cut(self, terms: Terms, sent: bool, cut: LinkCut) -> StoreError:
        text = f"{self._where} could not {terms.doing} ({cut})"
        if terms.writes and sent:
            return WriteUncertain(f"{text}, and the write may have been applied: see whether it was, or repeat it")
        return StoreUnreachable(f"{text}: check that the server runs and that its address is right")


@dataclass(slots=True)
class _Attempt:
    terms: Terms
    sent: bool = False


def run_now(coroutine: Coroutine[object, object, T]) -> T:
    """The result of a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast(T, done.value)
    raise AssertionError("an operation over a blocking link suspended")


def _without(password: str | None, refused: ResponseError) -> ResponseError:
    text = str(refused)
    return ResponseError(text.replace(password, "***")) if password else refused
