"""How carriers and routes perform."""

import diptych as dt
from feature_repo.entities import carrier, route
from feature_repo.sources import departures, landings
from transforms.delays import delay_profile
from transforms.rates import volume_and_rate
from transforms.windows import RECENT, SEASONAL

carrier_departures = dt.FeatureView(
    "carrier_departures",
    entity=carrier,
    on={"carrier": "carrier"},
    source=departures,
    owner="ops-ml",
    freshness="10m",
    description="How punctually a carrier leaves, and how widely it flies.",
    features=[
        dt.count(windows=RECENT),
        *volume_and_rate("held", name="held", windows=RECENT),
        dt.mean("dep_delay", windows=["3h", "24h"], hop="exact"),
        dt.count_distinct("tailnum", windows=["24h"]),
    ],
)

route_history = dt.FeatureView(
    "route_history",
    entity=route,
    on={"origin": "origin", "dest": "dest"},
    source=landings,
    owner="ops-ml",
    freshness="1h",
    description="What a route is like: how often it is flown, how late it runs, how fast it goes.",
    features=[
        dt.count(windows=SEASONAL),
        dt.rate("late", windows=["7d", "30d"], name="late_rate"),
        *delay_profile("arr_delay", windows=["24h", "7d", "30d"]),
        dt.mean("speed", windows=["7d"]),
        dt.var("speed", windows=["30d"]),
        dt.count_distinct("carrier", windows=["30d"]),
        dt.first("carrier", name="first_carrier"),
    ],
)
