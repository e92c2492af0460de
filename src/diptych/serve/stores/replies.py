"""Commands into bytes, and the server's refusals into errors that say what to do."""

from collections.abc import Iterable, Sequence
from typing import NoReturn

from hiredis import pack_command
from redis.exceptions import ResponseError

from diptych.serve.stores.errors import StoreError, StoreRefused, StoreUnreachable

Part = bytes | int | str
Command = tuple[Part, ...]

NO_CLUSTER = "it runs in cluster mode, which this store does not serve: use a server without it"
REMEDIES = {
    "NOAUTH": "the server wants a password: put it into the store's URL (redis://user:password@host)",
    "WRONGPASS": "the user or password in the store's URL is wrong",
    "NOPERM": "the user of the store's URL lacks this right: grant it (ACL SETUSER)",
    "OOM": "the server's memory is full: raise maxmemory, or remove versions no longer served",
    "MISCONF": "the server cannot write its snapshot and refuses writes: see its log, free its disk",
    "READONLY": "this is a replica: point the store's URL at the primary",
    "WRONGTYPE": "a key of this name holds another type: another program uses it; choose another project or database",
    "NOREPLICAS": "too few replicas are connected for min-replicas-to-write: bring them up",
    "MOVED": NO_CLUSTER,
    "CROSSSLOT": NO_CLUSTER,
    "CLUSTERDOWN": NO_CLUSTER,
    "DENIED": "the server is in protected mode: set a password on it, or connect over its unix socket",
}
NOT_READY = {
    "LOADING": "the server is still loading its data: try again in a moment",
    "MASTERDOWN": "the server is a replica that has lost its primary: point the store's URL at the primary",
    "BUSY": "the server is busy with a long script: try again, or end it (SCRIPT KILL)",
    "TRYAGAIN": "the server is moving keys: try again in a moment",
}


def pack(command: Command) -> bytes:
    """One command in the wire format."""
    return pack_command(command)  # type: ignore[no-any-return, arg-type]


def pack_all(commands: Iterable[Command]) -> bytes:
    """Many commands in one piece."""
    return b"".join([pack(command) for command in commands])


def refusal(error: ResponseError, where: str, doing: str) -> StoreError:
    """The error for a server's refusal; `doing` says which operation it refused."""
    text = str(error)
    code = text.split(" ", 1)[0]
    if code in NOT_READY:
        return StoreUnreachable(f"{where} cannot {doing} now ({text}): {NOT_READY[code]}")
    if text.startswith("ERR max number of clients"):
        return StoreUnreachable(f"{where} cannot {doing} now ({text}): raise maxclients, or use fewer processes")
    remedy = REMEDIES.get(code, "see the server's log")
    return StoreRefused(f"{where} refused to {doing} ({text}): {remedy}")


def raise_refused(replies: Sequence[object], where: str, doing: str) -> None:
    """Raise for the first refusal among the replies to a pipeline, and count the refusals."""
    refused = [reply for reply in replies if isinstance(reply, ResponseError)]
    if refused:
        count = f" ({len(refused)} of {len(replies)} commands were refused; the others were done)"
        _raise(refused[0], where, doing + (count if len(replies) > 1 else ""))


def _raise(error: ResponseError, where: str, doing: str) -> NoReturn:
    raise refusal(error, where, doing) from None
