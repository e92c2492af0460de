"""A team's repository with a request log, served and fed through its door."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import diptych as dt

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SETTINGS = """
project = "shops"
modules = ["feature_repo"]
[environments.local.sources]
sales = {{ path = "sales.parquet" }}
[environments.local.recording]
requests = {{ path = "requests"{more} }}
"""
DEFINITIONS = """
import diptych as dt

shop = dt.Entity("shop", keys={"shop": dt.String(8)})
region = dt.Entity("region", keys={"region": dt.Enum("north", "south")})
sales = dt.EventSource(
    "sales", timestamp="at", known_at="known", event_id="id", dedup_window="1h",
    columns={
        "id": dt.Int64(), "at": dt.Timestamp(), "known": dt.Timestamp(), "shop": dt.String(8),
        "region": dt.Enum("north", "south"), "amount": dt.Int64(ge=0, le=1000),
    },
)
traffic = dt.FeatureView(
    "traffic", entity=shop, source=sales,
    features=[dt.count(windows=["1h", "24h"]), dt.sum("amount", windows=["24h"]), dt.last("amount")],
)
regional = dt.FeatureView("regional", entity=region, source=sales, features=[dt.count(windows=["24h"])])
scoring = dt.FeatureService(
    "scoring", version=1, features=[traffic, regional], request={"basket": dt.Int64(ge=0, le=10_000)},
    derived={"share": "basket / traffic.amount_sum_24h"},
)
"""


def sale(number: int, minute: float, *, known: float | None = None, **given: Any) -> dict[str, Any]:
    """A sale so many minutes after NOON, known at once or later."""
    at = NOON + timedelta(minutes=minute)
    later = at if known is None else NOON + timedelta(minutes=known)
    row = {"id": number, "at": at, "known": later, "shop": f"s{number % 3}", "region": "north", "amount": number % 100}
    return row | given


def sales(count: int = 120) -> list[dict[str, Any]]:
    """A sale a minute from NOON on, every seventh known half an hour late."""
    return [
        sale(n, n, known=n + 30 if n % 7 == 0 else None, region="north" if n % 2 else "south") for n in range(count)
    ]


@dataclasses.dataclass
class Shop:
    """The repository in a folder, served by an embedded server of its own."""

    root: Path

    @classmethod
    def of(cls, root: Path, more: str = "", definitions: str = DEFINITIONS) -> "Shop":
        """Lay it down."""
        (root / "diptych.toml").write_text(SETTINGS.format(more=more))
        (root / "feature_repo").mkdir()
        (root / "feature_repo" / "__init__.py").touch()
        made = cls(root)
        made.define(definitions)
        made.history(sales())
        return made

    def define(self, definitions: str) -> None:
        """Write the definitions."""
        (self.root / "feature_repo" / "shops.py").write_text(definitions)

    def history(self, rows: Sequence[dict[str, Any]], name: str = "sales.parquet") -> Path:
        """Write the history, or another file."""
        pq.write_table(pa.Table.from_pylist(list(rows)), self.root / name)
        return self.root / name

    def ask(self, store: dt.FeatureStore, minutes: Sequence[float] = range(10, 120, 10)) -> None:
        """Ask for three shops and an unseen one at some minutes after NOON."""
        for minute in minutes:
            rows = [
                {"shop": shop, "region": region, "basket": 50}
                for shop, region in (("s0", "north"), ("s1", "south"), ("s2", None), ("nobody", "north"))
            ]
            at = NOON + timedelta(minutes=minute)
            store.get_online_features("scoring", rows, at=at, request_id=f"at {minute:g}")

    def serve(self, fed: Sequence[dict[str, Any]] | None = None) -> None:
        """Publish, feed (None: exactly the history), ask and close, so that the log is written."""
        file = self.history(sales() if fed is None else fed, "fed.parquet")
        with dt.FeatureStore(self.root) as store:
            store.apply(cut=NOON - timedelta(days=1))
            store.ingest("sales", [file])
            self.ask(store)
