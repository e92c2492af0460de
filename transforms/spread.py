"""An aggregate of the team's own, composed of reducers: no engine knows it, every engine runs it."""

from collections.abc import Sequence

import diptych as dt


def spread(column: str, windows: Sequence[str]) -> dt.Aggregate:
    """Largest minus smallest value of ``column`` in the window; null when the window is empty."""
    return dt.aggregate(
        "spread",
        reducers={"high": dt.reduce.max(column), "low": dt.reduce.min(column)},
        finish="high - low",
        windows=windows,
    )
