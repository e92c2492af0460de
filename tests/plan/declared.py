"""A small project that the tests of the plan share, and ways to resolve one."""

from collections.abc import Iterable
from typing import Any

import diptych as dt
from diptych.declare.mistakes import Mistake, RegistryError
from diptych.declare.project import Project
from diptych.plan import nodes
from diptych.plan.resolve import resolve

PROJECT = Project("demo", ("feature_repo",))
AIRPORT = dt.Entity("airport", keys={"airport": dt.String(3)})
COLUMNS: dict[str, Any] = {
    "flight_id": dt.String(16, nullable=False),
    "departed_at": dt.Timestamp(nullable=False),
    "landed_at": dt.Timestamp(),
    "origin": dt.Enum("EWR", "JFK", "LGA"),
    "dest": dt.String(3),
    "carrier": dt.String(2),
    "arr_delay": dt.Int64(ge=-200, le=2_000),
    "price": dt.Decimal(2, ge=0, le=100_000),
    "anything": dt.Int64(),
    "speed": dt.Float64(),
    "hours": dt.Float64(ge=0.0, le=24.0),
    "diverted": dt.Bool(),
}
FEATURES = [
    dt.count(windows=["1h", "24h"]),
    dt.count(where="late", windows=["1h"], name="late"),
    dt.mean("arr_delay", windows=["24h"]),
    dt.std("price", windows=["7d"]),
    dt.rate("late", windows=["24h"]),
    dt.recency(),
    dt.last("carrier", default="AA"),
    dt.last_n("carrier", n=3, windows=["24h"]),
    dt.max("arr_delay + 1", windows=["1h"], name="most"),
    dt.count_distinct("dest", where="origin = 'JFK'", windows=["7d"]),
]
"""One of nearly each kind."""


def source(**changes: Any) -> dt.EventSource:
    """Flights, with the options changed that are given."""
    options: dict[str, Any] = {
        "timestamp": "departed_at",
        "known_at": "landed_at",
        "event_id": "flight_id",
        "dedup_window": "24h",
        "columns": COLUMNS,
        "derive": {"late": "arr_delay > 15"},
    }
    return dt.EventSource("flights", **(options | changes))


def view(*features: dt.Aggregate, **changes: Any) -> dt.FeatureView:
    """Traffic by origin with the features given."""
    options: dict[str, Any] = {"entity": AIRPORT, "source": source(), "on": {"airport": "origin"}}
    return dt.FeatureView("traffic", features=list(features), **(options | changes))


def planned(*features: dt.Aggregate, **changes: Any) -> nodes.View:
    """The resolved view of those features."""
    return resolve([view(*features, **changes)], PROJECT).views[0]


def mistakes(declarations: Iterable[Any], project: Project = PROJECT) -> tuple[Mistake, ...]:
    """The mistakes for which the declarations do not load."""
    try:
        resolve(declarations, project)
    except RegistryError as error:
        return error.mistakes
    raise AssertionError("the declarations load")
