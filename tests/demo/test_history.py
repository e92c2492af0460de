"""The flight history holds the year's known facts: counts, identities, instants, and what was known when."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.demo.archive import archive_folder, read_flights
from diptych.demo.clocks import ZONES_BY_HAND
from diptych.demo.flights import flight_ids
from diptych.demo.history import FlightHistory

INSTANT = pa.timestamp("us", tz="UTC")
PLACES = [(name, pa.string()) for name in ("origin", "dest", "carrier", "tailnum")]


@pytest.fixture(scope="module")
def schedule(history: FlightHistory) -> pd.DataFrame:
    return pq.read_table(history.schedule).to_pandas().set_index("flight_id")


@pytest.fixture(scope="module")
def departures(history: FlightHistory) -> pd.DataFrame:
    return pq.read_table(history.departures).to_pandas().set_index("flight_id")


@pytest.fixture(scope="module")
def landings(history: FlightHistory) -> pd.DataFrame:
    return pq.read_table(history.landings).to_pandas().set_index("flight_id")


def test_the_columns_and_their_types(history: FlightHistory) -> None:
    whole = [(name, pa.int64()) for name in ("dep_delay", "arr_delay", "air_time", "distance")]
    assert pq.read_schema(history.landings) == pa.schema(
        [("flight_id", pa.string()), ("landed_at", INSTANT), ("departed_at", INSTANT), *PLACES, *whole]
    )
    assert pq.read_schema(history.departures) == pa.schema(
        [
            *(("flight_id", pa.string()), ("departed_at", INSTANT), ("scheduled_at", INSTANT), *PLACES),
            *(("dep_delay", pa.int64()), ("distance", pa.int64())),
        ]
    )
    assert pq.read_schema(history.schedule) == pa.schema(
        [
            *(("flight_id", pa.string()), ("scheduled_at", INSTANT), *PLACES),
            *(("distance", pa.int64()), ("cancelled", pa.bool_()), ("late", pa.bool_())),
        ]
    )


def test_how_many_were_scheduled_left_and_landed(
    schedule: pd.DataFrame, departures: pd.DataFrame, landings: pd.DataFrame
) -> None:
    assert len(schedule) == 336_776
    assert schedule["cancelled"].sum() == 336_776 - len(departures) == 8_255
    assert len(departures) - len(landings) == 1_175
    assert schedule["late"].isna().sum() == 8_255 + 1_175
    assert (schedule["late"] == True).sum() == (landings["arr_delay"] > 15).sum() == 77_630  # noqa: E712


def test_a_flight_has_one_identity(schedule: pd.DataFrame, departures: pd.DataFrame, landings: pd.DataFrame) -> None:
    assert schedule.index.is_unique
    assert set(landings.index) < set(departures.index) < set(schedule.index)
    assert set(departures.index) == set(schedule.index[~schedule["cancelled"]])
    first = schedule.loc["2013-01-01:UA:1545:EWR"]
    assert (first["dest"], first["tailnum"], first["distance"]) == ("IAH", "N14228", 1_400)


def test_only_a_cancelled_flight_may_lack_its_plane(
    schedule: pd.DataFrame, departures: pd.DataFrame, landings: pd.DataFrame
) -> None:
    assert schedule.loc[schedule["tailnum"].isna(), "cancelled"].all()
    assert schedule["tailnum"].isna().sum() == 2_512
    assert departures.notna().all(axis=None)
    assert landings.notna().all(axis=None)


def test_rows_are_ordered_by_time_then_identity(history: FlightHistory) -> None:
    for path, instant in [
        (history.schedule, "scheduled_at"),
        (history.departures, "departed_at"),
        (history.landings, "landed_at"),
    ]:
        keys = pq.read_table(path, columns=[instant, "flight_id"]).to_pandas()
        assert keys.equals(keys.sort_values([instant, "flight_id"], ignore_index=True))


def test_a_departure_is_its_schedule_and_its_delay(departures: pd.DataFrame) -> None:
    delay = pd.to_timedelta(departures["dep_delay"], unit="min")
    assert (departures["departed_at"] == departures["scheduled_at"] + delay).all()


def test_the_local_clock_showed_the_reported_departure(departures: pd.DataFrame) -> None:
    raw = read_flights(archive_folder())
    clocks = pd.Series(raw["dep_time"].to_pandas().to_numpy(), index=flight_ids(raw).to_pylist())
    reported = clocks.reindex(departures.index)
    local = departures["departed_at"].dt.tz_convert("America/New_York")
    assert (local.dt.hour * 100 + local.dt.minute == reported % 2400).all()


def test_a_flight_is_known_to_have_landed_after_its_time_in_the_air(landings: pd.DataFrame) -> None:
    under_way = (landings["landed_at"] - landings["departed_at"]) / pd.Timedelta(minutes=1)
    on_the_ground = under_way - landings["air_time"]
    assert on_the_ground.between(5, 235).all()
    assert on_the_ground.median() == 28
    assert on_the_ground.quantile(0.999) == 136


def test_no_destination_lies_an_hour_off(schedule: pd.DataFrame, landings: pd.DataFrame) -> None:
    """A wrong time zone would shift all flights to one destination by whole hours."""
    under_way = (landings["landed_at"] - landings["departed_at"]) / pd.Timedelta(minutes=1)
    medians = (under_way - landings["air_time"]).groupby(landings["dest"]).median()
    assert len(medians) == 104
    assert medians.between(20, 37).all()
    assert schedule["dest"].isin(ZONES_BY_HAND).sum() == 7_602


BY_HAND = {
    "winter, an hour west": ("2013-01-01:UA:1545:EWR", "2013-01-01T10:17Z", "2013-01-01T14:30Z"),
    "five hours west": ("2013-01-01:HA:51:JFK", "2013-01-01T13:57Z", "2013-01-02T01:16Z"),
    "summer, a zone by hand": ("2013-07-04:B6:1403:JFK", "2013-07-04T10:15Z", "2013-07-04T13:52Z"),
    "past new year": ("2013-12-31:UA:1071:EWR", "2014-01-01T02:15Z", "2014-01-01T05:44Z"),
    "delayed past midnight": ("2013-12-31:B6:839:JFK", "2014-01-01T05:13Z", "2014-01-01T08:39Z"),
    "in the hour that was skipped": ("2013-03-09:B6:35:JFK", "2013-03-10T04:06Z", "2013-03-10T07:03Z"),
    "zone without the skip": ("2013-03-09:B6:739:JFK", "2013-03-10T03:59Z", "2013-03-10T07:59Z"),
    "in the hour that came twice": ("2013-11-02:VX:413:JFK", "2013-11-03T02:17Z", "2013-11-03T08:14Z"),
    "the longest wait on the ground": ("2013-11-01:VX:399:JFK", "2013-11-01T10:58Z", "2013-11-01T20:29Z"),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_instants_worked_out_by_hand(case: str, landings: pd.DataFrame) -> None:
    flight_id, departed, landed = BY_HAND[case]
    flight = landings.loc[flight_id]
    assert (flight["departed_at"], flight["landed_at"]) == (pd.Timestamp(departed), pd.Timestamp(landed))


def test_planes_and_weather_as_they_were_reported(history: FlightHistory, schedule: pd.DataFrame) -> None:
    planes, weather = (pq.read_table(path).to_pandas() for path in (history.planes, history.weather))
    assert (len(planes), len(weather)) == (3_322, 26_115)
    assert planes["tailnum"].is_unique
    assert len(set(schedule["tailnum"].dropna()) - set(planes["tailnum"])) == 721
    assert not weather.duplicated(["origin", "observed_at"]).any()
    assert not np.isinf(weather.select_dtypes("number")).any(axis=None)
    impossible = weather[weather["wind_speed"] > 100]
    assert impossible[["origin", "observed_at"]].to_numpy().tolist() == [["EWR", pd.Timestamp("2013-02-12T08:00Z")]]
