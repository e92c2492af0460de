"""History for a backfill: the events of a view, bucket by bucket of its entities, through the door of ingestion."""

from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.admit.door import Checked, check
from diptych.admit.project import ViewEvents, project
from diptych.plan.nodes import Source, View
from diptych.rows.values import Values, concatenate
from diptych.run.engines.duckdb_open import session
from diptych.run.engines.duckdb_read import Reading, spread
from diptych.run.errors import BadHistory
from diptych.run.location import Location

BUCKET_ROWS = 1 << 19
"""Rows of a history for one bucket of its entities, so that the events of one take some hundred megabytes at most."""
MOST_BUCKETS = 1024

_PRIME = np.uint64(0x9E3779B97F4A7C15)


@dataclass(slots=True)
class TableHistory:
    """Histories that are tables in memory, by source; each goes through the door once."""

    tables: Mapping[str, pa.Table]
    _checked: dict[str, Checked] = field(default_factory=dict)

    def buckets(self, view: View) -> int:
        """As many as the rows ask for."""
        return buckets_of(self.tables[view.source.name].num_rows)

    def events(self, view: View, cut: int, bucket: int, buckets: int) -> ViewEvents:
        """All events of a view that were known before ``cut`` and whose entity is in a bucket."""
        source = view.source
        if source.name not in self._checked:
            self._checked[source.name] = check(source, self.tables[source.name])
        checked = self._checked[source.name]
        events = project(view, checked)
        rejected = dict(Counter(checked.rejected) + Counter(events.rejected)) if bucket == 0 else {}
        mine = np.flatnonzero((events.known_at < cut) & in_bucket(events, bucket, buckets))
        return replace(events_at(events, mine), rejected=rejected)


