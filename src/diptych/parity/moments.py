"""Instants as a suite writes them, in microseconds."""

from datetime import datetime

from diptych.ground.instants import instant
from diptych.parity.selection import BadSuite
from diptych.parity.suite import When


def moment_of(when: When | None, where: str) -> int | None:
    """Microseconds since the epoch; raises BadSuite for what is no instant. Without a zone it is UTC."""
    if when is None:
        return None
    if isinstance(when, datetime):
        return instant(when)
    if isinstance(when, int):
        return int(when)
    try:
        return instant(datetime.fromisoformat(when))
    except (TypeError, ValueError):
        raise BadSuite(
            f"{where}: {when!r} is no instant; write it like '2013-07-01' or '2013-07-01T12:30:00Z'"
        ) from None
