"""Where a server is and how to enter: the parts of a store's URL, with its secrets kept out of every message."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redis.connection import SSLConnection, UnixDomainSocketConnection, parse_url

from diptych.serve.stores.errors import StoreMisuse

DEFAULT_PORT = 6379
KINDRED = {"valkey": "redis", "valkeys": "rediss"}
TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
FORMS = (
    "redis://[user:password@]host[:port][/db], rediss:// (TLS), unix:///path/to/socket[?db=0], valkey://, valkeys://"
)


@dataclass(frozen=True, slots=True)
class Address:
    """One server: a unix socket, or a host and port with or without TLS; `str()` is safe to show."""

    host: str = ""
    port: int = DEFAULT_PORT
    socket_path: str = ""
    database: int = 0
    tls: bool = False
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    tls_files: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """The address without user and password."""
        if self.socket_path:
            return f"unix://{self.socket_path}" + (f"?db={self.database}" if self.database else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}/{self.database}"


def parse_address(url: str) -> Address:
    """The address in a URL of one of `FORMS`; `StoreMisuse` names the part that is wrong, never the password."""
    scheme, colon, rest = url.partition("://")
    try:
        parts: dict[str, Any] = parse_url(KINDRED.get(scheme, scheme) + colon + rest)  # type: ignore[no-untyped-call]
        split = urlsplit(url)
    except ValueError:
        raise StoreMisuse(f"the store's URL is malformed (scheme, host, port or db); known forms: {FORMS}") from None
    kind = parts.pop("connection_class", None)
    tls = kind is SSLConnection
    _check_options(set(parse_qs(split.query)), tls)
    access = {"username": parts.pop("username", None), "password": parts.pop("password", None)}
    if kind is UnixDomainSocketConnection:
        where: dict[str, Any] = {"socket_path": _socket_path(parts.pop("path", ""))}
    else:
        _check_database(split.path)
        where = {"host": parts.pop("host", "localhost"), "port": parts.pop("port", DEFAULT_PORT), "tls": tls}
    database = parts.pop("db", 0)
    _check_database(str(database))
    return Address(**where, **access, database=database, tls_files=tuple(sorted(parts.items())))


def _socket_path(path: str) -> str:
    if not path.startswith("/"):
        raise StoreMisuse("a unix:// URL needs the socket's absolute path: unix:///run/valkey/valkey.sock")
    return path


def _check_database(text: str) -> None:
    """redis-py takes a database that is no number for none at all, and would write into database 0."""
    number = text.strip("/")
    if number and not (number.isascii() and number.isdigit()):
        raise StoreMisuse("the database in the store's URL is not a number: redis://host:port/0")


def _check_options(options: set[str], tls: bool) -> None:
    """redis-py takes many more, such as timeouts and the password, which have their own place here."""
    known = ("db", *TLS_FILES) if tls else ("db",)
    unknown = sorted(options - set(known))
    if unknown:
        raise StoreMisuse(
            f"unknown option {', '.join(unknown)} in the store's URL; known here: {', '.join(known)} "
            f"({', '.join(TLS_FILES)} go with rediss://)"
        )
