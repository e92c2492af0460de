"""The process that keeps an embedded server alive for as long as anyone uses it, and not a moment longer.

Run by path with the plain interpreter, so it imports the standard library alone. Usage is told by file locks,
which the kernel releases however a process dies: every user holds a shared lock on `users.lock`; when this process can
take it exclusively, nobody is left. It and its server hold `server.lock`, so that a folder never has two servers.

    keeper.py FOLDER DISCARD BINARY ARGUMENTS...      DISCARD: 1 to remove the folder in the end, else 0
"""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 30.0
PR_SET_PDEATHSIG = 1


def main(folder: Path, discard: bool, command: list[str]) -> int:
    """Run the server until it ends or the last user is gone; its exit code, or 0."""
    server_lock = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    if not lock(server_lock):
        return 0
    users_lock = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    signal.signal(signal.SIGTERM, _leave)
    with open(folder / "valkey.log", "ab") as log:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(server_lock,),
            preexec_fn=die_with_parent,
        )
    try:
        while server.poll() is None:
            if lock(users_lock):
                stop(server)
                if discard:
                    shutil.rmtree(folder, ignore_errors=True)
                return 0
            time.sleep(POLL_SECONDS)
    finally:
        stop(server)
    return server.returncode


def lock(descriptor: int) -> bool:
    """Take the exclusive lock if nobody holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server in order, or after a while by force (a stopped process does not hear SIGTERM)."""
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def die_with_parent() -> None:
    """On Linux the kernel ends the server when its keeper is killed; elsewhere the lock still guards the folder."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] == "1", sys.argv[3:]))
