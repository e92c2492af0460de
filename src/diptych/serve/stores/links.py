"""Connections to one server, blocking and asyncio alike: bytes out, replies in, and a deadline over every wait.

redis-py is not used here: its socket timeout starts anew with every piece received, so that a slow server outlasts
it, and its pool costs as much as the command itself.
"""

import asyncio
import socket
import time
from collections import deque
from typing import Generic, Protocol, TypeVar

from hiredis import HiredisError, Reader

from diptych.serve.stores.address import Address

RECEIVE_BYTES = 1 << 17
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


class LinkCut(Exception):
    """The connection was refused, closed, or carries something that is not the protocol."""


class LinkLate(Exception):
    """The deadline passed on a connection."""


def remaining(deadline: float) -> float:
    """The seconds left until `deadline` (of `time.monotonic`); `LinkLate` if none are."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise LinkLate
    return left


class Link(Protocol):
    """One connection, used by one call at a time; after any exception it must be closed, never used again."""

    async def exchange(self, payload: bytes, count: int, deadline: float) -> list[object]:
        """Send packed commands and return their `count` replies; refusals are among them as values."""
        ...

    def close(self) -> None:
        """Close the connection at once."""
        ...


class BlockingLink:
    """A link over a plain socket; its coroutines never suspend."""

    __slots__ = ("_buffer", "_reader", "_socket")

    def __init__(self, connection: socket.socket) -> None:
        """Take over a connected socket."""
        self._socket = connection
        self._reader = Reader()
        self._buffer = bytearray(RECEIVE_BYTES)

    @classmethod
    async def open(cls, address: Address, deadline: float) -> "BlockingLink":
        """Connect. The look-up of a host's name is the operating system's and has no deadline."""
        try:
            connection = _connect(address, deadline)
        except TimeoutError as error:
            raise LinkLate from error
        except OSError as error:
            raise LinkCut(_reason(error)) from error
        return cls(connection)

    async def exchange(self, payload: bytes, count: int, deadline: float) -> list[object]:
        """Send packed commands and return their `count` replies."""
        connection, reader, buffer = self._socket, self._reader, self._buffer
        replies: list[object] = []
        try:
            connection.settimeout(remaining(deadline))
            connection.sendall(payload)
            while len(replies) < count:
                reply = reader.gets()
                if reply is not False:
                    replies.append(reply)
                    continue
                connection.settimeout(remaining(deadline))
                received = connection.recv_into(buffer)
                if not received:
                    raise LinkCut("the server closed the connection")
                reader.feed(buffer, 0, received)  # type: ignore[arg-type]
        except TimeoutError as error:
            raise LinkLate from error
        except (OSError, HiredisError) as error:
            raise LinkCut(_reason(error)) from error
        return replies

    def close(self) -> None:
        """Close the connection at once, without a word to the server."""
        self._socket.close()


class AsyncLink:
    """A link over asyncio streams; it belongs to the event loop that opened it."""

    __slots__ = ("_reader", "_received", "_writer")

    def __init__(self, received: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over an open pair of streams."""
        self._received = received
        self._writer = writer
        self._reader = Reader()

    @classmethod
    async def open(cls, address: Address, deadline: float) -> "AsyncLink":
        """Connect."""
        try:
            async with asyncio.timeout(remaining(deadline)):
                if address.socket_path:
                    return cls(*await asyncio.open_unix_connection(address.socket_path, limit=RECEIVE_BYTES))
                context = address.tls_context() if address.tls else None
                streams = await asyncio.open_connection(address.host, address.port, ssl=context, limit=RECEIVE_BYTES)
                _tune(streams[1].get_extra_info("socket"))
                return cls(*streams)
        except TimeoutError as error:
            raise LinkLate from error
        except OSError as error:
            raise LinkCut(_reason(error)) from error

    async def exchange(self, payload: bytes, count: int, deadline: float) -> list[object]:
        """Send packed commands and return their `count` replies."""
        try:
            async with asyncio.timeout(remaining(deadline)):
                self._writer.write(payload)
                # Replies are read while a large payload still leaves, so that neither side waits for the other.
                replies = await self._receive(count)
                await self._writer.drain()
                return replies
        except TimeoutError as error:
            raise LinkLate from error
        except (OSError, HiredisError) as error:
            raise LinkCut(_reason(error)) from error

    async def _receive(self, count: int) -> list[object]:
        replies: list[object] = []
        while len(replies) < count:
            reply = self._reader.gets()
            if reply is not False:
                replies.append(reply)
                continue
            piece = await self._received.read(RECEIVE_BYTES)
            if not piece:
                raise LinkCut("the server closed the connection")
            self._reader.feed(piece)
        return replies

    def close(self) -> None:
        """Drop the connection at once; what was not sent yet is not sent any more."""
        if not self._writer.transport.is_closing():
            self._writer.transport.abort()


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

    def give(self, link: L) -> None:
        """Keep a link that is in order for the next call."""
        if len(self._links) < self._limit:
            self._links.append(link)
        else:
            link.close()

    def flush(self) -> None:
        """Close all of them: where one link was cut, the others were too."""
        while (link := self.take()) is not None:
            link.close()

    def forget(self) -> None:
        """Let go of links that a parent process owns, in a child made by fork."""
        self._links.clear()


def _connect(address: Address, deadline: float) -> socket.socket:
    if not address.socket_path:
        connection = socket.create_connection((address.host, address.port), remaining(deadline))
    else:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(remaining(deadline))
        if address.socket_path:
            connection.connect(address.socket_path)
        else:
            _tune(connection)
        if address.tls:
            return address.tls_context().wrap_socket(connection, server_hostname=address.host)
    except BaseException:
        connection.close()
        raise
    return connection


def _tune(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
