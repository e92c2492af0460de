"""The rows of one entity out of a history in memory, as the judge takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from diptych.check.causes import Key, Row
from diptych.plan.nodes import View

KEPT = 64
"""Entities whose rows are kept as Python has them; the oldest go first."""


@dataclass(slots=True)
class Past:
    """Histories by source; ``of`` one entity is found by a pass over the key's columns."""

    tables: Mapping[str, pa.Table]
    _kept: dict[tuple[str, Key], Sequence[Row]] = field(default_factory=dict)

    def of(self, view: View, key: Key) -> Sequence[Row]:
        """The rows of one entity of a view; where a part of the key is derived, all rows that might be its."""
        name = (view.name, key)
        if name not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            rows = of_entity(view, self.tables[view.source.name], key)
            self._kept[name] = _plain(rows, view.source.timestamp).to_pylist()
        return self._kept[name]


def _plain(rows: pa.Table, time: str | None) -> pa.Table:
    """The rows in order of time, with instants as int64 microseconds: Python has those many times sooner."""
    for place, column in enumerate(rows.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit != "ns":
            instants = rows[column.name].cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
            rows = rows.set_column(place, column.name, instants)
    return rows.sort_by(time) if time in rows.column_names else rows


def of_entity(view: View, history: pa.Table, key: Sequence[Any]) -> pa.Table:
    """The rows of one entity, by those parts of its key that are columns of the history; none where one is null."""
    mask: Any = None
    for column, part in zip(view.on, key, strict=True):
        if part is None:
            return history.slice(0, 0)
        if column not in history.column_names:
            continue
        same = pc.equal(history[column], pa.scalar(part, history[column].type))
        mask = same if mask is None else pc.and_(mask, same)
    return history if mask is None else history.filter(mask)
