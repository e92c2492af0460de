"""A view over sales, histories of it by seed, and questions where something can go wrong: what skews are planted in."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import diptych as dt
from diptych.declare.project import Project
from diptych.ground.instants import DAY, HOUR, MINUTE, instant
from diptych.plan.nodes import View
from diptych.plan.resolve import resolve
from diptych.reference import Judge, spoken

BEGIN = instant(datetime(2024, 2, 20))
DAYS = 24  # the summer time of New York begins among them

shop = dt.Entity("shop", keys={"town": dt.String(4), "shop": dt.String(4)})
sales = dt.EventSource(
    "sales",
    timestamp="sold_at",
    known_at="known_at",
    event_id="sale",
    dedup_window="2h",
    columns={
        "sale": dt.Int64(),
        "sold_at": dt.Timestamp(),
        "known_at": dt.Timestamp(),
        "town": dt.String(4),
        "shop": dt.String(4),
        "amount": dt.Int64(ge=0, le=1_000),
        "weight": dt.Float64(ge=0.0, le=100.0),
        "price": dt.Decimal(2, ge=0, le=1_000),
        "item": dt.String(6),
    },
    derive={"dear": "amount > 30"},
    filter="item <> 'test'",
)


def takings(**windows: Sequence[str]) -> View:
    """The view that is skewed: counts, sums, means, deviations, recency, last, distinct and lists."""
    longer = windows.get("longer", ["6h", "24h"])
    view = dt.FeatureView(
        "takings",
        entity=shop,
        source=sales,
        features=[
            dt.count(windows=["1h", *longer, "7d"]),
            dt.count("amount", windows=["24h"], name="amounts"),
            dt.count(where="dear", windows=["24h"], name="dear"),
            dt.sum("amount", windows=longer),
            dt.mean("weight", windows=["6h"]),
            dt.mean("amount", windows=["24h"]),
            dt.mean("price", windows=["24h"]),
            dt.std("amount", windows=["24h"]),
            dt.max("weight", windows=["6h"], hop="exact"),
            dt.last("amount"),
            dt.last("item", windows=["24h"]),
            dt.last_n("amount", n=3, windows=["24h"]),
            dt.count_distinct("amount", windows=["6h"]),
            dt.recency(),
            dt.rate("dear", windows=["24h"]),
        ],
    )
    return resolve([shop, sales, view], Project("shops", ("x",))).views[0]


VIEW = takings()
KEYS = [("ab", "c"), ("a", "bc"), ("N", "1"), ("n", "1"), ("N", "01"), ("S", "2"), ("W", "3"), ("O", "4")]
Row = dict[str, Any]
Key = tuple[str, str]


def history(seed: int, events: int = 900) -> list[Row]:
    """Sales on whole minutes or at odd microseconds; late ones, nulls, ties, and copies near and far."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for sale in range(events):
        sold = BEGIN + rng.randrange(DAYS * 24 * 12) * 5 * MINUTE
        if rng.random() < 0.5:
            sold += rng.randrange(5 * MINUTE)
        late = rng.randrange(6 * HOUR) if rng.random() < 0.3 else 0
        town, name = rng.choice([*KEYS, *KEYS[:3]])
        row = {
            "sale": sale,
            "sold_at": sold,
            "known_at": sold + late,
            "town": town,
            "shop": name,
            "amount": None if rng.random() < 0.1 else rng.randrange(60),
            "weight": rng.random() * 10,
            "price": None if rng.random() < 0.1 else spoken(rng.randrange(10_000), dt.Decimal(2)),
            "item": rng.choice(("apple", "pear", "plum", "test")),
        }
        rows.append(row)
        if rng.random() < 0.15:  # a tie, which arrives in another order than that of its values
            rows.append({**row, "sale": sale + 10_000, "amount": rng.randrange(60), "item": "tie"})
        if rng.random() < 0.1:
            rows.append({**row, "known_at": row["known_at"] + rng.randrange(HOUR)})
        if rng.random() < 0.05:
            rows.append({**row, "known_at": row["known_at"] + 3 * HOUR + rng.randrange(HOUR)})
    return sorted(rows, key=lambda row: row["known_at"])


def questions(rows: Sequence[Row], seed: int, count: int = 80) -> list[tuple[Key, int]]:
    """Keys and instants around what can go wrong: at events, arrivals, and edges of windows."""
    rng = random.Random(seed + 1)
    asked = []
    while len(asked) < count:
        row = rng.choice(rows)
        window = rng.choice([each.window for each in VIEW.reductions if each.window.length])
        leaving = row["sold_at"] // window.step * window.step + window.step + (window.length or 0)
        near = [row["sold_at"], row["known_at"], leaving]
        at = rng.choice([x + step for x in near for step in (-1, 0, 1)] + [row["sold_at"] + rng.randrange(2 * DAY)] * 3)
        if BEGIN + 7 * DAY <= at < BEGIN + DAYS * DAY:
            asked.append(((row["town"], row["shop"]), at))
    return asked


Answers = dict[str, Any]
Skew = Callable[[Sequence[Row], Key, int], Answers]
"""What a skewed side answers, by feature, as a user has it."""


def of_key(rows: Sequence[Row], key: Key) -> list[Row]:
    return [row for row in rows if (row["town"], row["shop"]) == key]


def right(rows: Sequence[Row], key: Key, t: int, view: View = VIEW) -> Answers:
    """What the judge answers."""
    answers = Judge(view, of_key(rows, key)).answers(key, t)
    types = {feature.name: feature.type for feature in view.features}
    return {name: spoken(answer.value, types[name]) for name, answer in answers.items()}
