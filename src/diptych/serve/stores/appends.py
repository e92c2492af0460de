"""Appending: the hot path of ingestion, with the expiry rules that never remove what a window can still see."""

from collections.abc import Sequence
from typing import cast

from diptych.serve.stores.calls import TIME, Call
from diptych.serve.stores.errors import StoreMisuse

Record = tuple[bytes, bytes]

BATCH_KEYS = 700
BATCH_BYTES = 1 << 20
"""Keys and bytes of one pipeline: bounds what the server buffers, and what a cut connection puts in doubt."""
LEAST_LIFE_MS = 60_000
"""How long a key lives on whose instant of expiry has passed already: an event time must never delete it."""

# The record lands in a key whose life was prolonged before, and a key made by it has an expiry right after. GT cannot
# delete: an instant that has passed is less than the expiry of any key that lives. NX could, so it is given a time to
# live instead of an instant: however late the server comes to it, that lies in its future.
APPEND = b"*3\r\n$6\r\nAPPEND\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
PROLONG_APPEND_EXPIRE = (
    b"*4\r\n$9\r\nPEXPIREAT\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$2\r\nGT\r\n"
    + APPEND
    + b"*4\r\n$7\r\nPEXPIRE\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$2\r\nNX\r\n"
)


async def append_batches(call: Call, items: Sequence[Record], expire_at_ms: Sequence[int | None] | None) -> list[int]:
    """Append every record, records of one key together, and return the value's length after each."""
    lengths = [0] * len(items)
    start = 0
    while start < len(items):
        groups, start = _batch(items, start)
        records = [b"".join([items[index][1] for index in group]) for group in groups.values()]
        if expire_at_ms is None:
            replies = await _append(call, list(groups), records)
        else:
            expiries = [_latest([expire_at_ms[index] for index in group]) for group in groups.values()]
            replies = await _append_expiring(call, list(groups), records, expiries)
        for group, length in zip(groups.values(), replies, strict=True):
            # The records of one key lie one behind the other: their ends are reckoned back from the last.
            for index in reversed(group):
                lengths[index] = length
                length -= len(items[index][1])
    return lengths


def check_appends(items: Sequence[Record], expire_at_ms: Sequence[int | None] | None) -> None:
    """Refuse a list of instants that does not match the records."""
    if expire_at_ms is not None and len(expire_at_ms) != len(items):
        raise StoreMisuse(f"append_many got {len(items)} records and {len(expire_at_ms)} instants of expiry")


def _batch(items: Sequence[Record], start: int) -> tuple[dict[bytes, list[int]], int]:
    """The indexes of the records of one pipeline by key, from `start` on, and where the next one begins."""
    groups: dict[bytes, list[int]] = {}
    held = 0
    for index in range(start, len(items)):
        key, record = items[index]
        held += len(record)
        if index > start and (held > BATCH_BYTES or len(groups) >= BATCH_KEYS):
            return groups, index
        groups.setdefault(key, []).append(index)
    return groups, len(items)


async def _append(call: Call, keys: Sequence[bytes], records: Sequence[bytes]) -> list[int]:
    packed = [APPEND % (len(key), key, len(record), record) for key, record in zip(keys, records, strict=True)]
    replies = await call.ask(b"".join(packed), len(packed))
    call.check(replies)
    return cast(list[int], replies)


async def _append_expiring(
    call: Call, keys: Sequence[bytes], records: Sequence[bytes], expiries: Sequence[int | None]
) -> list[int]:
    now_ms = call.clock.now_ms()
    packed, places, replies_so_far = [], [], 0
    for key, record, instant in zip(keys, records, expiries, strict=True):
        width = len(key)
        if instant is None:
            packed.append(APPEND % (width, key, len(record), record))
            places.append(replies_so_far)
            replies_so_far += 1
            continue
        until, life = b"%d" % instant, b"%d" % max(instant - now_ms, LEAST_LIFE_MS)
        packed.append(
            PROLONG_APPEND_EXPIRE
            % (width, key, len(until), until, width, key, len(record), record, width, key, len(life), life)
        )
        places.append(replies_so_far + 1)
        replies_so_far += 3
    replies = await call.ask(b"".join(packed) + TIME, replies_so_far + 1)
    call.check(replies)
    call.clock.observe(replies[-1])
    return [cast(int, replies[place]) for place in places]


def _latest(instants: Sequence[int | None]) -> int | None:
    return max((instant for instant in instants if instant is not None), default=None)
