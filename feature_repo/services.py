"""What models ask for: one service a model, versioned."""

import diptych as dt
from feature_repo.aircraft import plane_attributes, plane_history, plane_movements
from feature_repo.airports import airport_weather, arrival_delays, origin_traffic
from feature_repo.networks import carrier_departures, route_history
from transforms.calendars import calendar

late_arrival = dt.FeatureService(
    "late_arrival",
    version=1,
    owner="ops-ml",
    description="Will this flight arrive late? Asked at its scheduled departure, before it has left.",
    features=[
        origin_traffic.alias("origin", on={"airport": "origin"}),
        airport_weather.alias("origin_weather", on={"airport": "origin"}),
        arrival_delays.alias("dest_delays", on={"airport": "dest"}),
        plane_movements,
        plane_history,
        plane_attributes,
        carrier_departures,
        route_history,
    ],
    request={"distance": dt.Int64(ge=1, le=10_000)},
    derived={
        **calendar("America/New_York"),
        "held_share_3h": "origin.held_3h / origin.count_3h",
        "carrier_share_1h": "carrier_departures.count_1h / origin.count_1h",
        "usual_hours": "distance / route_history.speed_mean_7d",
        "rested": "coalesce(plane_movements.recency > 6 * 3600, true)",
    },
)

ramp_board = dt.FeatureService(
    "ramp_board",
    version=1,
    owner="ops",
    description="What the people on the ramp look at: how busy it is and how late things run, now.",
    features=[
        origin_traffic["count_10m", "count_1h", "held_1h", "dep_delay_mean_1h", "carrier_last_5_1h", "recency"].alias(
            "origin", on={"airport": "origin"}
        ),
        carrier_departures["count_1h", "held_1h"],
    ],
)
