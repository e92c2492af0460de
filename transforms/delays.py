"""Delay profiles: how late things run, how much that varies, and how often it is bad."""

from collections.abc import Sequence

import diptych as dt
from transforms.spread import spread
from transforms.windows import SEASONAL

LATE_MINUTES = 15
"""More than this many minutes is late: the threshold that the industry's own statistics use."""


def delay_profile(column: str, windows: Sequence[str] = SEASONAL) -> list[dt.Aggregate]:
    """Mean, deviation, worst case and spread of a delay in minutes over ``windows``."""
    return [
        dt.mean(column, windows=windows),
        dt.std(column, windows=windows[1:]),
        dt.max(column, windows=windows[:1]),
        spread(column, windows=windows[:1]),
    ]
