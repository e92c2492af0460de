"""From a history to deliveries: when each event reached the store, late ones and repeated ones included, by seed.

History that declares a ``known_at`` keeps it. Where it declares none, every event gets an arrival of its own: at its
timestamp, or, for a seeded share, later. A seeded share of the events that carry an id is delivered again, within the
source's ``dedup_window`` (the same event) or beyond it (a new one). All that is injected is counted, so that a report
can label it.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from diptych.admit.door import says_arrival
from diptych.ground.instants import HOUR, MINUTE, SECOND
from diptych.ground.values import Timestamp
from diptych.plan.fingerprint import stamped
from diptych.plan.nodes import Field, Registry, Source

ARRIVAL = "arrived_at"
"""The column that says when an event was known, added to sources that declare none."""


@dataclass(frozen=True, slots=True)
class Injection:
    """Shares of events that are made late or delivered again; ``seed`` makes them reproducible."""

    seed: int = 0
    late: float = 0.05
    repeated: float = 0.02
    repeated_beyond: float = 0.002


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What reaches the store of one source, ordered by arrival: the source as simulated, and what was injected."""

    source: Source
    table: pa.Table
    known_at: npt.NDArray[np.int64]
    late: int
    repeated: int
    repeated_beyond: int

    def until(self, instant_us: int) -> "Deliveries":
        """Only what was known before an instant."""
        if self.source.timestamp is None:
            return self
        last = int(np.searchsorted(self.known_at, instant_us))
        return replace(self, table=self.table.slice(0, last), known_at=self.known_at[:last])

    def between(self, start: int, end: int) -> pa.Table:
        """The deliveries with ``start <= known_at < end``."""
        first, last = np.searchsorted(self.known_at, [start, end])
        return self.table.slice(int(first), int(last - first))


def recorded(registry: Registry) -> Registry:
    """The registry as a simulation needs it: every stream of events says when each became known."""
    sources = {source.name: _recorded(source) for source in registry.sources}
    views = tuple(stamped(replace(view, source=sources[view.source.name])) for view in registry.views)
    return replace(registry, sources=tuple(sources.values()), views=views)


def _recorded(source: Source) -> Source:
    if source.timestamp is None or source.known_at is not None:
        return source
    name = ARRIVAL
    taken = {column.name for column in source.columns} | {name for name, _ in source.derive}
    while name in taken:
        name = f"{name}_"
    return replace(source, known_at=name, columns=(*source.columns, Field(name, Timestamp(nullable=False))))


def deliver(source: Source, table: pa.Table, injection: Injection) -> Deliveries:
    """Deliveries of a *recorded* source's history ``table``, in which the arrival column may still be missing."""
    if source.timestamp is None:
        return Deliveries(source, table, np.full(len(table), np.iinfo(np.int64).min), 0, 0, 0)
    assert source.known_at is not None
    rng = np.random.default_rng([injection.seed, *source.name.encode()])
    late = 0
    table = _said(source, table)
    if source.known_at not in table.column_names:
        known = instants_of(table, source.timestamp)
        delayed = rng.random(len(table)) < injection.late
        late = int(delayed.sum())
        known = known + np.where(delayed, rng.integers(1, 30 * MINUTE, len(table)), 0)
        table = table.append_column(source.known_at, _column(known))
    else:
        known = instants_of(table, source.known_at)
    if source.event_id is None:
        return _in_order(source, table, known, late, 0, 0)
    within = np.flatnonzero(rng.random(len(table)) < injection.repeated)
    beyond = np.flatnonzero(rng.random(len(table)) < injection.repeated_beyond)
    again = np.concatenate([within, beyond])
    gaps = np.concatenate(
        [
            rng.integers(0, source.dedup_window + 1, len(within)),
            source.dedup_window + rng.integers(SECOND, 2 * HOUR, len(beyond)),
        ]
    )
    copies = table.take(pa.array(again))
    place = table.column_names.index(source.known_at)
    copies = copies.set_column(
        place, source.known_at, _column(known[again] + gaps).cast(table.schema.field(place).type)
    )
    both = pa.concat_tables([table, copies])
    return _in_order(source, both, np.concatenate([known, known[again] + gaps]), late, len(within), len(beyond))


def _said(source: Source, table: pa.Table) -> pa.Table:
    """History that says when its rows arrived: that is when they are delivered, whatever the declared column says.

    Rows that do not say it keep what is declared, or else their own time.
    """
    if ARRIVAL not in table.column_names or (
        source.known_at != ARRIVAL and not says_arrival(source, table.column_names)
    ):
        return table
    assert source.known_at is not None
    assert source.timestamp is not None
    declared = source.known_at if source.known_at != ARRIVAL else source.timestamp
    told = _microseconds(table, ARRIVAL)
    known = pc.coalesce(told, _microseconds(table, declared)) if declared in table.column_names else told
    table = table.drop_columns([name for name in {ARRIVAL, source.known_at} if name in table.column_names])
    return table.append_column(source.known_at, known.cast(pa.timestamp("us", "UTC")))


def _in_order(
    source: Source, table: pa.Table, known: npt.NDArray[np.int64], late: int, repeated: int, beyond: int
) -> Deliveries:
    order = np.argsort(known, kind="stable")
    return Deliveries(source, table.take(pa.array(order)), known[order], late, repeated, beyond)


def instants_of(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """A column of timestamps as int64 microseconds, 0 where null; a naive one is UTC."""
    return np.asarray(_microseconds(table, name).fill_null(0).to_numpy())


def _microseconds(table: pa.Table, name: str) -> pa.ChunkedArray:
    column = table[name]
    if pa.types.is_integer(column.type):
        return column
    return column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())


def _column(instants: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(instants).cast(pa.timestamp("us", "UTC"))
