"""Ingestion: events per second per view through the ingestor, beside a bare pipelined APPEND of the very same bytes.

    python -m benchmarks.ingest

Batches of 10,000 rows of a source of ten columns feed three views of different entities. The floor appends the very
bytes that the ingestor appends, one APPEND per key and batch, through a pipeline of redis-py without transaction.
Beside it, what the store alone takes for these bytes, without and with the expiry of every key. All take turns on one
server, each round on keys of its own; the states are compared.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import redis
from rich.console import Console
from rich.table import Table

import diptych as dt
from benchmarks.server import HOST, server
from benchmarks.timing import write_results
from diptych.admit.door import check
from diptych.admit.project import project
from diptych.declare.project import Project
from diptych.ground.instants import DAY, SECOND
from diptych.plan.nodes import Registry
from diptych.plan.resolve import resolve
from diptych.serve.addresses import Addresses
from diptych.serve.appending import Target, blocks_of
from diptych.serve.ingest import Ingestor
from diptych.serve.recording.recorder import Recorder
from diptych.serve.stores.opening import open_store
from diptych.serve.stores.valkey import ValkeyStore

SEED = 5
BATCH = 10_000
PIPELINE = 2_000
TARGET = 0.5
START = 1_700_000_000_000_000
USERS, SHOPS, DEVICES = 100_000, 5_000, 150_000
NAMES = {
    "diptych": "Diptych, Ingestor.push",
    "recorded": "the same, and recorded as history",
    "bare": "redis-py, pipelined APPEND of the same bytes",
    "appended": "the store's append_many of the same bytes",
    "expiring": "the same, with expiry",
}

Items = list[tuple[bytes, bytes]]

orders = dt.EventSource(
    "orders",
    timestamp="at",
    known_at="known_at",
    event_id="order_id",
    columns={
        "order_id": dt.Int64(),
        "at": dt.Timestamp(),
        "known_at": dt.Timestamp(),
        "user": dt.Int64(ge=0),
        "shop": dt.String(8),
        "device": dt.Int64(ge=0),
        "amount": dt.Int64(ge=0, le=10_000_000),
        "fee": dt.Float64(),
        "channel": dt.Enum("web", "app", "phone"),
        "paid": dt.Bool(),
    },
    derive={"large": "amount > 100000"},
)


def _view(name: str, entity: dt.Entity, column: str) -> dt.FeatureView:
    features = [
        dt.count(windows=["1h", "24h", "7d"]),
        dt.count(where="large", windows=["24h"], name="large"),
        dt.sum("amount", windows=["24h", "7d"]),
        dt.mean("fee", windows=["7d"]),
        dt.max("amount", windows=["7d"]),
        dt.rate("paid", windows=["24h"], name="paid_share"),
    ]
    return dt.FeatureView(name, entity=entity, on={column: column}, source=orders, features=features)


VIEWS = [
    _view("by_user", dt.Entity("user", keys={"user": dt.Int64(ge=0)}), "user"),
    _view("by_shop", dt.Entity("shop", keys={"shop": dt.String(8)}), "shop"),
    _view("by_device", dt.Entity("device", keys={"device": dt.Int64(ge=0)}), "device"),
]


def registry() -> Registry:
    """The three views over one source."""
    return resolve(VIEWS, Project("bench", ("benchmarks",)))


def batch(number: int) -> pa.Table:
    """The ``number``-th batch of the stream: ten thousand orders within ten seconds, in the order of their arrival."""
    draw = np.random.default_rng([SEED, number])
    at = START + number * 10 * SECOND + np.sort(draw.integers(0, 10 * SECOND, BATCH))
    return pa.table(
        {
            "order_id": np.arange(BATCH) + number * BATCH,
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "known_at": pa.array(at + SECOND, pa.timestamp("us", "UTC")),
            "user": draw.integers(0, USERS, BATCH),
            "shop": pa.array([f"s{shop}" for shop in draw.integers(0, SHOPS, BATCH).tolist()]),
            "device": draw.integers(0, DEVICES, BATCH),
            "amount": draw.lognormal(8, 2, BATCH).astype(np.int64).clip(0, 10_000_000),
            "fee": draw.gamma(2.0, 1.5, BATCH),
            "channel": pa.array(np.array(["web", "app", "phone"])[draw.integers(0, 3, BATCH)]),
            "paid": draw.random(BATCH) < 0.9,
        }
    )


@dataclass
class Stages:
    """Seconds that each part of ingestion takes, measured apart from the race."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, begun: float) -> float:
        """Count the time since ``begun``; returns now."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - begun
        return now


def items_of(plan: Registry, addresses: Addresses, tables: Sequence[pa.Table], stages: Stages) -> list[Items]:
    """The (key, records) of each batch as the ingestor makes them, one step at a time."""
    source = plan.sources[0]
    targets = [Target.of(view, addresses) for view in plan.views]
    batches = []
    for table in tables:
        now = time.perf_counter()
        checked = check(source, table)
        now = stages.add("door", now)
        items = []
        for target in targets:
            events = project(target.view, checked)
            now = stages.add("project", now)
            blocks = blocks_of(target, events, START, {})
            items += zip(blocks.keys, blocks.records, strict=True)
            now = stages.add("pack", now)
        batches.append(items)
    return batches


def through_ingestor(
    plan: Registry,
    addresses: Addresses,
    store: ValkeyStore,
    tables: Sequence[pa.Table],
    recorder: Recorder | None = None,
) -> float:
    """Seconds of a whole ingestion; where it is recorded, to the last row in a Parquet file."""
    ingestor = Ingestor(plan, addresses, store, replay=True, recorder=recorder)
    begun = time.perf_counter()
    for table in tables:
        done = ingestor.push("orders", table)
        assert all(count == table.num_rows for count in done.appended.values())
    if recorder is not None:
        recorder.close()
    return time.perf_counter() - begun


def bare(peer: "redis.Redis[bytes]", batches: Sequence[Items]) -> float:
    """Seconds of redis-py's pipeline, one APPEND for each key of a batch."""
    begun = time.perf_counter()
    for items in batches:
        for start in range(0, len(items), PIPELINE):
            pipeline = peer.pipeline(transaction=False)
            for key, record in items[start : start + PIPELINE]:
                pipeline.append(key, record)
            pipeline.execute()
    return time.perf_counter() - begun


