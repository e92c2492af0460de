"""The demo's requests: scheduled flights, each asked about at its own scheduled departure, before anybody knows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from diptych.check.deliveries import instants_of
from diptych.check.questions import INSTANT

COLUMNS = ("origin", "dest", "carrier", "tailnum", "distance")


def flight_requests(schedule: Path, start: int, end: int, count: int, seed: int) -> pa.Table:
    """``count`` flights scheduled in [start, end), with the columns that the demo's services ask for.

    The data have whole minutes, so most instants fall exactly on events and on edges of windows; every tenth request
    is put one microsecond later, just behind them.
    """
    flights = pq.read_table(schedule)
    times = instants_of(flights, "scheduled_at")
    eligible = np.flatnonzero((times >= start) & (times < end))
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(eligible, size=min(count, len(eligible)), replace=False))
    nudged = times[chosen] + (np.arange(len(chosen)) % 10 == 9)
    instants = pa.array(nudged).cast(pa.timestamp("us", "UTC"))
    return flights.take(pa.array(chosen)).select(list(COLUMNS)).append_column(INSTANT, instants)
