"""Skews of identity: repeats that count, and events that are taken for repeats."""

from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import pyarrow as pa

from diptych.admit.project import ViewEvents
from diptych.check.deliveries import Deliveries
from diptych.check.findings import Cause
from diptych.compile.online.program import Program
from diptych.ground.instants import HOUR
from diptych.kernel import places as k
from diptych.plan.nodes import Source, View
from tests.power.faults.fault import (
    Words,
    fault,
    offline_sql,
    offline_text,
    offline_view,
    online_code,
    online_events,
    swapped,
    with_source,
)

TWICE = {Cause.DUPLICATE}


def _new_ids(_: View, events: ViewEvents) -> ViewEvents:
    if events.id_hash is None:
        return events
    attempt = events.known_at.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return replace(events, id_hash=events.id_hash ^ attempt)


def _by_time(source: Source) -> Source:
    return source if source.event_id is None else replace(source, event_id=source.timestamp)


def _newest(sql: str) -> str:
    sql = sql.replace('LAG("kept"."known_at")', 'LEAD("kept"."known_at")')
    return sql.replace('"copies"."known_at" - "copies"."known_before"', '"copies"."known_before" - "copies"."known_at"')


def _short_memory(view: View, _: Program, code: Words) -> None:
    if view.source.event_id is not None:
        code[k.REPEAT_GAP] = min(int(code[k.REPEAT_GAP]), HOUR // 2)


def _overlapping() -> AbstractContextManager[None]:
    """The stream begins before the backfill's end, for the source that has no ids to tell."""
    real = Deliveries.between

    def between(self: Deliveries, start: int, end: int) -> pa.Table:
        return real(self, start - 3 * HOUR if self.source.event_id is None else start, end)

    return swapped(Deliveries, "between", between)


FAULTS = (
    fault(
        "repeats counted in SQL", "offline", "The warehouse table has every delivery, and nobody removes repeats.", TWICE,
        offline_view(with_source(lambda source: replace(source, event_id=None))),
    ),
    fault(
        "redelivery under another id", "online", "The producer draws a new message id for each attempt.", TWICE,
        online_events(_new_ids),
    ),
    fault(
        "deduplicated by time", "offline", "`distinct on (entity, event_time)`: two events of one instant become one.",
        TWICE, offline_view(with_source(_by_time)),
    ),
    fault(
        "the last copy stands", "offline", "`row_number() over (... order by loaded_at desc) = 1` keeps the newest copy.",
        TWICE, offline_text(_newest),
    ),
    fault(
        "ids without their entity", "offline", "Repeats are found by id alone, where each shop numbers its own.", TWICE,
        offline_sql(r'PARTITION BY "kept"\."entity", "kept"\."event_id"', 'PARTITION BY "kept"."event_id"'),
    ),
    fault(
        "an id never new again", "offline", "`distinct on (id)` over all of history, where ids come round again.", TWICE,
        offline_view(with_source(lambda source: replace(source, dedup_window=2**62))),
    ),
    fault(
        "ids forgotten early", "online", "The stream processor remembers ids for half an hour, the contract says two.",
        TWICE, online_code(_short_memory),
    ),
    fault(
        "backfill and stream overlap", "online", "The stream is replayed from before the cut of the backfill, without ids.",
        TWICE, _overlapping,
        shows="customer_visits",
    ),
)  # fmt: skip