def through_store(store: ValkeyStore, batches: Sequence[Items], expire: bool) -> float:
    """Seconds of the store's own appends, with or without the expiry of each key."""
    until = (store.now_us() + 8 * DAY) // 1000
    begun = time.perf_counter()
    for items in batches:
        store.append_many(items, [until] * len(items) if expire else None)
    return time.perf_counter() - begun


def race(port: int, rounds: int, size: int, console: Console) -> dict[str, Any]:
    """All contenders once per round, each on keys of its own; returns events per second per view, and ratios."""
    plan, stages = registry(), Stages()
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    with (
        open_store(f"redis://{HOST}:{port}/0") as store,
        redis.Redis(HOST, port) as peer,
        tempfile.TemporaryDirectory(prefix="diptych-") as folder,
    ):
        for number in range(rounds + 1):  # the first warms up
            tables = [batch(number * size + place) for place in range(size)]
            made = {
                name: items_of(plan, Addresses("bench", f"{name}{number}"), tables, stages if number else Stages())
                for name in ("bare", "appended", "expiring")
            }
            calls: dict[str, Callable[[], float]] = {
                "diptych": partial(through_ingestor, plan, Addresses("bench", f"diptych{number}"), store, tables),
                "recorded": partial(
                    through_ingestor,
                    plan,
                    Addresses("bench", f"recorded{number}"),
                    store,
                    tables,
                    Recorder(Path(folder) / str(number)),
                ),
                "bare": partial(bare, peer, made["bare"]),
                "appended": partial(through_store, store, made["appended"], False),
                "expiring": partial(through_store, store, made["expiring"], True),
            }
            first = number % len(NAMES)
            for name in [*NAMES, *NAMES][first : first + len(NAMES)]:
                spent = calls[name]()
                if number:
                    seconds[name].append(spent)
            for name in ("diptych", "recorded"):
                check_same(plan, store, made["bare"], f"bare{number}", f"{name}{number}")
            peer.flushdb()
    events = size * BATCH * len(plan.views)
    rates = {name: events / median(spent) for name, spent in seconds.items()}
    ratios = {
        name: median(floor / mine for mine, floor in zip(seconds[name], seconds["bare"], strict=True)) for name in NAMES
    }
    share = median(mine / plain - 1 for mine, plain in zip(seconds["recorded"], seconds["diptych"], strict=True))
    table = Table(title=f"{len(plan.views)} views, batches of {BATCH:,} rows of 10 columns", title_justify="left")
    for heading in ("", "events/s per view", "to bare APPEND"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, label in NAMES.items():
        table.add_row(label, f"{rates[name]:,.0f}", f"{ratios[name]:.2f}")
    console.print(table)
    console.print(f"recording adds {share:.1%} to ingestion")
    made_events = 3 * rounds * events
    steps = {name: round(1e6 * spent / made_events, 3) for name, spent in stages.seconds.items()}
    console.print(
        "microseconds per event and view: " + ", ".join(f"{name} {spent:.2f}" for name, spent in steps.items())
    )
    return {
        "events_per_second_per_view": {name: round(rate) for name, rate in rates.items()},
        "to_bare_append": {name: round(ratio, 3) for name, ratio in ratios.items()},
        "recording_adds": round(share, 3),
        "target_met": ratios["diptych"] >= TARGET,
        "microseconds_per_event_and_view": steps,
    }


def check_same(plan: Registry, store: ValkeyStore, batches: Sequence[Items], environment: str, other: str) -> None:
    """Raise unless the ingestor's states hold the very bytes of the floor's, for the keys of the first batch."""
    keys = [key for key, _ in batches[0]]
    mine = [key.replace(f":{environment}:".encode(), f":{other}:".encode(), 1) for key in keys]
    for key, left, right in zip(keys, store.get_many(keys), store.get_many(mine), strict=True):
        if left != right:
            raise SystemExit(f"the ingestor's state differs from the appended bytes of {key!r}")


def main(argv: Sequence[str] | None = None) -> None:
    """Race, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batches", type=int, default=3, help="batches of a round")
    asked = parser.parse_args(argv)
    console = Console()
    console.print("[bold]Ingestion[/]")
    with server() as port:
        figures = race(port, asked.rounds, asked.batches, console)
    console.print(f"written to {write_results('ingest', {'rounds': asked.rounds, **figures})}")


if __name__ == "__main__":
    main()
