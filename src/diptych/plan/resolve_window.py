"""Windows resolved: lengths, hops and time to live."""

import itertools
from datetime import timedelta

from diptych.declare.aggregate import LIFETIME, Aggregate
from diptych.declare.place import Place
from diptych.ground.instants import DAY, HOUR, MINUTE, SECOND, spell
from diptych.plan.findings import Findings
from diptych.plan.nodes import Window

EXACT = "exact"
_DEFAULT_HOPS = (DAY, HOUR, 5 * MINUTE, MINUTE, 10 * SECOND, SECOND)
_PARTS = 12


def default_hop(length: int) -> int | None:
    """The largest usual hop of at most a twelfth of the window; None (exact) below twelve seconds."""
    return next((hop for hop in _DEFAULT_HOPS if hop * _PARTS <= length), None)


def suffix(window: str | timedelta) -> str:
    """What a window adds to the name of its feature: ``_24h``, nothing for a lifetime."""
    if window == LIFETIME:
        return ""
    if isinstance(window, str):
        return f"_{window.strip()}"
    return f"_{spell(window // timedelta(microseconds=1))}"


def resolve_windows(aggregate: Aggregate, what: str, ttl: int | None, findings: Findings) -> list[tuple[str, Window]]:
    """Name suffix and window of each declared window that is sound; a ``ttl`` bounds lifetimes."""
    if not aggregate.windows:
        hint = 'windows=["1h", "24h"], or windows=["lifetime"]'
        findings.add(aggregate.place, f"{what} has no windows", hint=hint)
    hop = None
    if aggregate.hop is not None and aggregate.hop != EXACT:
        hop = findings.duration(aggregate.place, f"hop of {what}", aggregate.hop)
        if hop is None:
            return []
    bounded = [window for window in aggregate.windows if window != LIFETIME]
    if aggregate.hop is not None and aggregate.windows and not bounded:
        findings.add(aggregate.place, f"hop of {what} is unused: a lifetime has no tail", hint="leave hop out")
    windows = []
    for window in aggregate.windows:
        resolved = _window(window, aggregate, hop, what, ttl, findings)
        if resolved is not None:
            windows.append((suffix(window), resolved))
    return windows


def _window(
    window: str | timedelta,
    aggregate: Aggregate,
    hop: int | None,
    what: str,
    ttl: int | None,
    findings: Findings,
) -> Window | None:
    if window == LIFETIME:
        return Window() if ttl is None else Window(ttl, default_hop(ttl))
    length = findings.duration(aggregate.place, f"window of {what}", window)
    if length is None:
        return None
    if aggregate.hop == EXACT:
        return Window(length, None)
    if hop is None:
        return Window(length, default_hop(length))
    if length <= hop:
        hint = 'take a smaller hop, or hop="exact"'
        findings.add(
            aggregate.place,
            f"window {spell(length)} of {what} is not longer than its hop {spell(hop)}",
            hint=hint,
        )
        return None
    return Window(length, hop)


def check_hops(windows: set[Window], place: Place, what: str, findings: Findings) -> None:
    """Note hops of one view that do not divide one another: its tiles could not merge."""
    hops = sorted({window.hop for window in windows if window.hop is not None})
    for smaller, larger in itertools.pairwise(hops):
        if larger % smaller:
            hint = "hops of one view must divide one another: choose another hop, or two views"
            findings.add(place, f"{what} has hops {spell(smaller)} and {spell(larger)}, which do not divide", hint=hint)
