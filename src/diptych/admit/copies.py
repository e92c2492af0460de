"""Copies of one event in a whole history: which of them stands, and what the copies disagree about.

The identity of an event is its entity and its event id. Its copies, ordered by (known_at, ts, payload), stand when they
are the first or became known more than ``dedup_window`` after the copy before them, whether that one stood or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.admit.project import ViewEvents
from diptych.rows.values import Values

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """``stands`` says of each event whether it counts; the counts are for checks on data quality.

    Events that are ``repeated`` do not stand. Copies that came too ``late`` to be told from a new event do. Repeats
    are ``disagreeing`` when they differ from the copy that stands for them in time, payload or a witness column.
    """

    stands: BoolArray
    repeated: int
    late: int
    disagreeing: int


def copies(
    events: ViewEvents, entity: npt.NDArray[np.int64], dedup_window: int, witnesses: Sequence[Values] = ()
) -> Copies:
    """Judge the whole history of a view at once; ``entity`` is the code of each event's key (see ``keys.factorise``).

    ``witnesses`` are further columns over the same events that are compared but do not order. Events without an id
    (``id_hash`` None) are all different.
    """
    stands = np.ones(len(events.ts), np.bool_)
    if events.id_hash is None:
        return Copies(stands, 0, 0, 0)
    rows = _suspects(entity, events.id_hash)
    order = _ordered(events, entity, rows)
    same = np.zeros(len(order), np.bool_)  # the same identity as the row before
    same[1:] = (entity[order][1:] == entity[order][:-1]) & (events.id_hash[order][1:] == events.id_hash[order][:-1])
    gap = np.zeros(len(order), np.int64)
    gap[1:] = np.diff(events.known_at[order])
    late = same & (gap > dedup_window)
    stand = ~same | late
    stands[order] = stand
    return Copies(
        stands=stands,
        repeated=int((~stand).sum()),
        late=int(late.sum()),
        disagreeing=_disagreeing(events, witnesses, order, stand),
    )


def _suspects(entity: npt.NDArray[np.int64], id_hash: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Rows that may share their identity with another: one cheap sort spares all others the dear one."""
    with np.errstate(over="ignore"):
        mixed = id_hash ^ (entity.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    order = np.argsort(mixed)
    twin = mixed[order][1:] == mixed[order][:-1]
    shared = np.zeros(len(order), np.bool_)
    shared[1:] |= twin
    shared[:-1] |= twin
    return np.sort(order[shared])


def _ordered(events: ViewEvents, entity: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows by (entity, id, known_at, ts, payload); null before any value, false before true."""
    assert events.id_hash is not None
    keys: list[npt.NDArray[Any]] = [entity[rows], events.id_hash[rows], events.known_at[rows], events.ts[rows]]
    for column in events.inputs:
        keys += [column.valid[rows], column.data[rows]]
    keys += [condition[rows] for condition in events.conditions]
    return rows[np.lexsort(keys[::-1])]


def _disagreeing(
    events: ViewEvents, witnesses: Sequence[Values], order: npt.NDArray[np.int64], stand: BoolArray
) -> int:
    """How many repeats differ from the copy that stands for them."""
    place = np.arange(len(order))
    leader = order[np.maximum.accumulate(np.where(stand, place, 0))] if len(order) else order
    differs = events.ts[order] != events.ts[leader]
    for column in (*events.inputs, *witnesses):
        differs |= (column.data[order] != column.data[leader]) | (column.valid[order] != column.valid[leader])
    for condition in events.conditions:
        differs |= condition[order] != condition[leader]
    return int((differs & ~stand).sum())
