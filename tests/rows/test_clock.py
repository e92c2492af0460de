"""The calendar of time zones over arrays, against Python's own, one instant at a time."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diptych.ground.expression import Op
from diptych.ground.instants import DAY, EARLIEST, HOUR, LATEST, instant, moment
from diptych.rows import clock

ZONES = ["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu"]
READ = {
    Op.HOUR: lambda local: local.hour,
    Op.DAY_OF_WEEK: lambda local: local.isoweekday(),
    Op.DAY_OF_MONTH: lambda local: local.day,
    Op.MONTH: lambda local: local.month,
    Op.YEAR: lambda local: local.year,
}
SPRING = instant(datetime(2013, 3, 10, 7, tzinfo=UTC))


@given(
    st.lists(st.integers(EARLIEST + 2 * DAY, LATEST - 2 * DAY) | st.integers(0, 2 * 10**15), min_size=1, max_size=5),
    st.sampled_from(ZONES),
)
@example([SPRING - 1, SPRING], "America/New_York")
@example(
    [instant(datetime(2011, 12, 30, 9, 59, tzinfo=UTC)), instant(datetime(2011, 12, 30, 10, tzinfo=UTC))],
    "Pacific/Apia",
)
def test_parts_agree_with_python(instants: list[int], zone: str) -> None:
    locals_ = [moment(at).astimezone(ZoneInfo(zone)) for at in instants]
    for op, read in READ.items():
        assert clock.part(op, np.array(instants), zone).tolist() == [read(local) for local in locals_]


def test_the_hour_that_summer_time_skips() -> None:
    around = np.array([SPRING - 1, SPRING])
    assert clock.part(Op.HOUR, around, "America/New_York").tolist() == [1, 3]


def test_the_ends_of_time_have_a_clock() -> None:
    ends = np.array([EARLIEST, LATEST])
    assert clock.part(Op.HOUR, ends, "UTC").tolist() == [0, 23]
    assert clock.part(Op.YEAR, ends, "UTC").tolist() == [1, 9999]
    assert clock.part(Op.DAY_OF_WEEK, ends, "UTC").tolist() == [1, 5]


@pytest.mark.parametrize("zone", sorted(available_timezones())[::12])
def test_no_zone_moves_its_clock_and_back_within_a_day(zone: str) -> None:
    """What ``offsets`` relies on, looked at hour by hour around every change of a century."""
    info = ZoneInfo(zone)
    start = datetime(1950, 1, 1, tzinfo=UTC)
    offsets = [(start + timedelta(days=day)).astimezone(info).utcoffset() for day in range(0, 36_500)]
    instants = []
    for day, (one, other) in enumerate(pairwise(offsets)):
        if one != other:
            base = instant(start) + day * DAY
            instants += [base + hour * HOUR for hour in range(-24, 49, 3)]
    expected = [moment(at).astimezone(info).utcoffset() // timedelta(microseconds=1) for at in instants]
    assert clock.offsets(np.array(instants, np.int64), zone).tolist() == expected
