"""What goes on at an airport: traffic as it leaves, delays once they are known, and the weather."""

import diptych as dt
from feature_repo.entities import airport
from feature_repo.sources import departures, landings, weather
from transforms.delays import delay_profile
from transforms.rates import volume_and_rate
from transforms.windows import RECENT

origin_traffic = dt.FeatureView(
    "origin_traffic",
    entity=airport,
    on={"airport": "origin"},
    source=departures,
    owner="ops-ml",
    freshness="10m",
    description="How busy an airport of departure is, and how many of its flights left late.",
    features=[
        dt.count(windows=["10m", *RECENT]),
        *volume_and_rate("held", name="held", windows=RECENT),
        dt.mean("dep_delay", windows=RECENT),
        dt.max("dep_delay", windows=["1h"]),
        dt.count_distinct("dest", windows=["3h"]),
        dt.last_n("carrier", n=5, windows=["1h"]),
        dt.recency(),
    ],
)

arrival_delays = dt.FeatureView(
    "arrival_delays",
    entity=airport,
    on={"airport": "dest"},
    source=landings,
    owner="ops-ml",
    freshness="30m",
    description="How late flights into an airport have been, known only once they have landed.",
    features=[
        dt.count(windows=["24h", "7d"]),
        dt.rate("late", windows=["24h", "7d"], name="late_rate"),
        *delay_profile("arr_delay"),
        dt.last("arr_delay"),
    ],
)

airport_weather = dt.FeatureView(
    "airport_weather",
    entity=airport,
    on={"airport": "origin"},
    source=weather,
    owner="ops-ml",
    freshness="2h",
    description="The last observation, and what the last hours were like.",
    features=[
        dt.last("temp", windows=["6h"]),
        dt.last("visib", windows=["6h"]),
        dt.max("wind_speed", windows=["6h", "24h"]),
        dt.sum("precip", windows=["6h", "24h"]),
        dt.min("visib", windows=["6h"]),
    ],
)
