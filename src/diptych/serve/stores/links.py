"""Links to one server, blocking and asyncio alike: packed commands out, replies in, and a deadline over every wait."""

import asyncio
from collections import deque
from typing import Generic, Protocol, TypeVar, cast

from redis.asyncio.connection import AbstractConnection as AsyncConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as Overdue

from diptych.serve.stores.address import Address
from diptych.serve.stores.connections import (
    Deadline,
    LinkLate,
    Timely,
    async_connection,
    blocking_connection,
    remaining,
)


class LinkCut(Exception):
    """The connection was refused, closed, or carries something that is not the protocol."""


class Link(Protocol):
    """One connection, used by one call at a time; after any exception it must be closed, never used again."""

    async def exchange(self, payload: bytes, count: int, deadline: float) -> list[object]:
        """Send packed commands and return their `count` replies; refusals are among them as values."""
        ...

    async def close(self) -> None:
        """Close the connection at once."""
        ...


class BlockingLink:
    """A link for threads; its coroutines never suspend."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Timely) -> None:
        """Take over an open connection."""
        self._connection = connection

    @classmethod
    async def open(cls, address: Address, deadline: float) -> "BlockingLink":
        """Connect and enter; redis-py's ResponseError if the server does not let this client in."""
        connection = blocking_connection(address, Deadline(deadline))
        try:
            connection.connect()  # type: ignore[no-untyped-call]
        except (TimeoutError, Overdue) as error:
            raise LinkLate from error
        except ResponseError:
            raise
        except RedisError as error:
            raise LinkCut(str(error)) from error
        return cls(connection)

    async def exchange(self, payload: bytes, count: int, deadline: float) -> list[object]:
        """Send packed commands and return their `count` replies."""
        connection = self._connection
        connection.deadline.instant = deadline
        try:
            connection.send_packed_command([payload])
            replies: list[object] = []
            for _ in range(count):
                try:
                    replies.append(connection.read_response())
                except ResponseError as refused:
                    replies.append(refused)
        except (TimeoutError, Overdue) as error:
            raise LinkLate from error
        except (RedisError, OSError) as error:
            raise _cut(error) from error
        return replies

    async def close(self) -> None:
        """Close the connection at once, without a word to the server."""
        self._connection.disconnect()  # type: ignore[no-untyped-call]


class AsyncLink:
    """A link for the tasks of the event loop that opened it."""

    __slots__ = ("_connection", "_transport")

    def __init__(self, connection: AsyncConnection) -> None:
        """Take over an open connection."""
        self._connection = connection
        self._transport = cast(asyncio.StreamWriter, connection._writer).transport

    @classmethod
    async def open(cls, address: Address, deadline: float) -> "AsyncLink":
        """Connect and enter; redis-py's ResponseError if the server does not let this client in."""
        connection = async_connection(address)
        try:
            async with asyncio.timeout(remaining(deadline)):
                await connection.connect()  # type: ignore[no-untyped-call]
        except TimeoutError as error:
            raise LinkLate from error
        except ResponseError:
            raise
        except RedisError as error:
            raise LinkCut(str(error)) from error
        return cls(connection)

    async def exchange(self, payload: bytes, count: int, deadline: float) -> list[object]:
        """Send packed commands and return their `count` replies."""
        connection = self._connection
        try:
            async with asyncio.timeout(remaining(deadline)):
                await connection.send_packed_command([payload])
                replies: list[object] = []
                for _ in range(count):
                    try:
                        replies.append(await connection.read_response())
                    except ResponseError as refused:
                        replies.append(refused)
        except TimeoutError as error:
            raise LinkLate from error
        except (RedisError, OSError) as error:
            raise _cut(error) from error
        return replies

    async def close(self) -> None:
        """Drop the connection at once; what was not sent yet is not sent any more."""
        self._transport.abort()
        await self._connection.disconnect(nowait=True)


def _cut(error: RedisError | OSError) -> LinkCut:
    lost = "the server or the network closed the connection: " if isinstance(error, Disconnected) else ""
    return LinkCut(f"{lost}{error}")


L = TypeVar("L", bound=Link)


class Idle(Generic[L]):
    """The links that nobody uses now, newest first. A deque, so that no lock can be held across a fork."""

    __slots__ = ("_limit", "_links")

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` links open between calls."""
        self._links: deque[L] = deque()
        self._limit = limit

    def take(self) -> L | None:
        """The link that was used last, if there is one."""
        try:
            return self._links.pop()
        except IndexError:
            return None

    async def give(self, link: L) -> None:
        """Keep a link that is in order for the next call."""
        if len(self._links) < self._limit:
            self._links.append(link)
        else:
            await link.close()

    async def flush(self) -> None:
        """Close all of them: where one link was cut, the others were too."""
        while (link := self.take()) is not None:
            await link.close()

    def forget(self) -> None:
        """Let go of links that a parent process owns, in a child made by fork."""
        self._links.clear()
