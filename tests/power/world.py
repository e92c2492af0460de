"""A small team's repository with everything in it that a skew can hide in, and its history by seed.

Three sources (one without ids, one a slowly changing table), every reducer, every type, hopping, exact and lifetime
windows, filters, derived columns, composite keys, an aliased view; late events, repeats near and far, ties, nulls, NaN.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pyarrow as pa

import diptych as dt
from diptych.declare.project import Project
from diptych.ground.instants import DAY, instant
from diptych.plan.nodes import Registry, Service
from diptych.plan.resolve import resolve

BEGIN = datetime(2024, 3, 7, tzinfo=UTC)
"""Three days before New York moves its clocks."""
DAYS = 6
ZONE = "America/New_York"

shop = dt.Entity("shop", keys={"shop": dt.String(6)})
till = dt.Entity("till", keys={"shop": dt.String(6), "till": dt.String(6)})
customer = dt.Entity("customer", keys={"customer": dt.Int64()})

payments = dt.EventSource(
    "payments",
    timestamp="paid_at",
    known_at="booked_at",
    event_id="payment",
    dedup_window="2h",
    lateness="12h",
    columns={
        "payment": dt.Int64(),
        "paid_at": dt.Timestamp(),
        "booked_at": dt.Timestamp(),
        "shop": dt.String(6),
        "till": dt.String(6),
        "amount": dt.Decimal(2, ge=Decimal(0), le=Decimal(500)),
        "items": dt.Int64(ge=-100, le=1_000),
        "weight": dt.Float64(),
        "card": dt.Enum("cash", "credit", "debit", "Debit"),
        "note": dt.String(12),
        "refunded": dt.Bool(),
        "training": dt.Bool(),
    },
    derive={"large": "items > 5", "weekend": f"day_of_week(paid_at, '{ZONE}') >= 6"},
    filter="not coalesce(training, false)",
)
visits = dt.EventSource(
    "visits",
    timestamp="seen_at",
    known_at="logged_at",
    event_id=None,
    columns={
        "seen_at": dt.Timestamp(),
        "logged_at": dt.Timestamp(),
        "customer": dt.Int64(),
        "page": dt.String(12),
        "seconds": dt.Float64(),
        "points": dt.Int64(),
    },
)

shop_sales = dt.FeatureView(
    "shop_sales",
    entity=shop,
    source=payments,
    features=[
        dt.count(windows=["1h", "24h"]),
        dt.count(where="large", windows=["6h"], name="large"),
        dt.sum("amount", windows=["6h"]),
        dt.mean("weight", windows=["24h"]),
        dt.std("items", windows=["6h"]),
        dt.min("items", windows=["1h"], default=-999),
        dt.last("card"),
        dt.last_n("items", n=4, windows=["24h"]),
        dt.count_distinct("note", windows=["6h"]),
        dt.rate("refunded", windows=["24h"]),
        dt.recency(),
    ],
)
till_sales = dt.FeatureView(
    "till_sales",
    entity=till,
    source=payments,
    features=[
        dt.count("note", windows=["2h"], hop="exact", name="noted"),
        dt.sum("weight", windows=["12h"]),
        dt.max("amount", windows=["3h"]),
        dt.first("note", windows=["24h"]),
        dt.count(where="weekend", windows=["24h"], name="weekend"),
        dt.count_distinct("weight", windows=["12h"], hop="exact"),
    ],
)
customer_visits = dt.FeatureView(
    "customer_visits",
    entity=customer,
    source=visits,
    ttl="2d",
    features=[
        dt.count(windows=["3h"]),
        dt.count(windows="lifetime"),
        dt.sum("points", windows=["6h"]),
        dt.last("page", where="seconds > 10", name="last_read"),
        dt.var("seconds", windows=["12h"]),
        dt.since_first(windows=["24h"]),
    ],
)
checkout = dt.FeatureService(
    "checkout",
    features=[
        shop_sales["count_1h", "count_24h", "large_6h", "amount_sum_6h"],
        customer_visits["count_3h", "last_read"],
        customer_visits["count_3h", "last_read"].alias("referrer_visits", on={"customer": "referrer"}),
    ],
    request={"basket": dt.Float64()},
    derived={
        "large_share": "shop_sales.large_6h / shop_sales.count_24h",
        "hour": f"hour(request_time, '{ZONE}')",
        "weekday": f"day_of_week(request_time, '{ZONE}')",
    },
)

SHOPS = ("a", "ab", "A", "b ", "c", "d", "e")
TILLS = ("1", "b1", "2", " 2", "x")
NOTES = (None, "", "gift", "giftbox", "gift card", "Gift", "straße", "return")
CARDS = ("cash", "credit", "debit", "Debit", None)
CUSTOMERS = (1, 2, 3, 12, -4, 2**53, 2**53 + 1)
PAGES = ("home", "Home", "basket", "help", "", None)


@dataclass(frozen=True, slots=True)
class World:
    """The repository, the history of each source (rows in the order of their arrival), and requests of the service."""

    registry: Registry
    tables: dict[str, pa.Table]
    requests: tuple[Service, pa.Table]
    cut: int


@cache
def world(seed: int = 1, payments_made: int = 1_500, visits_made: int = 700, asked: int = 60) -> World:
    """The same world for the same numbers; about 8 % of the payments are delivered more than once."""
    registry = resolve([checkout, till_sales], Project("shops", ("x",)))
    tables = {
        "payments": _payments(random.Random(seed), payments_made),
        "visits": _visits(random.Random(seed + 1), visits_made),
    }
    requests = _requests(random.Random(seed + 2), asked)
    cut = instant(BEGIN) + 7 * DAY // 2
    return World(registry, tables, (registry.services[0], requests), cut)


def _moment(rng: random.Random) -> datetime:
    """Mostly on a whole minute or hour, so that edges of hops are met and instants coincide."""
    span = DAYS * 24 * 3600
    grain = rng.choice((60, 60, 60, 300, 3600, 1))
    at = BEGIN + timedelta(seconds=rng.randrange(span) // grain * grain)
    return at + timedelta(microseconds=rng.randrange(10**6)) if grain == 1 else at


def _late(rng: random.Random) -> timedelta:
    """Most are known at once, some up to hours later, a few beyond what the source allows, a few ahead of their time."""
    dice = rng.random()
    if dice < 0.03:
        return timedelta(seconds=-rng.choice((1, 20, 60)))
    if dice < 0.62:
        return timedelta(0)
    if dice < 0.99:
        return timedelta(seconds=rng.choice((1, 30, 300, 3_600, 2 * 3_600, rng.randrange(6 * 3_600))))
    return timedelta(hours=rng.choice((12, 13, 20)))


def _payments(rng: random.Random, count: int) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for number in range(count):
        together = rows and rng.random() < 0.12  # in the same microsecond as another
        paid = rng.choice(rows[-40:])["paid_at"] if together else _moment(rng)
        row = {
            "payment": number,
            "paid_at": paid,
            "booked_at": paid + _late(rng),
            "shop": rng.choice(("a", "a", "a", *SHOPS)) if rng.random() > 0.01 else None,
            "till": rng.choice(TILLS),
            "amount": Decimal(rng.choice((rng.randrange(50_001), rng.randrange(900), 0))).scaleb(-2),
            "items": rng.choice((None, rng.randrange(12), rng.randrange(12), rng.randrange(12), -3)),
            "weight": _weight(rng),
            "card": rng.choice(CARDS),
            "note": rng.choice(NOTES),
            "refunded": rng.choice((None, True, False, False, False)),
            "training": rng.choice((None, False, False, False, True)) if rng.random() < 0.4 else False,
        }
        if rng.random() < 0.015:
            row["items"] = rng.choice((5_000, -5_000))  # what the door must refuse
        rows.append(row)
        rows += _copies(rng, row)
    rows.sort(key=lambda row: row["booked_at"])
    types = {
        "paid_at": pa.timestamp("us", "UTC"),
        "booked_at": pa.timestamp("us", "UTC"),
        "amount": pa.decimal128(18, 2),
        "weight": pa.float64(),
    }
    return _table(rows, types)


def _weight(rng: random.Random) -> float | None:
    return rng.choice((None, 0.0, -0.0, float("nan"), rng.random() * 100, rng.random(), 0.1, 1e6 + rng.random()))


def _copies(rng: random.Random, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Deliveries of the same id: soon, with another value, at the edge of the window, far beyond it, in another shop."""
    dice = rng.random()
    copy = dict(row)
    if dice < 0.04:
        copy["booked_at"] += timedelta(seconds=rng.choice((0, 1, 60, 3_600, 7_200)))
    elif dice < 0.06:
        copy["booked_at"] += timedelta(seconds=rng.choice((1, 600)))
        copy |= {"items": rng.randrange(12), "card": rng.choice(CARDS), "weight": _weight(rng)}
    elif dice < 0.075:
        copy["booked_at"] += timedelta(hours=rng.choice((2, 3, 5)), seconds=1)
    elif dice < 0.085:
        copy |= {"shop": rng.choice(SHOPS), "till": rng.choice(TILLS)}
    else:
        return []
    return [copy]


