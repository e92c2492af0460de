"""What the request log counts, so that nothing is lost in silence."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of one process since it began.

    ``requests`` were sampled; of these ``written`` are in files (as ``rows`` in ``segments`` of ``bytes``), ``waiting``
    are on the way, and ``dropped`` were lost, by reason: ``queue`` (more than may wait), ``disk`` (could not be
    written), ``error`` (could not be decoded; ``last_error`` says why).
    """

    requests: int
    written: int
    rows: int
    segments: int
    bytes: int
    dropped: Mapping[str, int]
    last_error: str

    @property
    def waiting(self) -> int:
        """Sampled requests that are neither written nor lost yet."""
        return self.requests - self.written - sum(self.dropped.values())

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "dropped": dict(self.dropped),
            "waiting": self.waiting,
        }


@dataclass(slots=True)
class Counting:
    """Counts from several threads."""

    _lock: Lock = field(default_factory=Lock)
    _counts: Counter[str] = field(default_factory=Counter)
    _dropped: Counter[str] = field(default_factory=Counter)
    _last_error: str = ""

    def add(self, **counts: int) -> None:
        """Count."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count

    def drop(self, reason: str, requests: int, error: BaseException | None = None) -> None:
        """Count requests as lost."""
        with self._lock:
            self._dropped[reason] += requests
            if error is not None:
                self._last_error = f"{type(error).__name__}: {error}"

    def blame(self, error: BaseException) -> None:
        """Keep what went wrong without a loss so far."""
        with self._lock:
            self._last_error = f"{type(error).__name__}: {error}"

    def counted(self, requests: int) -> Counted:
        """The counts now, of so many sampled requests."""
        with self._lock:
            counts = self._counts
            return Counted(
                requests,
                counts["written"],
                counts["rows"],
                counts["segments"],
                counts["bytes"],
                dict(self._dropped),
                self._last_error,
            )
