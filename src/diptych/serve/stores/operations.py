"""The store's operations as conversations over one link, the same for blocking and asyncio callers."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TypeVar, cast

from redis.exceptions import ResponseError

from diptych.serve.stores.appends import BATCH_BYTES, LEAST_LIFE_MS, append_batches, check_appends
from diptych.serve.stores.calls import Call, instant_of
from diptych.serve.stores.protocol import Committed, DocumentChange, Seed, Seeded, Swap
from diptych.serve.stores.replies import Command, pack
from diptych.serve.stores.scripts import COMPARE_AND_SET, SEED, SWAP, Script

T = TypeVar("T")
Operation = Callable[[Call], Coroutine[object, object, T]]

READ_BATCH = 4096
"""Keys of one MGET: bounds how long it holds the server, which serves one command at a time."""
BATCH_COMMANDS = 2000
"""Commands of one pipeline."""
SCAN_BATCH = 1000
GLOB_SIGNS = b"*?[]\\^-"

SEEDED = (Seeded.WRITTEN, Seeded.MERGED, Seeded.ALREADY)


def get_many(keys: Sequence[bytes]) -> Operation[list[bytes | None]]:
    """MGET, in one command up to `READ_BATCH` keys."""

    async def operation(call: Call) -> list[bytes | None]:
        if len(keys) <= READ_BATCH:
            return await _get_batch(call, keys)
        values: list[bytes | None] = []
        for start in range(0, len(keys), READ_BATCH):
            values += await _get_batch(call, keys[start : start + READ_BATCH])
        return values

    return operation


async def _get_batch(call: Call, keys: Sequence[bytes]) -> list[bytes | None]:
    if not keys:
        return []
    replies = await call.ask(pack(("MGET", *keys)), 1)
    call.check(replies)
    return cast(list[bytes | None], replies[0])


def append_many(
    items: Sequence[tuple[bytes, bytes]], expire_at_ms: Sequence[int | None] | None
) -> Operation[list[int]]:
    """Per key PEXPIREAT GT, APPEND, PEXPIRE NX, pipelined."""
    check_appends(items, expire_at_ms)

    async def operation(call: Call) -> list[int]:
        return await append_batches(call, items, expire_at_ms)

    return operation


def append_with_positions(
    items: Sequence[tuple[bytes, bytes]], expire_at_ms: Sequence[int | None] | None, position: DocumentChange
) -> Operation[Committed]:
    """Append, and after all acknowledgements move the position, over the one link.

    Not in one pipeline: a refused append (memory full) does not stop the command behind it. Not over another link
    either: behind it may be a server that restarted and lost the last appends but knows the old position.
    """
    append, move = append_many(items, expire_at_ms), compare_and_set(position)

    async def operation(call: Call) -> Committed:
        lengths = await append(call)
        return Committed(lengths, await move(call))

    return operation


def swap_many(swaps: Sequence[Swap]) -> Operation[list[bool]]:
    """The swap script, pipelined."""
    calls: list[Command] = [
        (swap.key, swap.snapshot_length, swap.generation or b"", swap.prefix_sha1 or "", swap.replacement)
        for swap in swaps
    ]

    async def operation(call: Call) -> list[bool]:
        return [reply == 1 for reply in await _run(call, SWAP, calls)]

    return operation


def seed_many(seeds: Sequence[Seed]) -> Operation[list[Seeded]]:
    """The seed script, pipelined."""
    calls: list[Command] = [
        (seed.key, seed.state, b"" if seed.expire_at_ms is None else seed.expire_at_ms, LEAST_LIFE_MS) for seed in seeds
    ]

    async def operation(call: Call) -> list[Seeded]:
        return [SEEDED[cast(int, reply)] for reply in await _run(call, SEED, calls)]

    return operation


def compare_and_set(change: DocumentChange) -> Operation[bool]:
    """The compare-and-set script."""
    expected = (0, b"") if change.expected is None else (1, change.expected)

    async def operation(call: Call) -> bool:
        return (await _run(call, COMPARE_AND_SET, [(change.key, *expected, change.value)]))[0] == 1

    return operation


def put_document(key: bytes, value: bytes) -> Operation[None]:
    """SET."""

    async def operation(call: Call) -> None:
        await call.ask_all([("SET", key, value)])

    return operation


def measure(
    command: Sequence[bytes | str], keys: Sequence[bytes], *more: bytes | int | str
) -> Operation[list[int | None]]:
    """A command that answers one integer or nothing per key, pipelined."""

    async def operation(call: Call) -> list[int | None]:
        replies = await _in_batches(call, [pack((*command, key, *more)) for key in keys])
        return cast(list[int | None], replies)

    return operation


def delete_many(keys: Sequence[bytes]) -> Operation[int]:
    """UNLINK, whose work the server does aside."""

    async def operation(call: Call) -> int:
        return sum(cast(list[int], await _in_batches(call, [pack(("UNLINK", key)) for key in keys])))

    return operation


def scan_page(prefix: bytes, cursor: bytes) -> Operation[tuple[bytes, bytes, list[bytes]]]:
    """One page of SCAN: the server process's run id, the next cursor (b"0" at the end), and keys."""
    pattern = b"".join(b"\\" + bytes([byte]) if byte in GLOB_SIGNS else bytes([byte]) for byte in prefix) + b"*"

    async def operation(call: Call) -> tuple[bytes, bytes, list[bytes]]:
        info, page = await call.ask_all([("INFO", "server"), ("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_BATCH)])
        run_id = next(line for line in cast(bytes, info).splitlines() if line.startswith(b"run_id:"))
        following, keys = cast(tuple[bytes, list[bytes]], page)
        return run_id, following, keys

    return operation


def now_us() -> Operation[int]:
    """TIME."""

    async def operation(call: Call) -> int:
        return instant_of((await call.ask_all([("TIME",)]))[0])

    return operation


async def _run(call: Call, script: Script, calls: Sequence[Command]) -> list[object]:
    """The script's replies, one per call of (key, arguments...); a server that lacks the script is given it."""
    packed = [pack(("EVALSHA", script.digest, 1, *arguments)) for arguments in calls]
    replies = await _in_batches(call, packed, tolerate="NOSCRIPT")
    unknown = [index for index, reply in enumerate(replies) if isinstance(reply, ResponseError)]
    if unknown:
        await call.ask_all([("SCRIPT", "LOAD", script.source)])
        again = await _in_batches(call, [packed[index] for index in unknown])
        for index, reply in zip(unknown, again, strict=True):
            replies[index] = reply
    return replies


async def _in_batches(call: Call, packed: Sequence[bytes], tolerate: str = "") -> list[object]:
    replies: list[object] = []
    for part in _batches([len(command) for command in packed], BATCH_COMMANDS):
        batch = packed[part]
        answers = await call.ask(b"".join(batch), len(batch))
        call.check([answer for answer in answers if not _tolerated(answer, tolerate)])
        replies += answers
    return replies


def _tolerated(answer: object, code: str) -> bool:
    return code != "" and isinstance(answer, ResponseError) and str(answer).startswith(code)


def _batches(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Slices of at most `most` elements and about `BATCH_BYTES` bytes, each of one element at least."""
    start, held = 0, 0
    for index, size in enumerate(sizes):
        if index > start and (index - start >= most or held + size > BATCH_BYTES):
            yield slice(start, index)
            start, held = index, 0
        held += size
    if start < len(sizes):
        yield slice(start, len(sizes))
