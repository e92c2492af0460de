"""Backfill: the online state of a view out of its history up to a cut, in bulk, bucket by bucket.

Each bucket holds the whole history of some entities, so memory is bounded by the size of a bucket. Folded states are
put *under* what live ingestion has appended meanwhile; ids drop the events that are in both. Buckets that are done are
remembered in the store: an interrupted backfill goes on where it stopped, and one that is done does nothing.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from diptych.admit.identity import Positions, hashed_positions
from diptych.admit.keys import entity_keys, factorise
from diptych.admit.project import ViewEvents
from diptych.compile.online import fold_sorted, pack
from diptych.ground.errors import DiptychError
from diptych.ground.instants import moment
from diptych.ground.ledger import Progress, Watcher, unwatched
from diptych.kernel.places import HEADER_SEED, HEADER_WORDS
from diptych.plan.nodes import View
from diptych.serve import documents
from diptych.serve.addresses import Addresses
from diptych.serve.appending import Target
from diptych.serve.clock import system_clock
from diptych.serve.stores.protocol import KeyValueStore, Seed, Seeded
from diptych.serve.tombstones import Graveyard

_CHUNK = 2_000
PENDING, RUNNING, DONE = "pending", "running", "done"


class BackfillError(DiptychError):
    """A backfill that cannot be done as asked."""


class History(Protocol):
    """Where a backfill finds the events of a view."""

    def events(self, view: View, cut: int, bucket: int, buckets: int) -> ViewEvents:
        """All events of a view that were known before ``cut`` and whose entity is in a bucket, in any order.

        Every entity is in exactly one of ``buckets`` buckets. Repeats may be left in: ids drop them. ``rejected``
        counts by reason the rows of the history that are no event of the view, each of them in one bucket only.
        """
        ...

    def buckets(self, view: View) -> int:
        """Into how many buckets a view's history is cut, so that one of them fits into memory."""
        ...


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a run did: buckets (of these ``resumed`` were done before), events, and the states that it seeded.

    ``merged`` states were put under live appends, ``already`` had been seeded by an earlier run; ``gone`` entities have
    no event that any window can still see, ``forgotten`` events a tombstone kept out. ``rejected`` counts by reason the
    rows of the history that were left out because the door refused them or they belong to no entity, those of buckets
    that earlier runs filled included.
    """

    buckets: int = 0
    resumed: int = 0
    events: int = 0
    seeded: int = 0
    merged: int = 0
    already: int = 0
    gone: int = 0
    forgotten: int = 0
    bytes: int = 0
    seconds: float = 0.0
    rejected: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Backfilled") -> "Backfilled":
        """The sum of two."""
        names = [name for name in self.__slots__ if name != "rejected"]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return Backfilled(**sums, rejected=dict(Counter(self.rejected) + Counter(other.rejected)))


def announce(store: KeyValueStore, addresses: Addresses, view: View) -> None:
    """Say that a version of a view waits for its history, so that nobody folds its states before that lies under them.

    To be called before ingestion first writes to that version; a version that was announced or filled already stays so.
    """
    documents.change(store, addresses.backfill(view), lambda held: None if held else {"state": PENDING})


@dataclass(frozen=True, slots=True)
class Backfill:
    """The backfill of one version of a view up to ``cut`` (microseconds).

    ``live_since`` is when ingestion began to append to that version, where that was before the cut: events known from
    then on are in the history and in the store, and their ids are kept. None: not before the cut. ``buckets`` None: as
    many as an interrupted run has begun with, else as the history says.
    """

    history: History
    store: KeyValueStore
    addresses: Addresses
    view: View
    cut: int
    buckets: int | None = None
    live_since: int | None = None

    def run(self, watch: Watcher = unwatched) -> Backfilled:
        """Fill what is not filled yet. Safe to run again after any failure, and beside ingestion.

        Raises BackfillError where that version was filled up to another cut, or where states exist that were folded
        before their history came; and the store's and the history's errors.
        """
        begun = time.monotonic()
        self._check_overlap()
        held = self._begin()
        buckets, done = int(held["buckets"]), set(held["done"])
        total = Backfilled(buckets=buckets, resumed=len(done), rejected=held.get("rejected", {}))
        target = Target.of(self.view, self.addresses)
        shut_out: list[bytes] = []
        for bucket in range(buckets):
            if bucket not in done:
                part, refused = self._fill(target, bucket, buckets)
                total, shut_out = total + part, shut_out + refused
                if not refused:
                    self._remember(bucket, part.rejected)
            seconds = time.monotonic() - begun
            watch(
                Progress(
                    f"backfill {self.view.name}",
                    "buckets",
                    bucket + 1,
                    buckets,
                    total.events,
                    total.bytes,
                    seconds,
                )
            )
        if shut_out:
            raise BackfillError(
                f"view {self.view.name!r}: {len(shut_out)} states were folded before their history came, the first is "
                f"{shut_out[0]!r}. Delete those states and backfill again; announce a view before it is written to"
            )
        self._change(lambda held: {**held, "state": DONE})
        return replace(total, seconds=time.monotonic() - begun)

    @property
    def mark(self) -> int:
        """What the header of every seeded state says of its origin; never 0."""
        text = f"{self.view.fingerprint}:{self.cut}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:7], "little") | 1

    def _check_overlap(self) -> None:
        live = self.live_since
        if live is not None and live < self.cut and self.view.source.event_id is None:
            raise BackfillError(
                f"view {self.view.name!r}: source {self.view.source.name!r} has no event_id, and its events between "
                f"{moment(live).isoformat()} and the cut {moment(self.cut).isoformat()} are in the history and in the "
                "store; nothing tells them apart. Cut where ingestion began"
            )

    def _begin(self) -> documents.Document:
        """The document of this backfill, which leaves it running: the buckets, and which of them are done."""

        def start(held: dict[str, Any] | None) -> documents.Document | None:
            if held is None or held["state"] == PENDING:
                buckets = self.buckets or self.history.buckets(self.view)
                return {"state": RUNNING, "cut": self.cut, "buckets": buckets, "done": []}
            if held["cut"] != self.cut or self.buckets not in (None, held["buckets"]):
                here = "" if self.buckets is None else f" in {self.buckets}"
                raise BackfillError(
                    f"view {self.view.name!r} {'was' if held['state'] == DONE else 'is being'} filled up to "
                    f"{moment(held['cut']).isoformat()} in {held['buckets']} buckets, not up to "
                    f"{moment(self.cut).isoformat()}{here}: go on with those, or delete its states and the "
                    f"document {self.addresses.backfill(self.view).decode()!r}"
                )
            return None

        held = documents.change(self.store, self.addresses.backfill(self.view), start)
        assert held is not None
        return held

    def _remember(self, bucket: int, rejected: Mapping[str, int]) -> None:
        def step(held: dict[str, Any]) -> dict[str, Any]:
            counts = Counter(held.get("rejected", {})) + Counter(rejected)
            return {**held, "done": sorted({*held["done"], bucket}), "rejected": dict(counts)}

        self._change(step)

    def _change(self, step: Any) -> None:
        documents.change(self.store, self.addresses.backfill(self.view), step)

    def _fill(self, target: Target, bucket: int, buckets: int) -> tuple[Backfilled, list[bytes]]:
        """What was done for one bucket, and the keys whose states shut their history out."""
        events = self.history.events(self.view, self.cut, bucket, buckets)
        grouped = _grouped(target, events, bucket)
        total = Backfilled(events=len(events.ts), rejected=dict(events.rejected))
        stones = Graveyard(self.store, self.addresses).of([self.view.entity.name])[self.view.entity.name]
        refused: list[bytes] = []
        for first in range(0, len(grouped.keys), _CHUNK):
            seeds, part = self._seeds(target, grouped.slice(first, first + _CHUNK), stones)
            answers = self.store.seed_many(seeds)
            held = [seed.key for seed, answer in zip(seeds, answers, strict=True) if answer is Seeded.ALREADY]
            foreign = self._foreign(held)
            refused += foreign
            total += replace(
                part,
                seeded=answers.count(Seeded.WRITTEN),
                merged=answers.count(Seeded.MERGED),
                already=len(held) - len(foreign),
            )
        return total, refused

    def _seeds(self, target: Target, group: "_Grouped", stones: dict[bytes, int]) -> tuple[list[Seed], Backfilled]:
        group, forgotten = group.without(stones)
        now = system_clock()
        generations = np.frombuffer(np.random.default_rng().bytes(8 * len(group.keys)), np.int64)
        folded = fold_sorted(
            target.program,
            group.records,
            group.offsets,
            now=self.cut,
            fold_lag=0,
            oldest_commit=None if self.live_since is None else self.live_since - self.view.source.dedup_window,
            generations=generations,
            seed=self.mark,
        )
        seeds, gone = [], 0
        for key, state, (newest, known) in zip(group.keys, folded.states(), group.latest(), strict=True):
            if target.life is not None and max(newest, known) + target.life <= self.cut:
                gone += 1
                continue
            seeds.append(Seed(target.prefix + key, state, target.expiry_ms(newest, max(now, self.cut))))
        return seeds, Backfilled(gone=gone, forgotten=forgotten, bytes=sum(len(seed.state) for seed in seeds))

    def _foreign(self, keys: list[bytes]) -> list[bytes]:
        """Of keys that had a header already, those that this backfill did not seed."""
        foreign = []
        for key, state in zip(keys, self.store.get_many(keys), strict=True):
            if state is not None and len(state) >= 8 * HEADER_WORDS:
                header = np.frombuffer(state, np.int64, HEADER_WORDS)
                if int(header[HEADER_SEED]) != self.mark:
                    foreign.append(key)
        return foreign


@dataclass(frozen=True, slots=True)
class _Grouped:
    """Records of entities one behind the other: those of entity i are rows ``offsets[i]`` to ``offsets[i + 1]``."""

    keys: list[bytes]
    records: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]

    def slice(self, first: int, last: int) -> "_Grouped":
        offsets = self.offsets[first : min(last, len(self.keys)) + 1]
        return _Grouped(self.keys[first:last], self.records[offsets[0] : offsets[-1]], offsets - offsets[0])

    def latest(self) -> Iterator[tuple[int, int]]:
        """Per entity, the newest ts and the newest known_at."""
        if not self.keys:
            return iter(())
        newest = np.maximum.reduceat(self.records[:, :2], self.offsets[:-1], axis=0)
        return iter([(ts, known) for ts, known in newest.tolist()])

    def without(self, stones: dict[bytes, int]) -> tuple["_Grouped", int]:
        """The group without what happened or was known before a tombstone, and how many records that were."""
        buried = [(place, stones[key]) for place, key in enumerate(self.keys) if key in stones]
        if not buried:
            return self, 0
        keep = np.ones(len(self.records), np.bool_)
        for place, instant in buried:
            begin, end = self.offsets[place], self.offsets[place + 1]
            keep[begin:end] = self.records[begin:end, :2].min(axis=1) >= instant
        sizes = [int(keep[begin:end].sum()) for begin, end in pairwise(self.offsets.tolist())]
        kept = [place for place, size in enumerate(sizes) if size]
        offsets = np.concatenate([[0], np.cumsum([sizes[place] for place in kept], dtype=np.int64)]).astype(np.int64)
        return _Grouped([self.keys[place] for place in kept], self.records[keep], offsets), int((~keep).sum())


def _grouped(target: Target, events: ViewEvents, bucket: int) -> _Grouped:
    count = len(events.ts)
    codes, first = factorise(events.key, count)
    keys = entity_keys(target.view.entity, [part.take(first) for part in events.key], len(first))
    ids = events.id_hash
    if ids is None:  # every row is an event of its own
        where = Positions("@history", np.full(count, bucket, np.int64), np.arange(count, dtype=np.int64))
        ids = hashed_positions(where)
    records = pack(target.program.layout, events.ts, events.known_at, ids, events.inputs, events.conditions)
    order = np.argsort(codes, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(first)))]).astype(np.int64)
    return _Grouped(keys, records[order], offsets)
