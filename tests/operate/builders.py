"""Small registries, as a team would declare them, for the tests of rollout and description."""

from typing import Any

import diptych as dt
from diptych.declare.project import Project
from diptych.plan.nodes import Registry
from diptych.plan.resolve import resolve

PROJECT = Project(project="shop", modules=("features",))


def orders(**changed: Any) -> dt.EventSource:
    """A source of orders; keywords replace what it declares."""
    declared: dict[str, Any] = {
        "timestamp": "ordered_at",
        "event_id": "order_id",
        "columns": {
            "order_id": dt.String(12, nullable=False),
            "ordered_at": dt.Timestamp(nullable=False),
            "customer": dt.String(8),
            "amount": dt.Int64(ge=0, le=10_000),
            "paid": dt.Bool(),
        },
    }
    return dt.EventSource("orders", **{**declared, **changed})


def spending(
    features: list[dt.Aggregate] | None = None, source: dt.EventSource | None = None, **changed: Any
) -> dt.FeatureView:
    """A view of customers over orders."""
    customer = changed.pop("entity", None) or dt.Entity("customer", keys={"customer": dt.String(8)})
    declared = features if features is not None else [dt.count(windows=["1h"]), dt.sum("amount", windows=["24h"])]
    name = changed.pop("name", "spending")
    return dt.FeatureView(name, entity=customer, source=source or orders(), features=declared, **changed)


def registry(*declarations: Any) -> Registry:
    """The resolved registry of these declarations."""
    return resolve(declarations, PROJECT)
