"""Values that say what ran and how far it is, for progress bars, logs and reports; nobody prints here."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one task is: ``done`` of ``total`` units (total None: unknown); the rest is this run's."""

    task: str
    unit: str
    done: int
    total: int | None = None
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0


Watcher = Callable[[Progress], None]
"""Whoever wants to see progress; called often, so it must be quick."""


def unwatched(_: Progress) -> None:
    """The watcher that looks away."""
