"""The gate in a team's own CI: suites that pytest collects, and that prove training and serving equal.

One assignment in ``parity/test_parity.py`` is a whole suite::

    from diptych import parity

    suite = parity.Suite()

Needs the extra ``parity``. Nothing heavy is imported before pytest collects a suite.
"""

from typing import TYPE_CHECKING, Any

from diptych.parity.suite import Copy, Replay, Simulate, Suite

if TYPE_CHECKING:
    from diptych.check.findings import Cause

__all__ = ["Cause", "Copy", "Replay", "Simulate", "Suite"]


def __getattr__(name: str) -> Any:
    """Cause on first use, for it needs a library that a suite of defaults does not."""
    if name == "Cause":
        from diptych.check.findings import Cause

        return Cause
    raise AttributeError(f"module 'diptych.parity' has no attribute {name!r}")
