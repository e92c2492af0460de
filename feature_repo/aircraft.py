"""What one aircraft has done lately, and what it is."""

import diptych as dt
from feature_repo.entities import plane
from feature_repo.sources import aircraft, departures, landings
from transforms.recency import recency_family

plane_movements = dt.FeatureView(
    "plane_movements",
    entity=plane,
    on={"tailnum": "tailnum"},
    source=departures,
    owner="ops-ml",
    freshness="10m",
    description="Departures of one aircraft: how much it flies, and how long it has been on the ground.",
    features=[
        dt.count(windows=["24h", "7d"], name="hops"),
        dt.sum("distance", windows=["24h", "7d"]),
        dt.last("dest", name="last_dest"),
        dt.last("dep_delay"),
        *recency_family(),
        *recency_family("held", name="held"),
    ],
)

plane_history = dt.FeatureView(
    "plane_history",
    entity=plane,
    on={"tailnum": "tailnum"},
    source=landings,
    owner="ops-ml",
    freshness="30m",
    description="How one aircraft's flights turned out.",
    features=[
        dt.mean("arr_delay", windows=["24h", "7d", "30d"]),
        dt.rate("late", windows=["30d"], name="late_rate"),
        dt.last("arr_delay"),
        dt.max("recovered", windows=["30d"]),
        dt.last_n("arr_delay", n=3, windows=["7d"]),
    ],
)

plane_attributes = dt.FeatureView(
    "plane_attributes",
    entity=plane,
    on={"tailnum": "tailnum"},
    source=aircraft,
    owner="fleet",
    description="What the aircraft is: one row of a table that is true since always.",
    features=[
        dt.last("year", name="year"),
        dt.last("seats", name="seats"),
        dt.last("engines", name="engines"),
        dt.last("manufacturer", name="manufacturer"),
    ],
)
