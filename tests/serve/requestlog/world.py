"""A small world with a service of every type, served out of a real store with a request log."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import diptych as dt
from diptych.declare.project import Project
from diptych.ground.instants import HOUR, instant
from diptych.plan.nodes import Registry
from diptych.plan.resolve import resolve
from diptych.serve.addresses import Addresses
from diptych.serve.ingest import Ingestor
from diptych.serve.reader import OnlineReader
from diptych.serve.requestlog.log import Options, RequestLog
from diptych.serve.requestlog.reading import Batch, LoggedService, logged_services
from diptych.serve.stores.valkey import ValkeyStore

NOON = instant(datetime(2024, 5, 1, 12, tzinfo=UTC))
REQUEST = {"user": "u1", "shop": 7, "amount": 12.5, "price": Decimal("1.25"), "since": datetime(2024, 5, 1, tzinfo=UTC)}

user = dt.Entity("user", keys={"user": dt.String(8)})
visit = dt.Entity("visit", keys={"user": dt.String(8), "shop": dt.Int64()})
sales = dt.EventSource(
    "sales",
    timestamp="at",
    event_id="id",
    columns={
        "id": dt.Int64(),
        "at": dt.Timestamp(),
        "user": dt.String(8),
        "shop": dt.Int64(),
        "whole": dt.Int64(ge=-(2**40), le=2**40),
        "float": dt.Float64(ge=-1e9, le=1e9),
        "price": dt.Decimal(2, ge=Decimal("-100000"), le=Decimal("100000")),
        "paid": dt.Timestamp(),
        "name": dt.String(12),
        "kind": dt.Enum("a", "bé", "c"),
        "gift": dt.Bool(),
    },
)
COLUMNS = ("whole", "float", "price", "paid", "name", "kind", "gift")
by_user = dt.FeatureView(
    "by_user",
    entity=user,
    source=sales,
    features=[
        dt.count(windows=["1h"]),
        dt.sum("price", windows=["1h"]),
        dt.std("float", windows=["1h"]),
        *(dt.last(name) for name in COLUMNS),
        *(dt.last_n(name, n=2, windows=["1h"]) for name in COLUMNS),
    ],
)
by_visit = dt.FeatureView("by_visit", entity=visit, source=sales, features=[dt.count(windows=["1h"]), dt.recency()])
everything = dt.FeatureService(
    "everything",
    version=2,
    features=[by_user, by_visit],
    request={
        "amount": dt.Float64(),
        "price": dt.Decimal(2, ge=Decimal(0), le=Decimal(100)),
        "since": dt.Timestamp(),
    },
    derived={
        "share": "by_visit.count_1h / by_user.count_1h",
        "more": "amount + by_user.count_1h",
        "big": "amount > 10",
        "asked_at": "request_time",
    },
)
REGISTRY = resolve([user, visit, sales, by_user, by_visit, everything], Project("shops", ("x",)))


def sale(number: int, **given: Any) -> dict[str, Any]:
    """One sale of user u1 in shop 7, an hour's fraction before NOON."""
    row = {
        "id": number,
        "at": NOON - HOUR // 2 + number,
        "user": "u1",
        "shop": 7,
        "whole": number,
        "float": number / 3,
        "price": Decimal(number) / 4,
        "paid": NOON + number,
        "name": f"né{number}",
        "kind": ("a", "bé", "c")[number % 3],
        "gift": number % 2 == 0,
    }
    return row | given


@dataclass
class World:
    """A corner of a real store with some sales in it, and readers that log."""

    store: ValkeyStore
    addresses: Addresses
    registry: Registry = REGISTRY
    logs: list[RequestLog] = field(default_factory=list)

    def push(self, rows: Sequence[dict[str, Any]]) -> None:
        """Take rows in, known an hour's fraction before NOON."""
        Ingestor(self.registry, self.addresses, self.store, lambda: NOON - 1_000).push("sales", rows)

    def log(self, root: Path, *, write: Any = None, **options: Any) -> RequestLog:
        """A request log under a folder."""
        more = {} if write is None else {"write": write}
        self.logs.append(RequestLog(root, self.addresses, Options(**options), lambda: NOON + 1, **more))
        return self.logs[-1]

    def reader(self, log: RequestLog | None = None) -> OnlineReader:
        """A reader whose now is NOON."""
        return OnlineReader(self.registry, self.addresses, self.store, lambda: NOON, log)

    def close(self) -> None:
        """End the logs."""
        for log in self.logs:
            log.close()


def logged(root: Path) -> LoggedService:
    """The only service of a log."""
    (found,) = logged_services(root)
    return found


def whole(root: Path) -> Batch:
    """All rows of a log of one file."""
    (batch,) = logged(root).batches()
    return batch


def requests(count: int) -> list[dict[str, Any]]:
    """Requests of many users."""
    return [REQUEST | {"user": f"u{number}"} for number in range(count)]
