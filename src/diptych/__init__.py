"""Diptych: declare a feature once, train and serve from it, and prove the two equal."""

from typing import TYPE_CHECKING, Any

from diptych.declare import reduce
from diptych.declare.aggregate import (
    Aggregate,
    aggregate,
    count,
    count_distinct,
    event_time,
    first,
    last,
    last_n,
    max,
    mean,
    min,
    rate,
    recency,
    since_first,
    std,
    sum,
    var,
)  # fmt: skip
from diptych.declare.entity import Entity
from diptych.declare.operators import Expr, case, col, function, lit
from diptych.declare.service import FeatureService
from diptych.declare.source import EventSource
from diptych.declare.view import FeatureView, ViewUse
from diptych.ground.errors import DiptychError
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp

if TYPE_CHECKING:
    from diptych.store import FeatureStore

__all__ = [
    "Aggregate", "Bool", "Decimal", "DiptychError", "Entity", "Enum", "EventSource", "Expr", "FeatureService",
    "FeatureStore", "FeatureView", "Float64", "Int64", "String", "Timestamp", "ViewUse", "aggregate", "case", "col",
    "count", "count_distinct", "event_time", "first", "function", "last", "last_n", "lit", "max", "mean", "min",
    "rate", "recency", "reduce", "since_first", "std", "sum", "var",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """FeatureStore on first use, so that declarations load without an engine or a store."""
    if name == "FeatureStore":
        from diptych.store import FeatureStore

        return FeatureStore
    raise AttributeError(f"module 'diptych' has no attribute {name!r}")
