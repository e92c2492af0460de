"""A small world for rollouts: a clock that is set by hand, a store, ingestion that logs its history, and the judge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import diptych as dt
from diptych.admit.door import check
from diptych.admit.keys import entity_keys, factorise
from diptych.admit.project import ViewEvents, project
from diptych.ground.instants import HOUR, MINUTE
from diptych.operate.rollout.rollout import Rollout
from diptych.plan.nodes import Registry, View
from diptych.reference import Judge
from diptych.run.history import events_at
from diptych.serve.addresses import Addresses
from diptych.serve.consume import Consumer
from diptych.serve.folding import Folder
from diptych.serve.ingest import Ingestor
from diptych.serve.live import LiveVersions
from diptych.serve.manifest import Manifests
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.protocol import KeyValueStore
from diptych.serve.stream import TableStream
from diptych.testing.build import table
from tests.operate.builders import orders, registry, spending

START = 400_000 * HOUR
Row = Mapping[str, Any]


def visits(**changed: Any) -> dt.EventSource:
    """A source whose events have no id of their own."""
    columns = {"seen_at": dt.Timestamp(nullable=False), "customer": dt.String(8), "pages": dt.Int64(ge=0, le=100)}
    return dt.EventSource("visits", columns=columns, timestamp="seen_at", **changed)


def browsing(features: list[dt.Aggregate], source: dt.EventSource | None = None) -> dt.FeatureView:
    customer = dt.Entity("customer", keys={"customer": dt.String(8)})
    return dt.FeatureView("browsing", entity=customer, source=source or visits(), features=features)


def shop(*windows: str, pages: str = "2h", source: dt.EventSource | None = None) -> Registry:
    """A registry over both sources, whose versions differ by windows."""
    wanted = windows or ("1h",)
    spent = [
        dt.count(windows=wanted),
        dt.sum("amount", windows=wanted),
        dt.last("amount"),
        dt.count_distinct("amount", windows=wanted),
    ]
    return registry(spending(spent, source), browsing([dt.sum("pages", windows=[pages]), dt.count(windows=[pages])]))


@dataclass
class World:
    """One project; ``log`` is the offline history, with the instant at which each row was taken in."""

    store: KeyValueStore
    addresses: Addresses
    registry: Registry
    now: int = START
    log: dict[str, list[Row]] = field(default_factory=lambda: {"orders": [], "visits": []})
    while_waiting: Callable[[], None] = lambda: None
    folds: bool = True

    def clock(self) -> int:
        return self.now

    @property
    def manifests(self) -> Manifests:
        return Manifests(self.store, self.addresses)

    @property
    def rollout(self) -> Rollout:
        return Rollout(self.manifests, self, self.clock, self.pause)

    def pause(self, seconds: float) -> None:
        """Wait, while the world goes on half way."""
        half = round(seconds * 500_000)
        self.now += half
        if half:
            self.while_waiting()
        self.now += half

    def ingestor(self) -> Ingestor:
        threshold = 0 if self.folds else 1 << 40
        folder = Folder(self.store, self.addresses, 0, threshold, worthwhile=1.0)
        live = LiveVersions(self.manifests)
        return Ingestor(self.registry, self.addresses, self.store, self.clock, folder=folder, live=live)

    def order(self, customer: str, amount: int | None, late: int = 0, id: str | None = None) -> None:
        """An order that happened ``late`` microseconds ago is pushed now."""
        number = len(self.log["orders"])
        row = {"order_id": id or f"o{number}", "ordered_at": self.now - late, "customer": customer, "amount": amount}
        self.log["orders"].append({**row, "arrived_at": self.now})
        source = next(source for source in self.registry.sources if source.name == "orders")
        self.ingestor().push("orders", table(source, [row]))

    def visit(self, customer: str, pages: int, late: int = 0) -> None:
        """A visit arrives on the stream, which has no ids but its offsets."""
        row = {"seen_at": self.now - late, "customer": customer, "pages": pages}
        self.log["visits"].append({**row, "arrived_at": self.now})
        source = next(source for source in self.registry.sources if source.name == "visits")
        rows = [{k: v for k, v in each.items() if k != "arrived_at"} for each in self.log["visits"]]
        Consumer(self.ingestor(), "visits", TableStream("clicks", table(source, rows), "seen_at")).run()

    def busy(self, events: int = 6, step: int = MINUTE) -> None:
        """Some orders and visits of three customers, some late, some repeated."""
        for number in range(events):
            self.now += step
            self.order("abc"[number % 3], number, late=(number % 4) * 7 * MINUTE)
            self.visit("abc"[number % 3], number + 1, late=(number % 3) * MINUTE)
            if number % 4 == 3:
                self.order(
                    "abc"[number % 3], number, late=(number % 4) * 7 * MINUTE, id=f"o{len(self.log['orders']) - 1}"
                )

    def buckets(self, view: View) -> int:
        return 16

    def events(self, view: View, cut: int, bucket: int, buckets: int) -> ViewEvents:
        """The history for backfills: rows that were taken in before the cut, by customer in buckets."""
        rows = [row for row in self.log[view.source.name] if row["arrived_at"] < cut]
        raw = table(view.source, rows)
        stamps = np.array([row["arrived_at"] for row in rows], np.int64)
        found = project(view, check(view.source, raw.drop_columns(["arrived_at"]) if rows else raw, arrived_at=stamps))
        codes, first = factorise(found.key, len(found.ts))
        keys = entity_keys(view.entity, [part.take(first) for part in found.key], len(first))
        mine = np.array([sum(key) % buckets == bucket for key in keys], np.bool_)
        return events_at(found, np.flatnonzero(mine[codes]) if len(codes) else np.arange(0))

    def check(self, registry: Registry | None = None) -> int:
        """Every feature that is served equals what the judge says of the log; returns the number of values."""
        served = self.manifests.current().registry
        assert registry is None or served == registry
        compared = 0
        for at in (self.now, self.now + 1, self.now + HOUR):
            for view in served.views:
                compared += self.check_view(served, view, at)
        return compared

    def check_view(self, served: Registry, view: View, at: int) -> int:
        judge = Judge(view, self.log[view.source.name])
        names = [feature.name for feature in view.features]
        rows = [{"customer": customer} for customer in "abcd"]
        reader = OnlineReader(served, self.addresses, self.store, lambda: at)
        found = reader.get_online_features([f"{view.name}:{name}" for name in names], rows).to_dict()
        for place, row in enumerate(rows):
            expected = judge.answers([row["customer"]], at)
            for name in names:
                got = found[f"{view.name}__{name}"][place]
                assert got == expected[name].value, f"{view.name}:{name} of {row} at {at - START}"
        return len(rows) * len(names)


__all__ = ["START", "World", "browsing", "orders", "shop", "visits"]
