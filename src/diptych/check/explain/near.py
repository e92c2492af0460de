"""From an entity's rows to those that can matter for a feature at an instant, before Python looks at them one by one."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from diptych.check.explain.asking import History, reads
from diptych.ground.instants import MINUTE
from diptych.plan.nodes import View
from diptych.reference import ARRIVED_AT, door
from diptych.reference.judge import tail
from diptych.rows.python import rows_of
from diptych.run.entity import EntityRows

ALL_ROWS = 5_000
"""Entities of up to so many rows are looked at whole."""
WITNESSES = 5
"""How many of the rows that are left out are looked at, to know whether the entity had been seen at all."""
Mask = npt.NDArray[np.bool_]


def history_of(view: View, feature: str, t: int, found: EntityRows) -> History:
    """The rows of an entity that an explanation of a feature at ``t`` looks at.

    Of a long history it leaves out what happened well before every window of the feature, and what both happened and
    became known well after ``t``; but never a copy of an event that it keeps.
    """
    notes = _notes(view, found)
    table, source = found.table, view.source
    declared = next(each for each in view.features if each.name == feature)
    windows = [view.reductions[index].window for index in reads(declared)]
    tails = [tail(window, t) for window in windows]
    margin = max([MINUTE, *(window.step for window in windows)])
    edges = [edge for edge in tails if edge is not None]
    since = min(edges, default=t) - margin if len(edges) == len(tails) else None
    if source.timestamp is None or table.num_rows <= ALL_ROWS:
        return History(rows_of(table), notes=notes)
    ts, timeless = _instants(table, source.timestamp)
    known = _known(view, table)
    early = np.zeros(len(ts), np.bool_) if since is None else (ts < since) & ~timeless
    late = (ts >= t + margin) & (known >= t) & ~timeless
    kept = _with_copies(view, table, ~(early | late))
    witnesses = _witnesses(view, table, np.flatnonzero(early & ~kept & (known < t)), ts, t)
    if witnesses is None:
        return History(rows_of(table), notes=notes)
    kept |= witnesses
    return History(
        rows_of(table.filter(pa.array(kept))),
        since=since,
        older=int((early & ~kept).sum()),
        newer=int((late & ~kept).sum()),
        notes=notes,
    )


def _with_copies(view: View, table: pa.Table, rows: Mask) -> Mask:
    """The rows, and every other delivery of their events."""
    if view.source.event_id is None:
        return rows
    ids = table[view.source.event_id]
    copies = pc.is_in(ids, value_set=pc.unique(ids.filter(pa.array(rows))))
    return rows | np.asarray(copies.to_numpy(zero_copy_only=False), np.bool_)


def _witnesses(
    view: View, table: pa.Table, early: npt.NDArray[np.int64], ts: npt.NDArray[np.int64], t: int
) -> Mask | None:
    """Some of the early rows that show that the entity had been seen at ``t``; None where those looked at do not."""
    found = np.zeros(table.num_rows, np.bool_)
    if len(early) == 0:
        return found
    found[early[np.argsort(ts[early])[-WITNESSES:]]] = True
    found = _with_copies(view, table, found)
    verdict = door(view, rows_of(table.filter(pa.array(found))))
    return found if any(event.ts < t and event.known_at < t for event in verdict.admitted) else None


def _instants(table: pa.Table, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """A column of instants, and where it has none."""
    column: Any = table[name].combine_chunks()
    missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False), np.bool_)
    return np.asarray(column.fill_null(0).cast(pa.int64()).to_numpy(zero_copy_only=False)), missing


def _known(view: View, table: pa.Table) -> npt.NDArray[np.int64]:
    source = view.source
    name = ARRIVED_AT if ARRIVED_AT in table.column_names else source.known_at or source.timestamp
    assert name is not None
    return _instants(table, name)[0]


def _notes(view: View, found: EntityRows) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if found.unreadable:
        plural = "s" if found.unreadable > 1 else ""
        notes += (
            f"{found.unreadable:,} row{plural} of the history of {view.source.name} cannot be read as declared; whose they "
            "are is not known",
        )
    if not found.attributed:
        notes += ("a part of the key is derived: refused and filtered rows are not shown, they have no key",)
    return notes
