"""Cases about time: the head and the tail of every window, hops, times before the epoch, and clocks that change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from diptych.ground.expression import Call, Expression, Literal, Op
from diptych.ground.instants import DAY, HOUR, instant, moment, spell
from diptych.ground.values import Timestamp
from diptych.plan.nodes import View, Window
from diptych.testing.boundaries import pools
from diptych.testing.boundaries.case import BoundaryCase, Rule
from diptych.testing.boundaries.stage import Stage

CALENDAR = {Op.HOUR, Op.DAY_OF_WEEK, Op.DAY_OF_MONTH, Op.MONTH, Op.YEAR}
LEAP_DAY = 1_709_164_800_000_000
NEW_YEAR = 1_704_067_200_000_000
CHANGING = "America/New_York"
"""The zone whose clock changes are tried where a view names none."""


def heads(stage: Stage) -> Iterator[BoundaryCase]:
    """The head of every window."""
    now = stage.now
    rule = "an event is seen strictly after its own time: not at t, but a microsecond later"
    yield (stage.script().add(now).case("at exactly t", Rule.STRICTLY_BEFORE, rule, (now - 1, now, now + 1)))


def tails(stage: Stage) -> Iterator[BoundaryCase]:
    """The tail of every window, at the anchor and before the epoch."""
    longest = max((window.step for window in stage.windows), default=1)
    for window in stage.windows:
        yield from _tail(stage, window, stage.now, "")
        yield from _tail(stage, window, -longest, ", before the epoch")


def window_name(window: Window) -> str:
    """A window in short."""
    assert window.length is not None
    return f"{spell(window.length)} window" if window.hop else f"exact {spell(window.length)} window"


def _tail(stage: Stage, window: Window, base: int, when: str) -> Iterator[BoundaryCase]:
    """At ``t`` the tail of the window is ``edge``, and was a hop earlier just before."""
    assert window.length is not None
    t = base + window.length % window.step
    edge = t - window.length
    hop = window.step
    name = window_name(window)
    about = Rule.TAIL
    if window.exact:
        rule = f"an event at exactly t - {spell(window.length)} is inside, a microsecond later it is not"
        yield stage.script().add(edge).case(f"{name}: event at the tail{when}", about, rule, (t - 1, t, t + 1))
        return
    rule = (
        f"the tail is t - {spell(window.length)}, rounded down to a multiple of {spell(hop)}; an event on it is inside"
    )
    on = stage.script().add(edge)
    yield on.case(f"{name}: event at the tail{when}", about, rule, (t - 1, t, t + 1, t + hop - 1, t + hop))
    rule = f"an event a microsecond before the tail is outside as soon as the tail has moved by {spell(hop)}"
    script = stage.script().add(edge - 1)
    yield script.case(f"{name}: event a microsecond before the tail{when}", about, rule, (t - 1, t))
    rule = f"the tail moves every {spell(hop)}, neither more nor less often"
    script = stage.script().add(edge + hop - 1)
    yield script.case(f"{name}: event at the end of the first hop{when}", Rule.HOP, rule, (t, t + hop - 1, t + hop))


def empties(stage: Stage) -> Iterator[BoundaryCase]:
    """Nothing in the window, against nobody there at all."""
    past = stage.now - 2 * stage.longest - DAY
    keys = [stage.cast.key, *([stage.cast.key_of(stage.cast.other)] if stage.cast.other else [])]
    rule = "an empty window counts 0, sums 0, lists nothing and is null else, and so does an entity that was never seen"
    yield stage.script().add(past).case("nothing left in the window", Rule.EMPTY, rule, (past + 1, stage.now), keys)
    yield stage.script().case("no event at all", Rule.EMPTY, rule, (stage.now,), keys)


def calendars(stage: Stage) -> Iterator[BoundaryCase]:
    """Midnights, the leap day and changes of the clock, in every zone that the view names."""
    zones = zones_of(stage.view)
    for zone in zones or (CHANGING,):
        for name, at in turning_points(zone):
            script = stage.script()
            for ts in (at - 1, at, at + HOUR):
                script.add(ts, rows=_moved(stage, ts) if zones else None)
            rule = "days are 24 h long, and a zone's clock is read only where an expression names that zone"
            instants = (at, at + 1, at + HOUR + 1, at + DAY, at + DAY + 1)
            yield script.case(f"{name} in {zone}", Rule.CALENDAR, rule, instants)


def _moved(stage: Stage, ts: int) -> list[dict[str, object]]:
    """The telling rows with every other timestamp that they hold at that instant too."""
    times = [field.name for field in stage.view.source.columns if isinstance(field.type, Timestamp)]
    return [row | dict.fromkeys(times, ts) for row in stage.cast.telling_at(ts, ts)]


def zones_of(view: View) -> tuple[str, ...]:
    """The zones on whose clocks an expression of the view looks."""
    trees = (*pools.expressions_of(view), *(feature.finish for feature in view.features))
    return tuple(dict.fromkeys(zone for tree in trees for zone in _zones(tree)))


def _zones(tree: Expression) -> Iterator[str]:
    if isinstance(tree, Call):
        if tree.op in CALENDAR and isinstance(tree.args[1], Literal):
            yield str(tree.args[1].value)
        for argument in tree.args:
            yield from _zones(argument)


def turning_points(zone: str) -> Iterator[tuple[str, int]]:
    """Instants of 2024 at which a calendar turns: a leap day's and a year's midnight there, and its clock changes."""
    for name, utc in (("the leap day begins", LEAP_DAY), ("the year begins", NEW_YEAR)):
        yield name, instant(moment(utc).replace(tzinfo=ZoneInfo(zone)))
    day = datetime(2024, 1, 1, tzinfo=UTC)
    local = ZoneInfo(zone)
    for _ in range(366):
        before, after = day.astimezone(local).utcoffset(), (day + timedelta(days=1)).astimezone(local).utcoffset()
        if before is not None and after is not None and before != after:
            at = next(
                hour for hour in (day + timedelta(hours=n) for n in range(1, 25))
                if hour.astimezone(local).utcoffset() != before
            )  # fmt: skip
            yield ("an hour is left out" if after > before else "an hour comes twice"), instant(at)
        day += timedelta(days=1)
