"""The raw rows of one entity out of a history, as the door takes them: what explanations and diagnoses look at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from diptych.admit.faults import ARRIVED_AT
from diptych.admit.project import project
from diptych.plan.nodes import View
from diptych.run.columns import stored_type
from diptych.run.engines.duckdb_open import session
from diptych.run.engines.duckdb_read import Batch, Reading, same
from diptych.run.location import Location

_ENTITY = "one_entity"
KeyPart = bool | int | float | str


@dataclass(frozen=True, slots=True)
class EntityRows:
    """``table`` has the source's columns that the view's events depend on, and ``arrived_at`` where history says it.

    Instants are int64 microseconds. ``unreadable`` rows of the whole history hold a value that cannot be read as its
    declared type; whose they are is not known. ``attributed`` is False where a part of the key is derived: rows that the
    door refuses or filters then belong to nobody, and are left out.
    """

    table: pa.Table
    unreadable: int
    attributed: bool


def entity_rows(view: View, history: Location, key: Sequence[KeyPart | None]) -> EntityRows:
    """All rows of one entity, by the parts of its key as columns hold them; a null part has none. Raises BadHistory."""
    with session(None, None, None) as connection:
        reading = Reading.of(connection, view, history)
        attributed = set(view.on) <= {field.name for field in view.source.columns}
        if None in key:
            return EntityRows(_table(reading, []), 0, attributed)
        batches = list(_batches(reading, view, key, attributed))
        return EntityRows(_table(reading, batches), reading.unreadable(), attributed)


def _batches(reading: Reading, view: View, key: Sequence[KeyPart | None], attributed: bool) -> Iterator[Batch]:
    if not view.on:
        yield from reading.batches()
    elif attributed:
        types = [part.type for part in view.entity.keys]
        names = [f"k{number}" for number in range(len(key))]
        columns = [pa.array([part], stored_type(type_)) for part, type_ in zip(key, types, strict=True)]
        reading.connection.register(_ENTITY, pa.table(columns, names=names))
        yield from reading.batches(joined=same(list(zip(view.on, names, strict=True)), _ENTITY))
    else:
        for batch in reading.batches():
            yield _chosen(reading, view, batch, key)


def _chosen(reading: Reading, view: View, batch: Batch, key: Sequence[KeyPart | None]) -> Batch:
    """The rows of a batch whose key, derived parts included, is the entity's."""
    events = project(view, reading.check(batch))
    mine = np.ones(len(events.rows), np.bool_)
    for column, part in zip(events.key, key, strict=True):
        mine &= column.data == (part.encode() if isinstance(part, str) else part)
    rows = events.rows[mine]
    arrivals = None if batch.arrived_at is None else batch.arrived_at[rows]
    return Batch(batch.table.take(pa.array(rows)), arrivals, None)


def _table(reading: Reading, batches: Sequence[Batch]) -> pa.Table:
    """The batches as one table, in an order that does not depend on how they were read."""
    batches = batches or [reading.nothing()]
    table = pa.concat_tables([batch.table for batch in batches])
    if reading.arrival:
        arrivals = [batch.arrived_at for batch in batches if batch.arrived_at is not None]
        table = table.append_column(ARRIVED_AT, pa.array(np.concatenate(arrivals)))
    order = [name for name in table.column_names if name in _leading(reading)]
    order += [name for name in table.column_names if name not in order]
    return table.sort_by([(name, "ascending") for name in order]) if order and table.num_rows else table


def _leading(reading: Reading) -> set[str | None]:
    source = reading.source
    return {source.timestamp, source.known_at, source.event_id}
