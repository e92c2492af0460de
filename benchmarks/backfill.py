"""How fast history becomes online state: ``python -m benchmarks.backfill [entities] [events per entity]``.

The generator is seeded: purchases of each entity spread over thirty days before the cut, amounts and kinds at random.
Prints one line of JSON; the store is the embedded server.
"""

import json
import resource
import sys
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import diptych as dt
from diptych.admit.project import ViewEvents
from diptych.declare.project import Project
from diptych.ground.expression import Expression, columns_of
from diptych.ground.instants import DAY
from diptych.ground.ledger import Progress
from diptych.operate.backfill import Backfill
from diptych.plan.nodes import View
from diptych.plan.resolve import resolve
from diptych.rows.values import Values
from diptych.serve.addresses import Addresses
from diptych.serve.stores.opening import open_store

CUT = 1_700_000_000_000_000

purchases = dt.EventSource(
    "purchases",
    timestamp="at",
    event_id="id",
    columns={"id": dt.Int64(), "at": dt.Timestamp(), "user": dt.String(10), "amount": dt.Int64(), "late": dt.Bool()},
)
profile = dt.FeatureView(
    "profile",
    entity=dt.Entity("user", keys={"user": dt.String(10)}),
    on={"user": "user"},
    source=purchases,
    features=[
        dt.count(windows=["1h", "24h", "7d", "30d"]),
        dt.count(where="late", windows=["24h", "7d"], name="late"),
        dt.mean("amount", windows=["24h", "7d", "30d"]),
        dt.max("amount", windows=["7d", "30d"]),
        dt.last("amount"),
        dt.recency(),
    ],
)


@dataclass(frozen=True)
class Generated:
    """``entities`` entities of ``each`` events, bucket by bucket the same on every run."""

    entities: int
    each: int

    def events(self, view: View, cut: int, bucket: int, buckets: int) -> ViewEvents:
        """The events of the entities whose number is ``bucket`` modulo ``buckets``."""
        draw = np.random.default_rng((7, bucket))
        numbers = np.repeat(np.arange(bucket, self.entities, buckets), self.each)
        count = len(numbers)
        ts = cut - draw.integers(1, 30 * DAY, count)
        everywhere = np.ones(count, np.bool_)
        return ViewEvents(
            rows=np.arange(count),
            key=(Values(np.char.add(b"u", numbers.astype("S8")).astype("S10"), everywhere),),
            ts=ts,
            known_at=ts,
            id_hash=draw.integers(0, 2**64, count, np.uint64),
            inputs=tuple(_input(tree, ts, draw, count) for tree in view.inputs),
            conditions=(draw.random(count) < 0.3,),
            rejected={},
            refused=np.empty(0, np.int64),
        )


def _input(tree: Expression, ts: npt.NDArray[np.int64], draw: np.random.Generator, count: int) -> Values:
    """The column that an input reads: the event's time or its amount."""
    data = ts if "at" in columns_of(tree) else draw.integers(-1000, 1001, count)
    return Values(data, np.ones(count, np.bool_))


def main(entities: int = 1_000_000, each: int = 20) -> None:
    """Backfill and report."""
    view = resolve([profile], Project("bench", ("benchmarks",))).view("profile")
    store = open_store(append_only=False)
    try:
        buckets = max(4, entities * each // 500_000)
        begun = time.perf_counter()
        filled = Backfill(Generated(entities, each), store, Addresses("bench", "test"), view, CUT, buckets).run(show)
        seconds = time.perf_counter() - begun
    finally:
        store.close()
    report = {
        "entities": entities,
        "events": filled.events,
        "features": len(view.features),
        "seconds": round(seconds, 1),
        "entities_per_second": round(entities / seconds),
        "events_per_second": round(filled.events / seconds),
        "bytes_per_entity": round(filled.bytes / max(filled.seeded, 1)),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(report))


def show(progress: Progress) -> None:
    """A line that writes over itself."""
    if sys.stderr.isatty():
        print(f"\r{progress.task}: {progress.done}/{progress.total} {progress.unit}", end="", file=sys.stderr)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
