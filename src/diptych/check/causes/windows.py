"""Suspects about windows: an end that is open or closed, another hop, another length."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from diptych.check.causes.bench import Case, Rules
from diptych.check.causes.rewriting import with_window
from diptych.check.causes.suspect import Suspect, by_rules, by_view
from diptych.check.findings import Cause
from diptych.ground.instants import DAY, HOUR, MINUTE, SECOND, spell
from diptych.plan.nodes import View, Window
from diptych.reference import Answer
from diptych.reference.judge import tail

HOPS = (SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, HOUR, DAY)

Tail = Callable[[Window, int], int | None]


def windows(view: View) -> Iterator[Suspect]:
    """All suspects about the windows of a view."""
    yield from _heads(view)
    yield from _tails(view)
    yield from _lengths(view)


def _heads(view: View) -> Iterator[Suspect]:
    yield by_rules(Cause.BOUNDARY, "as if events at the very instant counted (<= for <)", Rules(head=1, known=1), 1)
    if view.source.known_at is not None:
        yield by_rules(Cause.BOUNDARY, "as if events at the very instant counted (<= for <)", Rules(head=1), 2)
        yield by_rules(Cause.BOUNDARY, "as if events known at the very instant counted (<= for <)", Rules(known=1), 2)
    for hop in HOPS:
        detail = f"as if the window ended at the last whole {spell(hop)}"
        yield Suspect(Cause.BOUNDARY, detail, _ending_at(hop), 7, 2.0)


def _ending_at(hop: int) -> Callable[[Case], Answer | None]:
    def compute(case: Case) -> Answer | None:
        return case.recomputed(rules=Rules(head=case.t // hop * hop - case.t))

    return compute


def _tails(view: View) -> Iterator[Suspect]:
    moved: dict[str, tuple[Tail, int]] = {
        "as if an event at the window's first instant did not count (> for >=)": (_moved(lambda w: 1), 3),
        "as if the window began a microsecond earlier": (_moved(lambda w: -1), 6),
        "as if the window began one hop earlier": (_moved(lambda w: -w.step), 5),
        "as if the window began one hop later": (_moved(lambda w: w.step), 5),
        "as if the window began at the next whole hop (ceil for floor)": (_ceiled, 5),
        "as if the window's begin did not move in hops": (_stepping(None), 4),
        "as if the window began just after t minus its length (> for >=), not at a hop": (_after, 6),
        "as if the window's first instant did not count, before the hop is taken (> for >=)": (_shorter(1), 4),
        "as if the window were a microsecond longer, before the hop is taken": (_shorter(-1), 6),
    }
    for detail, (begin, rank) in moved.items():
        yield by_rules(Cause.BOUNDARY, detail, Rules(tail=begin), rank)
    for hop in HOPS:
        yield by_rules(Cause.BOUNDARY, f"as if the hop were {spell(hop)}", Rules(tail=_stepping(hop)), 6, 1.5)


def _moved(by: Callable[[Window], int]) -> Tail:
    def begin(window: Window, t: int) -> int | None:
        start = tail(window, t)
        return None if start is None else start + by(window)

    return begin


def _shorter(by: int) -> Tail:
    return lambda window, t: None if window.length is None else tail(replace(window, length=window.length - by), t)


def _stepping(hop: int | None) -> Tail:
    return lambda window, t: None if window.lifetime else tail(replace(window, hop=hop), t)


def _ceiled(window: Window, t: int) -> int | None:
    if window.length is None:
        return None
    return -((window.length - t) // window.step) * window.step


def _after(window: Window, t: int) -> int | None:
    return None if window.length is None else t - window.length + 1


def _lengths(view: View) -> Iterator[Suspect]:
    """Each length of the view in turn as another one: that of a neighbour, or a slip of the pen."""
    own = dict.fromkeys(each.window for each in view.reductions)
    lengths = dict.fromkeys(window.length for window in own if window.length is not None)
    for length in lengths:
        hops = {window.step for window in own if window.length == length}
        for other in own:
            if other.length != length:
                yield from _as_window(view, length, other, 8, 1.0)
        for cause, slip, needs in _slips(length, hops):
            if slip not in lengths and slip > 0:
                rank = 4 if abs(slip - length) in hops else 12
                yield from _as_length(view, length, slip, cause, rank, needs)
        yield by_rules(
            Cause.OTHER_DEFINITION,
            f"as if the window of {spell(length)} began at the last whole {spell(length)} (it tumbles)",
            Rules(tail=_tumbling(length)),
            13,
            2.0,
        )
        if None not in {window.length for window in own}:
            yield from _as_window(view, length, Window(), 9, 1.0)
    if any(window.lifetime for window in own):
        for length in (HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY):
            yield from _as_window(view, None, Window(length), 14, 2.0)


def _slips(length: int, hops: Iterable[int]) -> Iterable[tuple[Cause, int, float]]:
    definition = [length + step for unit in (MINUTE, HOUR, DAY) for step in (-unit, unit)]
    definition += [
        length * 7,
        length // 7,
        length * 24,
        length // 24,
        length * 30,
        length // 30,
        length * 2,
        length // 2,
    ]
    unit = [length * 1_000, length // 1_000, length * 1_000_000, length // 1_000_000, length * 60, length // 60]
    yield from ((Cause.OTHER_DEFINITION, slip, 1.5) for slip in dict.fromkeys(definition))
    yield from ((Cause.TIME_UNIT, slip, 2.0) for slip in unit)


def _as_window(view: View, length: int | None, other: Window, rank: int, needs: float) -> list[Suspect]:
    was = "no end" if length is None else spell(length)
    now = "had no end (lifetime)" if other.length is None else f"were {spell(other.length)}"
    changed = with_window(view, lambda window: other if window.length == length else window)
    return by_view(Cause.OTHER_DEFINITION, f"as if the window of {was} {now}", changed, rank, needs)


def _as_length(view: View, length: int, slip: int, cause: Cause, rank: int, needs: float) -> list[Suspect]:
    changed = with_window(view, lambda window: replace(window, length=slip) if window.length == length else window)
    return by_view(cause, f"as if the window of {spell(length)} were {spell(slip)}", changed, rank, needs)


def _tumbling(length: int) -> Tail:
    return lambda window, t: t // length * length if window.length == length else tail(window, t)
