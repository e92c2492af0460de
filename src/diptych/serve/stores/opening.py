"""From a setting to a store in working order: a URL names a server, no URL means the embedded one."""

from pathlib import Path

from diptych.serve.stores.address import parse_address
from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.valkey import READ_TIMEOUT, WRITE_TIMEOUT, ValkeyStore


def open_store(
    url: str | None = None,
    *,
    folder: Path | None = None,
    append_only: bool = True,
    read_timeout: float = READ_TIMEOUT,
    write_timeout: float = WRITE_TIMEOUT,
) -> ValkeyStore:
    """The store at `url` (`redis://`, `rediss://`, `unix://`, `valkey://`, `valkeys://`), checked to be fit.

    Without a URL the embedded server is started in `folder` (None: a temporary one), or joined if it runs there, and
    `close` of the store leaves it. Timeouts are in seconds. Errors: `StoreMisuse` for a malformed URL,
    `StoreUnreachable`, `StoreTimeout`, `StoreRefused` (password, rights, eviction policy, cluster mode, version).
    """
    if url is None:
        server = EmbeddedValkey(folder, append_only)
        return ValkeyStore(server.address, read_timeout=read_timeout, write_timeout=write_timeout, on_close=server.stop)
    store = ValkeyStore(parse_address(url), read_timeout=read_timeout, write_timeout=write_timeout)
    try:
        store.check_server()
    except BaseException:
        store.close()
        raise
    return store
