"""Where a server is and how to enter: the parts of a store's URL, with its secrets kept out of every message."""

import ssl
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from diptych.serve.stores.errors import StoreMisuse

DEFAULT_PORT = 6379
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

    def tls_context(self) -> ssl.SSLContext:
        """A context that verifies the server's certificate and name."""
        files = dict(self.tls_files)
        context = ssl.create_default_context(cafile=files.get("ssl_ca_certs"))
        if "ssl_certfile" in files:
            context.load_cert_chain(files["ssl_certfile"], files.get("ssl_keyfile"))
        return context


def parse_address(url: str) -> Address:
    """The address in a URL of one of `FORMS`; `StoreMisuse` names the part that is wrong, never the password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise StoreMisuse(f"the store's URL is malformed (host or port); known forms: {FORMS}") from None
    options = _options(parts)
    database = _database(parts, options)
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    tls_files = tuple((name, options[name]) for name in TLS_FILES if name in options)
    match parts.scheme:
        case "unix":
            path = unquote(parts.path)
            if not path.startswith("/"):
                raise StoreMisuse("a unix:// URL needs the socket's absolute path: unix:///run/valkey/valkey.sock")
            return Address(socket_path=path, database=database, username=username, password=password)
        case "redis" | "rediss" | "valkey" | "valkeys":
            return Address(
                host=parts.hostname or "localhost",
                port=port or DEFAULT_PORT,
                database=database,
                tls=parts.scheme in ("rediss", "valkeys"),
                username=username,
                password=password,
                tls_files=tls_files,
            )
        case _:
            raise StoreMisuse(f"the store's URL begins with {parts.scheme!r}, which is not known; known forms: {FORMS}")


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query))
    unknown = sorted(set(options) - {"db", *TLS_FILES})
    if unknown:
        raise StoreMisuse(f"unknown option {', '.join(unknown)} in the store's URL; known: db, {', '.join(TLS_FILES)}")
    return options


def _database(parts: SplitResult, options: dict[str, str]) -> int:
    in_path = "" if parts.scheme == "unix" else parts.path.strip("/")
    text = options.get("db", in_path or "0")
    if not (text.isascii() and text.isdigit()):
        raise StoreMisuse("the database in the store's URL is not a number: redis://host:port/0")
    return int(text)
