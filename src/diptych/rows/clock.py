"""The calendar of a time zone over arrays of instants, by the zones that Python itself knows."""

from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from diptych.ground.expression import Op
from diptych.ground.instants import DAY, HOUR, moment

Instants = npt.NDArray[np.int64]

_GREGORIAN = 146_097  # days in 400 years, after which the calendar repeats, weekdays included
_FIRST, _LAST = -719_162 + 1, 2_932_896 - 1  # days since the epoch that Python's calendar holds in every zone
_MICROSECOND = timedelta(microseconds=1)


def part(op: Op, instants: Instants, zone: str) -> Instants:
    """HOUR, DAY_OF_WEEK (Monday 1 to Sunday 7), DAY_OF_MONTH, MONTH or YEAR on the clock of ``zone``."""
    local = instants + offsets(instants, zone)
    day = local // DAY
    match op:
        case Op.HOUR:
            hour: Instants = (local - day * DAY) // HOUR
            return hour
        case Op.DAY_OF_WEEK:
            return (day + 3) % 7 + 1  # the epoch was a Thursday
        case Op.DAY_OF_MONTH:
            date = day.astype("M8[D]")
            since_first: Instants = (date - date.astype("M8[M]")).astype(np.int64)
            return since_first + 1
        case Op.MONTH:
            return day.astype("M8[D]").astype("M8[M]").astype(np.int64) % 12 + 1
        case Op.YEAR:
            return day.astype("M8[D]").astype("M8[Y]").astype(np.int64) + 1970
        case _:
            raise AssertionError(f"{op} is not a part of the calendar")


def offsets(instants: Instants, zone: str) -> Instants:
    """Local time minus UTC at each instant, in microseconds.

    A UTC day that begins and ends with one offset has that offset throughout (no zone moves its clock and moves it back
    within a day); on the days of a change every different instant is asked for by itself.
    """
    day, inverse = np.unique(instants // DAY, return_inverse=True)
    start = np.array([_offset(int(d) * DAY, zone) for d in day], np.int64)
    end = np.array([_offset(int(d) * DAY + DAY - 1, zone) for d in day], np.int64)
    found = start[inverse]
    changing = (start != end)[inverse]
    if changing.any():
        single, back = np.unique(instants[changing], return_inverse=True)
        found[changing] = np.array([_offset(int(at), zone) for at in single], np.int64)[back]
    return found


@lru_cache(maxsize=100_000)
def _offset(instant_us: int, zone: str) -> int:
    day = instant_us // DAY
    nearer = _GREGORIAN if day < _FIRST else -_GREGORIAN if day > _LAST else 0
    shift = moment(instant_us + nearer * DAY).astimezone(_zone(zone)).utcoffset()
    assert shift is not None
    return shift // _MICROSECOND


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
