"""Clocks of the doors: functions that tell the time in microseconds since the epoch, UTC."""

import time
from collections.abc import Callable

Clock = Callable[[], int]


def system_clock() -> int:
    """This host's clock."""
    return time.time_ns() // 1000
