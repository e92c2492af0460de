"""The log's own side: sampled requests become tables, tables become segments; what cannot be written is counted."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from diptych.plan.nodes import Registry
from diptych.serve.addresses import Addresses
from diptych.serve.plans import ServicePlan
from diptych.serve.requestlog.columns import Rest, Tables
from diptych.serve.requestlog.counting import Counted, Counting
from diptych.serve.requestlog.hashing import KeyedHash
from diptych.serve.requestlog.noted import Noted
from diptych.serve.requestlog.positions import PositionReader
from diptych.serve.requestlog.schema import Described
from diptych.serve.requestlog.segments import Segments

_PREPARED = 256
"""Services whose logs are kept ready; past that the least is remembered anew."""

Write = Callable[[Segments, int, pa.Table], int]


@dataclass(frozen=True, slots=True)
class Rolling:
    """When a file ends: after so many rows, so many seconds, or so many bytes of memory of all that waits for it."""

    rows: int = 50_000
    seconds: float = 60.0
    bytes: int = 64 << 20


@dataclass(slots=True)
class _Open:
    """What was decoded for one service and lies in no file yet."""

    tables: Tables
    segments: Segments
    parts: list[pa.Table] = field(default_factory=list)
    rows: int = 0
    requests: int = 0
    bytes: int = 0
    since: float = 0.0

    def add(self, table: pa.Table, requests: int, now: float) -> None:
        if not self.parts:
            self.since = now
        self.parts.append(table)
        self.rows += table.num_rows
        self.requests += requests
        self.bytes += table.nbytes

    def clear(self) -> None:
        self.parts, self.rows, self.requests, self.bytes = [], 0, 0, 0


@dataclass(slots=True)
class Writer:
    """Turns sampled requests into files of one process; one thread at a time may use it.

    ``words`` are what every file says of the log besides: how it was sampled and hashed.
    """

    root: Path
    addresses: Addresses
    rolling: Rolling
    words: Mapping[str, Any]
    hashed: frozenset[str]
    hashing: KeyedHash | None
    positions: PositionReader
    counting: Counting
    counted: Callable[[], Counted]
    name: str
    rest: Rest
    write: Write = Segments.write
    clock: Callable[[], float] = time.monotonic
    _open: dict[str, _Open] = field(default_factory=dict)
    _of_plan: dict[int, tuple[ServicePlan, _Open]] = field(default_factory=dict)
    _number: int = 0

    def take(self, noted: Iterable[Noted]) -> None:
        """Decode requests; those of a service that cannot be decoded are counted as lost."""
        by_plan: dict[int, list[Noted]] = {}
        for note in noted:
            by_plan.setdefault(id(note.plan), []).append(note)
        for group in by_plan.values():
            try:
                opened = self._opened(group[0].plan)
                opened.add(opened.tables.of(group), len(group), self.clock())
            except Exception as error:
                self.counting.drop("error", len(group), error)

    def roll(self, *, all_of_it: bool = False) -> None:
        """Write what is due: by rows, by age, or because too much waits in memory."""
        now = self.clock()
        for opened in list(self._open.values()):
            due = opened.rows >= self.rolling.rows or now - opened.since >= self.rolling.seconds
            if opened.rows and (due or all_of_it):
                self._finish(opened)
        while self._bytes > self.rolling.bytes:
            self._finish(max(self._open.values(), key=lambda opened: opened.bytes), last_chance=True)

    @property
    def _bytes(self) -> int:
        return sum(opened.bytes for opened in self._open.values())

    def _finish(self, opened: _Open, *, last_chance: bool = False) -> None:
        """Write a segment. One that cannot be written is tried again, until memory is needed."""
        words = {**self.words, **opened.tables.described.words(), "counted": self.counted().to_dict()}
        schema = opened.tables.described.schema(tuple(self.hashed), words)
        try:
            table = pa.concat_tables(opened.parts).cast(schema)
            size = self.write(opened.segments, self._number, table)
        except Exception as error:
            self.counting.blame(error)
            if last_chance:
                self.counting.drop("disk", opened.requests, error)
                opened.clear()
            else:
                opened.since = self.clock()
            return
        self._number += 1
        self.counting.add(written=opened.requests, rows=opened.rows, segments=1, bytes=size)
        opened.clear()

    def give_up(self) -> None:
        """Count what could not be written to the end as lost."""
        for opened in self._open.values():
            if opened.requests:
                self.counting.drop("disk", opened.requests)
                opened.clear()

    def _opened(self, plan: ServicePlan) -> _Open:
        known = self._of_plan.get(id(plan))
        if known is None:
            if len(self._of_plan) >= _PREPARED:
                self._of_plan.clear()
            known = self._of_plan[id(plan)] = (plan, self._open_for(plan))
        return known[1]

    def _open_for(self, plan: ServicePlan) -> _Open:
        views = tuple(view.program.view for view in plan.views)
        described = Described.of(Registry(self.addresses.project, (), (), views, ()), plan.service)
        if described.folder not in self._open:
            hashed = self.hashed & set(described.request)
            tables = Tables(described, hashed, self.hashing, self.positions, self.rest)
            self._open[described.folder] = _Open(tables, Segments(self.root, described, self.name))
        return self._open[described.folder]


def chunks(noted: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    """Things in order, so many at a time."""
    return (noted[start : start + size] for start in range(0, len(noted), size))
