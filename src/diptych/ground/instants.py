"""Instants and durations as whole microseconds, UTC.

An instant is an int64 count of microseconds since the Unix epoch; a duration is a positive count of them.
Nothing here reads a clock: time is a parameter everywhere below the doors.
"""

import re
from datetime import UTC, datetime, timedelta

from diptych.ground.errors import DiptychError

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EARLIEST = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z, the first instant that every engine can hold; the time of what was true since always."""
LATEST = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z, the last instant that every engine can hold."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {"us": 1, "ms": 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"(\d+)(us|ms|s|m|h|d|w)")


class BadDuration(DiptychError):
    """A duration that cannot be read."""


def instant(moment: datetime) -> int:
    """Microseconds since the epoch of ``moment``; a naive datetime is taken as UTC, never as local time."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (aware - _EPOCH) // _MICROSECOND


def moment(instant_us: int) -> datetime:
    """The aware UTC datetime of an instant within [EARLIEST, LATEST]."""
    return _EPOCH + timedelta(microseconds=instant_us)


def duration(text: str | timedelta) -> int:
    """Microseconds of a duration written like ``"90s"``, ``"24h"`` or ``"7d"`` (a day is always 24 h).

    Raises BadDuration when the text has no known unit or the duration is not positive.
    """
    if isinstance(text, timedelta):
        length = text // _MICROSECOND
    else:
        match = _DURATION.fullmatch(text.strip())
        if match is None:
            raise BadDuration(f"cannot read {text!r} as a duration; write a whole number and one of {_known_units()}")
        length = int(match[1]) * _UNITS[match[2]]
    if length <= 0:
        raise BadDuration(f"a duration must be positive, not {text!r}")
    return length


def spell(length_us: int) -> str:
    """The shortest spelling of a duration that ``duration`` reads back, ``"24h"`` for a day and ``"7d"`` for a week."""
    if length_us == DAY:
        return "24h"
    for unit in ("d", "h", "m", "s", "ms"):
        if length_us % _UNITS[unit] == 0:
            return f"{length_us // _UNITS[unit]}{unit}"
    return f"{length_us}us"


def _known_units() -> str:
    return ", ".join(_UNITS)