def _visits(rng: random.Random, count: int) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for _ in range(count):
        seen = rng.choice(rows[-30:])["seen_at"] if rows and rng.random() < 0.1 else _moment(rng)
        rows.append(
            {
                "seen_at": seen,
                "logged_at": seen + _late(rng),
                "customer": rng.choice((1, 1, *CUSTOMERS)) if rng.random() > 0.01 else None,
                "page": rng.choice(PAGES),
                "seconds": rng.choice((None, rng.random() * 40, 10.0, float(rng.randrange(100)), 1e5 + rng.random())),
                "points": rng.choice((None, rng.randrange(-50, 50), rng.randrange(-50, 50), 2**62, 2**62 + 1, -(2**62)))
                if rng.random() < 0.3
                else rng.randrange(100),
            }
        )
    rows.sort(key=lambda row: row["logged_at"])
    return _table(
        rows,
        {
            "seen_at": pa.timestamp("us", "UTC"),
            "logged_at": pa.timestamp("us", "UTC"),
            "points": pa.int64(),
            "customer": pa.int64(),
        },
    )


def _requests(rng: random.Random, count: int) -> pa.Table:
    rows = [
        {
            "shop": rng.choice((*SHOPS, "zz", None)),
            "customer": rng.choice((*CUSTOMERS, 999)),
            "referrer": rng.choice((*CUSTOMERS, None)),
            "basket": rng.random() * 50,
            "event_timestamp": max(_moment(rng), BEGIN + timedelta(days=4)) + timedelta(seconds=rng.randrange(86_400)),
        }
        for _ in range(count)
    ]
    return _table(rows, {"event_timestamp": pa.timestamp("us", "UTC")})


def _table(rows: list[dict[str, Any]], types: dict[str, pa.DataType]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], types.get(name)) for name in rows[0]})
