"""A small team's definitions with everything in them that a skew can hide in: every reducer, type, window and rule."""

from decimal import Decimal

import diptych as dt

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
