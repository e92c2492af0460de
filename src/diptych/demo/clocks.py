"""From the clocks on the wall of two airports to instants in UTC.

The archive gives the departure as a UTC hour, a minute and a delay, which leaves no choice. It gives the
arrival only as a clock time at the destination, without a date, and this is how the date and the offset follow:

- The arrival is the first moment after the departure at which the destination's clock shows the arrival time.
  No flight here takes a day (the longest takes under 12 hours), so that moment is the only possible one.
- A clock time that occurs twice, when the clocks go back, is the earlier one; a clock time that never occurs,
  when they go forward, is read in the offset before the change. Both say the same: the offset of the timetable
  still holds. One flight of the year needs each half of this rule, and in both the scheduled arrival plus the
  reported delay gives that very instant.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from diptych.ground.instants import DAY, MINUTE

Instants = npt.NDArray[np.int64]
"""Microseconds since the Unix epoch, UTC."""

ZONES_BY_HAND: Mapping[str, str] = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
"""The time zones of the destinations that the archive's table of airports leaves out."""


def minutes_of_clock(clock: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Minutes since midnight of clock times written as hours * 100 + minutes; 2400 is midnight."""
    return (clock // 100 * 60 + clock % 100) % (24 * 60)


def first_after(departed: Instants, clock: npt.NDArray[np.int64], zone: str) -> Instants:
    """The first instants after ``departed`` at which the clocks of ``zone`` show ``clock`` (hours * 100 + minutes)."""
    wall = _wall(departed, zone)
    midnight = wall - wall % DAY
    shown = midnight + minutes_of_clock(clock) * MINUTE
    return _instants(shown + np.where(shown <= wall, DAY, 0), zone)


def _wall(instants: Instants, zone: str) -> npt.NDArray[np.int64]:
    utc = pd.DatetimeIndex(instants.astype("datetime64[us]"), tz="UTC")
    return utc.tz_convert(zone).tz_localize(None).as_unit("us").asi8


def _instants(wall: npt.NDArray[np.int64], zone: str) -> Instants:
    local = pd.DatetimeIndex(wall.astype("datetime64[us]"))
    earlier = np.ones(len(local), dtype=np.bool_)
    return local.tz_localize(zone, ambiguous=earlier, nonexistent=pd.Timedelta(hours=1)).as_unit("us").asi8
