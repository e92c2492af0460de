"""A day of serving: the shops' store is filled, fed and asked request by request, and writes its request log.

It is done while a fault stands, so that the log holds what a service with that fault answered.
"""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import diptych as dt
from tests.power.world import CUT, HISTORIES, REQUESTS, SERVICE

ARRIVALS = {"payments": "booked_at", "visits": "logged_at"}


def serve(root: Path) -> None:
    """Publish and backfill up to the cut; then take in what became known before each request, and answer it."""
    tables = {source: pq.read_table(root / file) for source, file in HISTORIES.items()}
    requests = pq.read_table(root / REQUESTS).sort_by("event_timestamp")
    with dt.FeatureStore(root) as store:
        store.apply(cut=CUT)
        begin = CUT
        for number, row in enumerate(requests.to_pylist()):
            at = row.pop("event_timestamp")
            for source, table in tables.items():
                known = _between(table, ARRIVALS[source], begin, at)
                if known.num_rows:
                    file = root / "data" / f"{source}-{number}.arrived.parquet"
                    pq.write_table(known, file)
                    store.ingest(source, [file])
            store.get_online_features(SERVICE, [row], at=at)
            begin = at


def _between(table: pa.Table, column: str, begin: datetime, end: datetime) -> pa.Table:
    at = table[column]
    return table.filter(pc.and_(pc.greater_equal(at, begin), pc.less(at, end))).sort_by(column)
