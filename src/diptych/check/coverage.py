"""How hard a comparison was: the shares of compared values that a simpler, wrong rule would have answered otherwise.

Each share is found by asking offline once more with one thing changed: the instant moved by a microsecond (a value
on a boundary changes), every event known when it happened, every delivery an event of its own. A comparison in which
such a share is zero proves nothing about that rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.check import offline
from diptych.check.compare import differing
from diptych.check.deliveries import Deliveries, instants_of
from diptych.check.offline import Column
from diptych.ground.expression import columns_of
from diptych.plan.nodes import REQUEST_TIME, Registry, Service
from diptych.run.engine import OfflineEngine


@dataclass(frozen=True, slots=True)
class Shares:
    """Of ``values`` compared values, how many hold something, and how many each simpler rule would have changed."""

    values: int = 0
    present: int = 0
    boundary: int = 0
    known_at: int = 0
    duplicates: int = 0

    def __add__(self, other: "Shares") -> "Shares":
        """The sum of two."""
        return Shares(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def share(self, name: str) -> float:
        """One count as a share of all values."""
        return float(getattr(self, name)) / self.values if self.values else 0.0

    def to_dict(self) -> dict[str, float]:
        """The shares by name."""
        return {name: self.share(name) for name in ("present", "boundary", "known_at", "duplicates")}


def shares(
    registry: Registry,
    service: Service,
    requests: pa.Table,
    instants: npt.NDArray[np.int64],
    deliveries: Mapping[str, Deliveries],
    columns: Mapping[str, Column],
    engine: OfflineEngine,
) -> Shares:
    """The shares of one service's answers; ``columns`` are the offline answers by the right rules."""
    histories = {name: delivered.table for name, delivered in deliveries.items()}
    at_once = {name: _known_at_once(delivered) for name, delivered in deliveries.items()}
    anonymous = _without_ids(registry)

    def changed(in_registry: Registry, tables: Mapping[str, pa.Table], at: npt.NDArray[np.int64]) -> dict[str, Column]:
        # With evidence a window that overflows is null, as it is online; without, it would end the comparison.
        return offline.answers(in_registry, service, requests, at, tables, engine)

    earlier, later = changed(registry, histories, instants - 1), changed(registry, histories, instants + 1)
    boundary = 0
    for name, column in columns.items():
        if REQUEST_TIME not in set(columns_of(column.feature.finish)):
            boundary += int((_differ(column, earlier[name]) | _differ(column, later[name])).sum())
    return Shares(
        values=sum(len(column.values) for column in columns.values()),
        present=sum(int(column.occupied.sum()) for column in columns.values() if column.occupied is not None),
        boundary=boundary,
        known_at=_count(columns, changed(registry, at_once, instants)),
        duplicates=_count(columns, changed(anonymous, histories, instants)),
    )


def _count(columns: Mapping[str, Column], others: Mapping[str, Column]) -> int:
    return sum(int(_differ(column, others[name]).sum()) for name, column in columns.items())


def _differ(column: Column, other: Column) -> npt.NDArray[np.bool_]:
    return differing(column.feature, column.values, other.values, column.magnitude)


def _without_ids(registry: Registry) -> Registry:
    """The registry in which every delivery is an event of its own."""
    views = tuple(replace(view, source=replace(view.source, event_id=None)) for view in registry.views)
    return replace(registry, views=views)


def _known_at_once(delivered: Deliveries) -> pa.Table:
    """The deliveries as if the first of every event had arrived when it happened, its repeats as long after that."""
    source, table = delivered.source, delivered.table
    if source.timestamp is None or source.known_at is None:
        return table
    ts = instants_of(table, source.timestamp)
    first = delivered.known_at
    if source.event_id is not None:
        ids = table[source.event_id].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
        order = np.argsort(
            ids, kind="stable"
        )  # deliveries are in order of arrival, so the first of each id comes first
        begins = np.concatenate([[True], ids[order][1:] != ids[order][:-1]])
        heads = order[begins][np.cumsum(begins) - 1]
        first = np.empty(len(ids), np.int64)
        first[order] = delivered.known_at[heads]
    known = pa.array(ts + delivered.known_at - first).cast(pa.timestamp("us", "UTC"))
    return table.set_column(table.column_names.index(source.known_at), source.known_at, known)
