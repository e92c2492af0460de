"""The service of the online benchmark (50 windowed features over 3 views) and the histories behind it, by seed.

Every user has 30 to 200 events within 30 days, in sessions of a few minutes, spread over payments, visits and messages;
most become known within seconds, a few within hours. The histories are made bucket by bucket of users, so that memory
stays bounded; the same arguments always give the same events.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

import diptych as dt
from diptych.admit.door import check
from diptych.admit.project import ViewEvents, project
from diptych.declare.project import Project
from diptych.ground.instants import DAY, HOUR, MINUTE, SECOND
from diptych.plan.nodes import Registry, View
from diptych.plan.resolve import resolve
from diptych.run.history import events_at

SEED = 7
START = 1_700_000_000_000_000
END = START + 30 * DAY
"""The last event is known before this instant; requests come after it."""
CUT = END - 12 * HOUR
"""What was known before it is backfilled, what came later is ingested."""
LEAST, MOST = 30, 200
SHARES = {"payments": 0.25, "visits": 0.45, "messages": 0.30}

user = dt.Entity("user", keys={"user": dt.Int64(ge=0)})

_COMMON = {"event_id": dt.Int64(), "user": dt.Int64(ge=0), "at": dt.Timestamp(), "known_at": dt.Timestamp()}


def _source(name: str, **columns: object) -> dt.EventSource:
    declared = _COMMON | columns
    return dt.EventSource(name, columns=declared, timestamp="at", known_at="known_at", event_id="event_id")


payments = _source("payments", amount=dt.Int64(ge=0, le=5_000_000), fee=dt.Float64(), declined=dt.Bool())
visits = _source("visits", seconds=dt.Float64(ge=0), pages=dt.Int64(ge=0, le=10_000), mobile=dt.Bool())
messages = _source("messages", length=dt.Int64(ge=0, le=100_000), score=dt.Float64(), urgent=dt.Bool())

payment_profile = dt.FeatureView(
    "payment_profile",
    entity=user,
    on={"user": "user"},
    source=payments,
    features=[
        dt.count(windows=["1h", "24h", "7d", "30d"]),
        dt.sum("amount", windows=["24h", "7d", "30d"]),
        dt.mean("amount", windows=["24h", "30d"]),
        dt.max("amount", windows=["24h", "30d"]),
        dt.std("fee", windows=["30d"]),
        dt.count(where="declined", windows=["24h"], name="declined"),
        dt.rate("declined", windows=["7d"], name="declined_share"),
        dt.min("amount", windows=["30d"]),
        dt.last("amount"),
        dt.recency(),
    ],
)
visit_profile = dt.FeatureView(
    "visit_profile",
    entity=user,
    on={"user": "user"},
    source=visits,
    features=[
        dt.count(windows=["10m", "1h", "24h", "7d"]),
        dt.sum("seconds", windows=["24h", "7d"]),
        dt.mean("seconds", windows=["24h", "7d", "30d"]),
        dt.max("pages", windows=["24h", "7d", "30d"]),
        dt.rate("mobile", windows=["24h", "30d"], name="mobile_share"),
        dt.recency(),
        dt.recency(where="mobile", name="mobile_recency"),
        dt.last("seconds"),
    ],
)
message_profile = dt.FeatureView(
    "message_profile",
    entity=user,
    on={"user": "user"},
    source=messages,
    features=[
        dt.count(windows=["1h", "24h", "7d", "30d"]),
        dt.count(where="urgent", windows=["24h", "7d"], name="urgent"),
        dt.mean("length", windows=["24h", "7d", "30d"]),
        dt.sum("length", windows=["24h"]),
        dt.std("score", windows=["7d", "30d"]),
        dt.max("score", windows=["24h", "7d"]),
        dt.last("score"),
        dt.recency(),
    ],
)
profile = dt.FeatureService("profile", features=[payment_profile, visit_profile, message_profile])


def registry() -> Registry:
    """The resolved service with its views and sources."""
    return resolve([profile], Project("bench", ("benchmarks",)))


@dataclass(frozen=True)
class Histories:
    """The histories of ``users`` users; it is what a backfill reads."""

    users: int
    buckets: int

    def table(self, source: str, bucket: int) -> pa.Table:
        """All events of a source for the users of a bucket, in no order."""
        number = list(SHARES).index(source)
        mine = np.arange(bucket, self.users, self.buckets, dtype=np.int64)
        rate = np.random.default_rng([SEED, bucket])
        counts = rate.poisson(LEAST * (MOST / LEAST) ** rate.random(len(mine)) * SHARES[source]) + 1
        draw = np.random.default_rng([SEED, bucket, number])
        owners, at = np.repeat(mine, counts), _instants(draw, counts)
        delay = draw.exponential(2 * SECOND, len(at)) + (draw.random(len(at)) < 0.01) * draw.exponential(HOUR, len(at))
        known_at = np.minimum(at + delay.astype(np.int64), END - 1)
        columns = {
            "event_id": np.arange(len(at)) * (self.buckets * 4) + bucket * 4 + number,
            "user": owners,
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "known_at": pa.array(known_at, pa.timestamp("us", "UTC")),
            **_payload(source, draw, len(at)),
        }
        return pa.table(columns)

    def events(self, view: View, cut: int, bucket: int, buckets: int) -> ViewEvents:
        """The admitted events of a bucket that were known before the cut."""
        assert buckets == self.buckets
        events = project(view, check(view.source, self.table(view.source.name, bucket)))
        return events_at(events, np.flatnonzero(events.known_at < cut))

    def of_user(self, source: str, number: int) -> pa.Table:
        """All events of one user."""
        table = self.table(source, number % self.buckets)
        return table.filter(np.asarray(table["user"]) == number)

    def since(self, source: str, cut: int) -> pa.Table:
        """The events of all users that were known from the cut on, in the order of that."""
        parts = []
        for bucket in range(self.buckets):
            table = self.table(source, bucket)
            parts.append(table.filter(np.asarray(table["known_at"].cast(pa.int64())) >= cut))
        return pa.concat_tables(parts).sort_by("known_at")


def _instants(draw: np.random.Generator, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Instants in sessions: about every third event begins one, the others follow within minutes."""
    total = int(counts.sum())
    begins = draw.random(total) < 0.35
    begins[np.concatenate([[0], np.cumsum(counts)[:-1]])] = True
    session = np.maximum.accumulate(np.where(begins, np.arange(total), 0))
    at = draw.integers(START, END - MINUTE, total)[session]
    later = np.where(begins, 0, draw.exponential(4 * MINUTE, total)).astype(np.int64)
    return np.minimum(at + later, END - MINUTE)


def _payload(source: str, draw: np.random.Generator, count: int) -> dict[str, npt.NDArray[np.generic]]:
    match source:
        case "payments":
            return {
                "amount": np.minimum(draw.lognormal(8, 1.2, count), 5e6).astype(np.int64),
                "fee": draw.gamma(2.0, 1.5, count),
                "declined": draw.random(count) < 0.06,
            }
        case "visits":
            return {
                "seconds": draw.exponential(90, count),
                "pages": draw.geometric(0.2, count),
                "mobile": draw.random(count) < 0.55,
            }
        case _:
            return {
                "length": draw.geometric(0.01, count),
                "score": draw.normal(0, 1, count),
                "urgent": draw.random(count) < 0.1,
            }
