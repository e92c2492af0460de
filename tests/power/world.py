"""The history of the shops by seed, and the folder in which a suite finds it beside the definitions.

Three fifths of what happens is known at once; the rest is late, repeated near and far, or ahead of its time. Instants lie
on whole minutes and hours, so that edges of hops are met and events coincide; nulls, NaN and -0.0 are everywhere.
"""

import random
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SHOPS_REPOSITORY = Path(__file__).parent / "shops"
BEGIN = datetime(2024, 3, 7, tzinfo=UTC)
"""Three days before New York moves its clocks."""
DAYS = 6
SHOPS = ("a", "ab", "A", "b ", "c", "d", "e")
TILLS = ("1", "b1", "2", " 2", "x")
NOTES = (None, "", "gift", "giftbox", "gift card", "Gift", "straße", "return")
CARDS = ("cash", "credit", "debit", "Debit", None)
CUSTOMERS = (1, 2, 3, 12, -4, 2**53, 2**53 + 1)
PAGES = ("home", "Home", "basket", "help", "", None)


CUT = BEGIN + timedelta(days=3, hours=12)
"""Where the simulation's backfill ends and its stream begins: after the clocks moved."""
SERVICE = "checkout:1"
REQUESTS = "data/requests.parquet"


HISTORIES = {"payments": "data/payments.parquet", "visits": "data/visits.parquet"}


def settle(root: Path, seed: int = 1, payments: int = 1_500, visits: int = 700, requests: int = 60) -> Path:
    """Put the repository and its history into a folder, the same for the same numbers; returns the folder.

    About 8 % of the payments are delivered more than once. ``requests`` of the service are beside the history.
    """
    root.mkdir(parents=True, exist_ok=True)
    for file in SHOPS_REPOSITORY.iterdir():
        if file.is_file():
            shutil.copy(file, root / file.name)
    (root / "data").mkdir(parents=True)
    pq.write_table(_payments(random.Random(seed), payments), root / HISTORIES["payments"])
    pq.write_table(_visits(random.Random(seed + 1), visits), root / HISTORIES["visits"])
    pq.write_table(_requests(random.Random(seed + 2), requests), root / REQUESTS)
    return root


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
        together = bool(rows) and rng.random() < 0.2  # in the same microsecond as the last one
        paid = rows[-1]["paid_at"] if together else _moment(rng)
        row = {
            "payment": number,
            "paid_at": paid,
            "booked_at": paid + _late(rng),
            "shop": _shop(rng, rows) if together else rng.choice(("a", "a", "a", *SHOPS)),
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


def _shop(rng: random.Random, rows: list[dict[str, Any]]) -> str | None:
    """Of what happens together, most happens in one shop; now and then nobody says where."""
    return rng.choice(("a", "ab", rows[-1]["shop"], None))


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
        copy["booked_at"] += timedelta(seconds=rng.choice((2, 90)))
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