@dataclass(slots=True)
class LocatedHistory:
    """Histories where they lie, by source: each bucket of a view is one scan, so memory is that of a bucket.

    A history that is one bucket is kept for the next view of its source: make a new one to see what was added since.
    Where a part of the key is derived, each bucket's scan passes the whole history through the door. ``memory_limit``
    (as DuckDB spells it), ``threads`` and ``temp_directory`` are for the scans.
    """

    locations: Mapping[str, Location]
    memory_limit: str | None = None
    threads: int | None = None
    temp_directory: str | None = None
    _held: "_Held | None" = None

    def buckets(self, view: View) -> int:
        """As many as the rows of the history ask for, counted without reading them where their files say it."""
        with self._session() as connection:
            reading = Reading.whole(connection, view.source, self._location(view))
            return buckets_of(reading.rows())

    def events(self, view: View, cut: int, bucket: int, buckets: int) -> ViewEvents:
        """All events of a view that were known before ``cut`` and whose entity is in a bucket. Raises BadHistory."""
        if buckets == 1:
            return self._of_whole(view, cut)
        counts: Counter[str] = Counter()
        divided = bool(view.on) and set(view.on) <= {column.name for column in view.source.columns}
        parts = []
        with self._session() as connection:
            reading = Reading.of(connection, view, self._location(view))
            where = f"{spread(view.on, buckets)} = {bucket}" if divided else ""
            for batch in reading.batches(where=where):
                checked = reading.check(batch)
                events = project(view, checked)
                if divided or bucket == 0:  # else another bucket has counted them
                    counts.update(checked.rejected)
                    counts.update(events.rejected)
                known = events.known_at < cut
                parts.append(
                    events_at(events, np.flatnonzero(known if divided else known & in_bucket(events, bucket, buckets)))
                )
            if bucket == 0:
                counts.update({"type": reading.unreadable()})
            return _joined(parts or [_no_events(view, reading)], counts)

    def _of_whole(self, view: View, cut: int) -> ViewEvents:
        """The events of a history that is one bucket, which the views of a source take from one scan."""
        if self._held is None or self._held.source != view.source:
            self._held = None  # before the next is read, so that never two are in memory
            with self._session() as connection:
                reading = Reading.whole(connection, view.source, self._location(view))
                whole = [reading.check(batch) for batch in reading.batches()]
                self._held = _Held(view.source, whole or [reading.check(reading.nothing())], reading.unreadable())
        counts = Counter({"type": self._held.unreadable})
        parts = []
        for checked in self._held.checked:
            events = project(view, checked)
            counts.update(checked.rejected)
            counts.update(events.rejected)
            parts.append(events_at(events, np.flatnonzero(events.known_at < cut)))
        return _joined(parts, counts)

    def _session(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return session(self.memory_limit, self.threads, self.temp_directory)

    def _location(self, view: View) -> Location:
        source = view.source.name
        if source not in self.locations:
            known = ", ".join(sorted(self.locations)) or "none"
            raise BadHistory(f"no history is known for source {source!r}; known are: {known}; name it in diptych.toml")
        return self.locations[source]


@dataclass(frozen=True, slots=True)
class _Held:
    """A source's history that is one bucket, past the door: its batches, and how many rows could not be read."""

    source: Source
    checked: list[Checked]
    unreadable: int


def buckets_of(rows: int) -> int:
    """The number of buckets for a history of so many rows."""
    return min(MOST_BUCKETS, -(-max(rows, 1) // BUCKET_ROWS))


def _no_events(view: View, reading: Reading) -> ViewEvents:
    return project(view, reading.check(reading.nothing()))


def _joined(parts: list[ViewEvents], rejected: Mapping[str, int]) -> ViewEvents:
    """Events of several batches as one; ``rows`` and ``refused`` are places in no batch and left empty."""
    id_hashes = [part.id_hash for part in parts if part.id_hash is not None]
    none = np.empty(0, np.int64)
    return ViewEvents(
        rows=none,
        key=tuple(map(concatenate, zip(*(part.key for part in parts), strict=True))),
        ts=np.concatenate([part.ts for part in parts]),
        known_at=np.concatenate([part.known_at for part in parts]),
        id_hash=np.concatenate(id_hashes) if id_hashes else None,
        inputs=tuple(map(concatenate, zip(*(part.inputs for part in parts), strict=True))),
        conditions=tuple(map(np.concatenate, zip(*(part.conditions for part in parts), strict=True))),
        rejected={reason: count for reason, count in rejected.items() if count},
        refused=none,
    )


def in_bucket(events: ViewEvents, bucket: int, buckets: int) -> npt.NDArray[np.bool_]:
    """Which events belong to the entities of one bucket, by a hash of the key's values."""
    spread = np.zeros(len(events.ts), np.uint64)
    for part in events.key:
        for word in _words(part):
            spread = (spread ^ word) * _PRIME
            spread ^= spread >> np.uint64(29)
    chosen: npt.NDArray[np.bool_] = spread % np.uint64(buckets) == np.uint64(bucket)
    return chosen


def events_at(events: ViewEvents, rows: npt.NDArray[np.int64]) -> ViewEvents:
    """The events at some places."""
    return replace(
        events,
        rows=events.rows[rows],
        key=tuple(part.take(rows) for part in events.key),
        ts=events.ts[rows],
        known_at=events.known_at[rows],
        id_hash=None if events.id_hash is None else events.id_hash[rows],
        inputs=tuple(column.take(rows) for column in events.inputs),
        conditions=tuple(condition[rows] for condition in events.conditions),
    )


def _words(part: Values) -> list[npt.NDArray[np.uint64]]:
    """The data of a key part as 64-bit words, a column each."""
    data = np.ascontiguousarray(part.data)
    if data.dtype.kind != "S":
        return [data.astype(np.int64).view(np.uint64)]
    width = -(-data.dtype.itemsize // 8)
    return list(np.ascontiguousarray(data.astype(f"S{8 * width}")).view(np.uint64).reshape(len(data), width).T)
