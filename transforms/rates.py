"""Rates: how often something happened, beside how often it could have."""

from collections.abc import Sequence

import diptych as dt


def volume_and_rate(condition: str, name: str, windows: Sequence[str]) -> list[dt.Aggregate]:
    """Events that match ``condition`` over ``windows``, and their share of all events over the longest."""
    return [
        dt.count(where=condition, windows=windows, name=name),
        dt.rate(condition, windows=windows[-1:], name=f"{name}_rate"),
    ]
