"""History for a backfill: the events of a view, bucket by bucket of its entities, through the door of ingestion."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.admit.door import Checked, check
from diptych.admit.project import ViewEvents, project
from diptych.plan.nodes import View
from diptych.rows.values import Values

_PRIME = np.uint64(0x9E3779B97F4A7C15)


@dataclass(slots=True)
class TableHistory:
    """Histories that are tables in memory, by source; each goes through the door once."""

    tables: Mapping[str, pa.Table]
    _checked: dict[str, Checked] = field(default_factory=dict)

    def events(self, view: View, cut: int, bucket: int, buckets: int) -> ViewEvents:
        """All events of a view that were known before ``cut`` and whose entity is in a bucket."""
        source = view.source
        if source.name not in self._checked:
            self._checked[source.name] = check(source, self.tables[source.name])
        events = project(view, self._checked[source.name])
        return events_at(events, np.flatnonzero((events.known_at < cut) & in_bucket(events, bucket, buckets)))


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
