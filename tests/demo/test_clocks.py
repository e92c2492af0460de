"""Arrival clocks become instants: rolled past midnight, over zones, and at both changes of the clocks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diptych.demo.clocks import first_after
from diptych.ground.instants import MINUTE, instant, moment

PACIFIC = "America/Los_Angeles"
ZONES = ["America/New_York", PACIFIC, "America/Phoenix", "America/Puerto_Rico", "Pacific/Honolulu"]


def landed(departed: datetime, clock: int, zone: str) -> datetime:
    return moment(int(first_after(np.array([instant(departed)]), np.array([clock]), zone)[0]))


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("departed", "clock", "zone", "expected"),
    [
        pytest.param(utc(2013, 1, 1, 10, 17), 830, "America/Chicago", utc(2013, 1, 1, 14, 30), id="same day"),
        pytest.param(utc(2013, 1, 2, 3, 0), 15, "America/New_York", utc(2013, 1, 2, 5, 15), id="past midnight"),
        pytest.param(utc(2013, 1, 2, 3, 0), 2400, "America/New_York", utc(2013, 1, 2, 5, 0), id="midnight as 2400"),
        pytest.param(utc(2013, 1, 2, 3, 0), 0, "America/New_York", utc(2013, 1, 2, 5, 0), id="midnight as 0"),
        pytest.param(utc(2013, 1, 1, 15, 0), 1000, "America/New_York", utc(2013, 1, 2, 15, 0), id="never at once"),
        pytest.param(utc(2014, 1, 1, 4, 30), 230, "America/Puerto_Rico", utc(2014, 1, 1, 6, 30), id="past new year"),
        pytest.param(utc(2013, 3, 10, 4, 6), 203, "America/New_York", utc(2013, 3, 10, 7, 3), id="in the skipped hour"),
        pytest.param(utc(2013, 3, 10, 4, 6), 303, "America/New_York", utc(2013, 3, 10, 7, 3), id="after the skip"),
        pytest.param(utc(2013, 3, 10, 4, 6), 159, "America/New_York", utc(2013, 3, 10, 6, 59), id="before the skip"),
        pytest.param(utc(2013, 11, 3, 2, 17), 114, PACIFIC, utc(2013, 11, 3, 8, 14), id="in the hour twice"),
        pytest.param(utc(2013, 11, 3, 2, 17), 200, PACIFIC, utc(2013, 11, 3, 10, 0), id="after the hour twice"),
    ],
)
def test_the_first_moment_after_departure(departed: datetime, clock: int, zone: str, expected: datetime) -> None:
    assert landed(departed, clock, zone) == expected


@given(
    departed=st.integers(instant(utc(2013, 1, 1)) // MINUTE, instant(utc(2014, 1, 2)) // MINUTE),
    minutes=st.integers(1, 13 * 60),
    zone=st.sampled_from(ZONES),
)
@example(departed=instant(utc(2013, 11, 3, 5, 45)) // MINUTE, minutes=45, zone="America/New_York")
@example(departed=instant(utc(2013, 11, 3, 6, 30)) // MINUTE, minutes=15, zone="America/New_York")
@example(departed=instant(utc(2013, 11, 3, 6, 30)) // MINUTE, minutes=60, zone="America/New_York")
@example(departed=instant(utc(2013, 3, 10, 6, 59)) // MINUTE, minutes=1, zone="America/New_York")
def test_it_is_the_first_minute_that_shows_the_clock(departed: int, minutes: int, zone: str) -> None:
    clocks = [moment((departed + step) * MINUTE).astimezone(ZoneInfo(zone)) for step in range(1, minutes + 1)]
    shown = [at.hour * 100 + at.minute for at in clocks]
    expected = clocks[shown.index(shown[-1])].astimezone(UTC)
    assert landed(moment(departed * MINUTE), shown[-1], zone) == expected


def test_many_flights_of_one_zone_at_once() -> None:
    departed = np.array([instant(utc(2013, 1, 1, 10, 17)), instant(utc(2013, 7, 1, 10, 17))])
    both = first_after(departed, np.array([830, 830]), "America/Chicago")
    assert [moment(int(at)) for at in both] == [utc(2013, 1, 1, 14, 30), utc(2013, 7, 1, 13, 30)]


def test_no_flight_at_all() -> None:
    none = np.array([], dtype=np.int64)
    assert first_after(none, none, "America/Chicago").tolist() == []
