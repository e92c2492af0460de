"""A small shop for tests that need a realistic view: purchases by user and by (user, shop), seeded and with repeats."""

import random
from typing import Any

from diptych.ground.instants import DAY, HOUR, MINUTE
from diptych.ground.values import Float64, Int64, String
from diptych.plan.nodes import Kind, Source, View, Window
from diptych.testing.build import LIFETIME, Building, column, mean, since, source, std

START = 1_700_000_000_000_000
HOURLY, DAILY, EXACT = Window(HOUR, 5 * MINUTE), Window(DAY, HOUR), Window(10 * MINUTE)


def purchases(**options: Any) -> Source:
    columns = {
        "user": String(6),
        "shop": Int64(),
        "amount": Int64(ge=-1000, le=1000),
        "weight": Float64(),
        "kind": String(8),
    }
    return source(columns, **({"known_at": True, "event_id": True, "dedup_window": 10 * MINUTE} | options))


def by_user(over: Source | None = None, name: str = "by_user") -> View:
    over = over or purchases()
    view = Building(over, {"user": String(6)})
    amount, weight, kind = (column(over, name) for name in ("amount", "weight", "kind"))
    for label, window in (("1h", HOURLY), ("1d", DAILY), ("10m", EXACT), ("ever", LIFETIME)):
        view.feature(f"count_{label}", view.reduce(Kind.COUNT, window))
        view.feature(f"sum_{label}", view.reduce(Kind.SUM, window, amount))
    view.feature("mean_1d", mean(view, amount, DAILY))
    view.feature("std_1d", std(view, amount, DAILY))
    view.feature("weight_1h", view.reduce(Kind.SUM, HOURLY, weight))
    view.feature("last_kind", view.reduce(Kind.LAST, LIFETIME, kind))
    view.feature("kinds_1d", view.reduce(Kind.DISTINCT, DAILY, kind))
    view.feature("last_3", view.reduce(Kind.LATEST, DAILY, amount, n=3))
    view.feature("recency", since(view, Kind.MAX, LIFETIME))
    return view.view(name)


def by_user_and_shop(over: Source | None = None, name: str = "by_user_and_shop") -> View:
    over = over or purchases()
    view = Building(over, {"user": String(6), "shop": Int64()})
    view.feature("count_1d", view.reduce(Kind.COUNT, DAILY))
    view.feature("max_1h", view.reduce(Kind.MAX, HOURLY, column(over, "amount")))
    built = view.view(name)
    return View(**{**{f: getattr(built, f) for f in View.__slots__}, "entity": _named(built, "visit")})


def _named(view: View, name: str) -> Any:
    return type(view.entity)(name, view.entity.keys, view.entity.description)


def rows(
    count: int, seed: int = 0, users: int = 5, length: int = 2 * DAY, repeats: float = 0.1
) -> list[dict[str, Any]]:
    """Purchases in the order in which they became known: delays, some repeats, some nulls."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        at = START + draw.randrange(length)
        found.append(
            {
                "id": f"e{number}",
                "at": at,
                "known": at + draw.choice((0, 0, 1, draw.randrange(5 * MINUTE), draw.randrange(2 * HOUR))),
                "user": f"u{draw.randrange(users)}",
                "shop": draw.randrange(3),
                "amount": draw.choice((None, draw.randrange(-1000, 1001))),
                "weight": draw.choice((None, draw.uniform(-1, 1))),
                "kind": draw.choice((None, "a", "bb", "é")),
            }
        )
    for row in draw.sample(found, int(count * repeats)):
        found.append({**row, "known": row["known"] + draw.randrange(20 * MINUTE)})
    return sorted(found, key=lambda row: row["known"])
