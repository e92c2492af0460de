"""Where events come from, what they may hold, and when each became known.

A departure is known when the aircraft leaves. A landing tells how late the same flight was, hours later: its time is
still the departure, but it is *known at* the landing, and a training row from in between must not see it.
"""

import diptych as dt
from transforms.delays import LATE_MINUTES

NEW_YORK = dt.Enum("EWR", "JFK", "LGA", nullable=False)

departures = dt.EventSource(
    "departures",
    timestamp="departed_at",
    event_id="flight_id",
    dedup_window="24h",
    owner="ops-data",
    description="Flights that left one of New York City's airports.",
    columns={
        "flight_id": dt.String(32, nullable=False),
        "departed_at": dt.Timestamp(nullable=False),
        "origin": NEW_YORK,
        "dest": dt.String(3, nullable=False),
        "carrier": dt.String(2, nullable=False),
        "tailnum": dt.String(6),
        "dep_delay": dt.Int64(ge=-120, le=2_000),
        "distance": dt.Int64(ge=1, le=10_000),
    },
    derive={"held": f"dep_delay > {LATE_MINUTES}"},
)

landings = dt.EventSource(
    "landings",
    timestamp="departed_at",
    known_at="landed_at",
    event_id="flight_id",
    dedup_window="24h",
    owner="ops-data",
    description="The same flights once they have landed, with what the flight turned out to be.",
    columns={
        "flight_id": dt.String(32, nullable=False),
        "departed_at": dt.Timestamp(nullable=False),
        "landed_at": dt.Timestamp(nullable=False),
        "origin": NEW_YORK,
        "dest": dt.String(3, nullable=False),
        "carrier": dt.String(2, nullable=False),
        "tailnum": dt.String(6),
        "dep_delay": dt.Int64(ge=-120, le=2_000),
        "arr_delay": dt.Int64(ge=-200, le=2_000),
        "air_time": dt.Int64(ge=1, le=1_000),
        "distance": dt.Int64(ge=1, le=10_000),
    },
    derive={
        "late": f"arr_delay > {LATE_MINUTES}",
        "recovered": "dep_delay - arr_delay",
        "speed": "distance / (air_time / 60)",
    },
)

aircraft = dt.EventSource(
    "aircraft",
    timestamp=None,
    owner="fleet",
    description="Attributes of aircraft from the registry; a table without a time, true since always.",
    columns={
        "tailnum": dt.String(6, nullable=False),
        "year": dt.Int64(ge=1900, le=2100),
        "manufacturer": dt.String(40),
        "model": dt.String(24),
        "engines": dt.Int64(ge=1, le=8),
        "seats": dt.Int64(ge=1, le=1_000),
    },
)

weather = dt.EventSource(
    "weather",
    timestamp="observed_at",
    owner="ops-data",
    description="Hourly observations at the three airports; one reading of 1,048 mph is refused at the door.",
    columns={
        "origin": NEW_YORK,
        "observed_at": dt.Timestamp(nullable=False),
        "temp": dt.Float64(ge=-60.0, le=140.0),
        "wind_speed": dt.Float64(ge=0.0, le=250.0),
        "precip": dt.Float64(ge=0.0, le=20.0),
        "visib": dt.Float64(ge=0.0, le=100.0),
    },
)
