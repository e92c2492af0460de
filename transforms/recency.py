"""Recency families: how long ago something last happened, and how long it has been known."""

import diptych as dt


def recency_family(condition: str | None = None, name: str = "") -> list[dt.Aggregate]:
    """Seconds since the last and since the first event that matches ``condition`` (all events without one)."""
    prefix = f"{name}_" if name else ""
    return [
        dt.recency(where=condition, name=f"{prefix}recency"),
        dt.since_first(where=condition, name=f"{prefix}since_first"),
    ]
