"""redis-py's connections to one server, taught to keep a deadline that covers every wait of a call.

redis-py connects, authenticates, selects the database, encrypts and parses. Left to itself its socket timeout starts
anew with every piece received, so that a server that answers in drops outlasts it; here each wait is given what is
left until the call's deadline. It does not retry, ping, or introduce itself (a restricted user may not do that).
"""

import time
from typing import Any

from redis._parsers import _AsyncHiredisParser, _HiredisParser
from redis.asyncio import connection as asynchronous
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ResponseError

from diptych.serve.stores.address import Address

RECEIVE_BYTES = 1 << 17


class LinkLate(TimeoutError):
    """The deadline passed on a connection. A TimeoutError, so that redis-py cleans up after it as after its own."""


def remaining(deadline: float) -> float:
    """The seconds left until `deadline` (of `time.monotonic`); `LinkLate` if none are."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise LinkLate
    return left


class Deadline:
    """The instant (of `time.monotonic`) until which a connection and its parser may wait."""

    __slots__ = ("instant",)

    def __init__(self, instant: float) -> None:
        """Begin with the deadline of connecting."""
        self.instant = instant


def _refusal(text: str) -> ResponseError:
    """The server's words, whole: redis-py itself cuts codes off, and takes some refusals for a lost connection."""
    return ResponseError(text)


class TimelyParser(_HiredisParser):
    """Waits for each piece of a reply no longer than the connection's deadline."""

    parse_error = staticmethod(_refusal)

    def on_connect(self, connection: "Timely", **more: Any) -> None:
        """Share the connection's deadline."""
        self._deadline = connection.deadline
        super().on_connect(connection, **more)  # type: ignore[no-untyped-call]

    def read_from_socket(self, *arguments: Any, **more: Any) -> Any:
        """Receive what is there, or wait for it until the deadline."""
        self._sock.settimeout(remaining(self._deadline.instant))
        return super().read_from_socket()  # type: ignore[no-untyped-call]


class Timely(AbstractConnection):
    """A blocking connection whose every wait ends at its deadline; the look-up of a host's name has none."""

    def __init__(self, deadline: Deadline, **settings: Any) -> None:
        """Prepare to connect; nothing is sent."""
        self.deadline = deadline
        super().__init__(**settings, parser_class=TimelyParser)

    @property
    def socket_connect_timeout(self) -> float:
        """What is left for connecting to one of the host's addresses."""
        return remaining(self.deadline.instant)

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, seconds: object) -> None:
        """Nothing: the deadline is in its place."""

    @property
    def socket_timeout(self) -> float:
        """What is left for the TLS handshake and for sending."""
        return remaining(self.deadline.instant)

    @socket_timeout.setter
    def socket_timeout(self, seconds: object) -> None:
        """Nothing: the deadline is in its place."""

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send until the deadline."""
        if self._sock is not None:
            self._sock.settimeout(self.socket_timeout)
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]


class TimelyTcp(Timely, Connection):
    """Over TCP."""


class TimelyTls(Timely, SSLConnection):
    """Over TLS. Each connection reads the system's trusted certificates anew, some 0.1 s that no deadline cuts."""


class TimelyUnix(Timely, UnixDomainSocketConnection):
    """Over a unix socket."""


class AsyncParser(_AsyncHiredisParser):
    """Keeps the server's words; its waits are bounded by whoever awaits it."""

    parse_error = staticmethod(_refusal)


class AsyncUnix(asynchronous.UnixDomainSocketConnection):
    """Over a unix socket, and greeting the server once: redis-py's own does it in connecting and again after it."""

    async def on_connect(self) -> None:
        """Nothing: the greeting that follows is enough."""


def blocking_connection(address: Address, deadline: Deadline) -> Timely:
    """A connection to open."""
    settings = _settings(address)
    if address.socket_path:
        return TimelyUnix(deadline, **settings)  # type: ignore[abstract]
    return TimelyTls(deadline, **settings) if address.tls else TimelyTcp(deadline, **settings)


def async_connection(address: Address) -> asynchronous.AbstractConnection:
    """A connection to open in the running loop, without any timeout of its own."""
    settings = _settings(address)
    settings |= {"parser_class": AsyncParser, "socket_timeout": None, "socket_connect_timeout": None}
    if address.socket_path:
        return AsyncUnix(**settings)
    return asynchronous.SSLConnection(**settings) if address.tls else asynchronous.Connection(**settings)


def _settings(address: Address) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "db": address.database,
        "username": address.username,
        "password": address.password,
        "socket_read_size": RECEIVE_BYTES,
        "protocol": 2,
        "driver_info": None,
    }
    if address.socket_path:
        return settings | {"path": address.socket_path}
    settings |= {"host": address.host, "port": address.port}
    if address.tls:
        settings |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **dict(address.tls_files)}
    return settings
