"""From admitted events to what the store appends: one block of packed records per entity, and when it may expire."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from diptych.admit.keys import entity_keys, factorise
from diptych.admit.project import ViewEvents
from diptych.compile.online.program import Program
from diptych.compile.online.records import pack
from diptych.plan.nodes import View
from diptych.serve.addresses import Addresses

LEAST_LIFE = 86_400_000_000
"""Microseconds that a key lives at least after an append: history may be replayed slower than its windows are long."""

Tombstones = dict[bytes, int]


@dataclass(frozen=True)
class Target:
    """A version of a view as ingestion sees it."""

    view: View
    program: Program
    prefix: bytes

    @classmethod
    def of(cls, view: View, addresses: Addresses) -> "Target":
        """The target of a resolved view."""
        return cls(view, Program.of(view), addresses.states(view))

    @cached_property
    def life(self) -> int | None:
        """Microseconds that an event can matter; None where some window has no tail."""
        reach = self.program.layout.reach
        return None if reach is None else reach + self.view.source.dedup_window

    def expiry_ms(self, latest: int, now: int) -> int | None:
        """When a key whose newest event is at ``latest`` may expire, later than any window needs; None: never."""
        if self.life is None:
            return None
        return (max(latest, now) + max(self.life, LEAST_LIFE)) // 1000 + 1


@dataclass(frozen=True, slots=True)
class Blocks:
    """What one batch adds to one view: keys, their records, their expiries; ``forgotten`` events were left out."""

    target: Target
    keys: list[bytes]
    records: list[bytes]
    expire_at_ms: list[int | None]
    events: int
    forgotten: int

    @property
    def bytes(self) -> int:
        """Bytes of records."""
        return sum(map(len, self.records))


def blocks_of(target: Target, events: ViewEvents, now: int, tombstones: Tombstones) -> Blocks:
    """The blocks of a view's events, records of one entity together; ``now`` is microseconds of the server's clock."""
    assert events.id_hash is not None, "an event without an identity cannot be told from its repeat"
    count = len(events.ts)
    if count == 0:
        return Blocks(target, [], [], [], 0, 0)
    codes, first = factorise(events.key, count)
    keys = entity_keys(target.view.entity, [part.take(first) for part in events.key], len(first))
    kept = _unforgotten(events, codes, keys, tombstones) if tombstones else None
    records = pack(target.program.layout, events.ts, events.known_at, events.id_hash, events.inputs, events.conditions)
    order = np.argsort(codes, kind="stable") if kept is None else kept[np.argsort(codes[kept], kind="stable")]
    if len(order) == 0:
        return Blocks(target, [], [], [], 0, count)
    owners = codes[order]
    starts = np.flatnonzero(np.concatenate([[True], owners[1:] != owners[:-1]]))
    width = target.program.layout.record_bytes
    block = records[order].tobytes()
    edges = [*(starts * width).tolist(), len(block)]
    latest = np.maximum.reduceat(events.ts[order], starts)
    prefix = target.prefix
    return Blocks(
        target=target,
        keys=[prefix + keys[code] for code in owners[starts].tolist()],
        records=[block[begin:end] for begin, end in pairwise(edges)],
        expire_at_ms=_expiries(target, latest, now),
        events=len(order),
        forgotten=count - len(order),
    )


def _expiries(target: Target, latest: npt.NDArray[np.int64], now: int) -> list[int | None]:
    if target.life is None:
        return [None] * len(latest)
    return [target.expiry_ms(ts, now) for ts in latest.tolist()]


def _unforgotten(
    events: ViewEvents, codes: npt.NDArray[np.int64], keys: list[bytes], tombstones: Tombstones
) -> npt.NDArray[np.int64] | None:
    """The events that no tombstone covers: those that neither happened nor were known before it. None: all."""
    forgotten = [(code, tombstones[key]) for code, key in enumerate(keys) if key in tombstones]
    if not forgotten:
        return None
    limit = np.full(len(keys), np.iinfo(np.int64).min)
    for code, instant in forgotten:
        limit[code] = instant
    known = np.minimum(events.ts, events.known_at)
    return np.flatnonzero(known >= limit[codes])
