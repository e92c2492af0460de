"""From the clocks on the wall of two airports to instants in UTC.

The archive gives the departure as a UTC hour, a minute and a delay, which leaves no choice. It gives the
arrival only as a clock time at the destination, without a date, and this is how the date and the offset follow:

- The arrival is the first moment after the departure at which the destination's clock shows the arrival time.
  No flight here takes a day (the longest takes under 13 hours), so that moment is the only possible one.
- So of a clock time that occurs twice, when the clocks go back, the earlier one counts. A clock time that never
  occurs, when they go forward, is read in the offset before the change. Both say the same: the offset of the
  timetable still holds. One flight of the year needs each, and for both the scheduled arrival plus the reported
  delay is that very instant.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from diptych.ground.instants import DAY, LATEST, MINUTE

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
    shown = wall - wall % DAY + minutes_of_clock(clock) * MINUTE
    moments = [_instants(shown + day, zone, first) for day in (0, DAY) for first in (True, False)]
    after: Instants = np.min([np.where(moment > departed, moment, LATEST) for moment in moments], axis=0)
    return after


def _wall(instants: Instants, zone: str) -> npt.NDArray[np.int64]:
    utc = pd.DatetimeIndex(instants.astype("datetime64[us]"), tz="UTC")
    return utc.tz_convert(zone).tz_localize(None).as_unit("us").asi8


def _instants(wall: npt.NDArray[np.int64], zone: str, first: bool) -> Instants:
    """Instants of wall clock times; of two the ``first`` or the second, of none the one an hour on."""
    local = pd.DatetimeIndex(wall.astype("datetime64[us]"))
    which = np.full(len(local), first)
    return local.tz_localize(zone, ambiguous=which, nonexistent=pd.Timedelta(hours=1)).as_unit("us").asi8
