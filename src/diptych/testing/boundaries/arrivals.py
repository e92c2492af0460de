"""Cases about how events arrive: when they are known, limits on that, copies, and ties."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from diptych.ground.instants import HOUR, MINUTE, spell
from diptych.reference import ARRIVED_AT
from diptych.testing.boundaries.case import BoundaryCase, Gap, Rule
from diptych.testing.boundaries.cast import Row, timed_row
from diptych.testing.boundaries.stage import Stage
from diptych.testing.boundaries.windows import window_name


def delays(stage: Stage) -> Iterator[BoundaryCase]:
    """Events that are known later than they happened, or before."""
    now, about = stage.now, Rule.KNOWN_AT
    soon = min((window.length or HOUR for window in stage.windows), default=HOUR) // 2 + 1
    rule = "an event counts from the microsecond after it was known"
    yield stage.script().add(now - soon, known=now).case("known at exactly t", about, rule, (now - 1, now, now + 1))
    yield stage.script().add(now, known=now - 1).case("known before it happens", about, rule, (now, now + 1))
    script = stage.script().add(now - 2, known=now - 2).add(now - soon - 1, known=now - 1)
    rule = "an event that was known late takes the place of its own time, not of its arrival"
    yield script.case("two events that arrive in the other order", about, rule, (now - 1, now))
    if stage.view.source.known_at is not None:
        script = stage.script()
        for row in stage.cast.telling_at(now - soon, now):
            script.exactly({**timed_row(stage.view, row, now - soon, now - soon, len(script.rows)), ARRIVED_AT: now})
        rule = "when the store took an event in outranks what a column says"
        yield script.case("arrived later than it says", about, rule, (now - 1, now, now + 1))
    for window in stage.windows:
        assert window.length is not None
        name, t = window_name(window), now + window.length % window.step
        edge = t - window.length
        rule = "an event that is known later than its window is long is never seen in it"
        script = stage.script().add(edge - 1, known=t - 1)
        yield script.case(f"{name}: late by more than it is long", about, rule, (t - 1, t, t + 1))
        rule = "an event known late is seen as long as its own time is in the window"
        script = stage.script().add(edge, known=t - 1)
        yield script.case(f"{name}: late by almost its length", about, rule, (t - 1, t, t + window.step))


def limits(stage: Stage) -> Iterator[BoundaryCase]:
    """Declared limits of lateness and of skew."""
    source, now = stage.view.source, stage.now
    for name, limit, sign in (("lateness", source.lateness, 1), ("max_skew", source.max_skew, -1)):
        if limit is None:
            continue
        rule = f"an event outside {name}={spell(limit)} is refused, on the limit it is not"
        for what, beyond in (("on the limit of", 0), ("a microsecond beyond", 1)):
            known = now - 1 if sign > 0 else now - 1 - limit - beyond
            script = stage.script().add(known - sign * (limit + beyond), known=known)
            yield script.case(f"{what} {name}", Rule.LATENESS, rule, (now - 1, now, now + 1))


def ties(stage: Stage) -> Iterator[BoundaryCase]:
    """Events of one microsecond."""
    at, about = stage.now - 10, Rule.TIES
    rows = list(stage.cast.telling_at(at, at))
    apart = stage.view.source.known_at is not None
    rule = "of events at one instant the one with the larger value is the later, however they arrive"
    for last in range(len(rows)):
        script = stage.script()
        for place, row in enumerate((*rows[last + 1 :], *rows[: last + 1])):
            script.add(at, known=at + place if apart else at, rows=[row])
        yield script.case(f"a tie, row {last + 1} of {len(rows)} comes last", about, rule, (at + 1, stage.now))
    rule = "two events with the same time and values are two events"
    script = stage.script().add(at, rows=rows[:1]).add(at, rows=rows[:1])
    yield script.case("a tie of equal values", about, rule, (stage.now,))


def copies(stage: Stage) -> Iterator[BoundaryCase | Gap]:
    """The same event again."""
    view, now = stage.view, stage.now
    if view.source.event_id is None:
        yield Gap(Rule.DUPLICATES, "copies", "the source declares no event_id: every row is an event of its own")
        return
    if view.source.event_id in view.on:
        yield Gap(Rule.DUPLICATES, "different ids of one entity", "the event_id is part of the entity key")
    window = view.source.dedup_window
    step = window // 2 + 1
    about_gaps = (
        f"a copy known at most dedup_window={spell(window)} after the one before is the same event, else a new one"
    )
    chain = "what counts is the copy before, not the first: a chain of repeats is one event"
    for name, rule, gaps in (
        (f"a copy known {spell(window)} later", about_gaps, (window,)),
        (f"a copy known {spell(window)} and a microsecond later", about_gaps, (window + 1,)),
        ("a chain of copies", chain, (2 * step, step)),
    ):
        known = [*(now - 1 - gap for gap in gaps), now - 1]
        yield from _again(stage, name, rule, known)
        yield from _disagreeing(stage, name, [known[0], known[-1]] if len(gaps) == 1 else known)
    yield from _at_once(stage)
    if stage.cast.other is not None:
        script = stage.script().add(now - 2, first=0).add(now - 1, rows=[stage.cast.other.row], first=0)
        rule = "the same id of another entity is another event"
        keys = [stage.cast.key, stage.cast.key_of(stage.cast.other)]
        yield script.case("one id, two entities", Rule.DUPLICATES, rule, (now,), keys)


def _again(stage: Stage, name: str, rule: str, known: Sequence[int]) -> Iterator[BoundaryCase]:
    """One of several events comes again at these instants: with times of its own, with one time, with an earlier one."""
    instants, about = (stage.now - 1, stage.now), Rule.DUPLICATES
    first, later = known[0], known[1:]
    rows = [*stage.cast.telling_at(first, first), *stage.cast.contrast]
    moved = stage.script().add(first, rows=rows)
    for at in later:
        moved.add(at, rows=rows[:1], first=0)
    yield moved.case(name, about, rule, instants)
    largest = len(rows) - len(stage.cast.contrast) - 1
    for what, ts, chosen in (("of the same time", first, 0), ("of an earlier time", first - 5, largest)):
        script = stage.script().add(first, rows=rows)
        for at in later:
            script.add(ts, known=at, rows=[rows[chosen]], first=chosen)
        yield script.case(f"{name}, {what}", about, rule, instants)


def _disagreeing(stage: Stage, name: str, known: Sequence[int]) -> Iterator[BoundaryCase]:
    """Copies with other values, known at these instants."""
    rows = list(stage.cast.telling_at(known[0], known[0]))
    rule = "of copies that disagree the one known first stands"
    for what, ordered in (("small first", rows), ("large first", rows[::-1])):
        script = stage.script()
        for place, at in enumerate(known):
            script.add(at, rows=[ordered[place % len(ordered)]], first=0)
        yield script.case(f"{name}, with other values, {what}", Rule.DUPLICATES, rule, (stage.now - 1, stage.now))


def _at_once(stage: Stage) -> Iterator[BoundaryCase]:
    """Copies that are known at one instant."""
    at, about = stage.now - 10, Rule.DUPLICATES
    rows = list(stage.cast.telling_at(at, at))
    rule = "of copies that agree in both times the one with the least values stands"
    for what, ordered in (("small first", rows), ("large first", rows[::-1])):
        script = stage.script()
        for row in ordered:
            script.add(at, rows=[row], first=0)
        yield script.case(f"copies of one instant with other values, {what}", about, rule, (stage.now,))
    rule = "of copies known at once the one that happened first stands"
    script = stage.script().add(at - 1, known=at, rows=rows[-1:], first=0).add(at - 2, known=at, rows=rows[:1], first=0)
    yield script.case("copies known at once, of two times", about, rule, (stage.now,))


CROWD = 30
"""Events of one hop: more than a state keeps raw when it may fold them."""


def crowds(stage: Stage) -> Iterator[BoundaryCase]:
    """Many events of one hop, so that a state that is folded holds them in a tile, and what comes after the fold."""
    view, now, about = stage.view, stage.now, Rule.SEVERAL
    hops = [window.step for window in stage.windows if window.step > 1]
    apart = max(1, min([MINUTE, *hops]) // (2 * CROWD))
    rows: list[Row] = [reading.row for reading in stage.cast.mine]
    script = stage.script()
    for number in range(CROWD):
        script.add(now + number * apart, rows=[rows[(7 * number) % len(rows)]])
    later = [now + 3 * MINUTE, now + 6 * MINUTE]
    for at in later:
        script.add(at, rows=rows[:1])
    rule = "what many events add up to does not depend on how they are kept"
    asked = (now + apart * CROWD // 2, *(at + 1 for at in later))
    yield script.case("a crowd", about, rule, asked)
    window = view.source.dedup_window
    if view.source.event_id is None or window < 4 * MINUTE:
        return
    again = stage.script()
    for number in range(CROWD):
        again.add(now + number * apart, rows=[rows[(7 * number) % len(rows)]])
    again.add(now + 3 * MINUTE, rows=rows[:1])
    again.add(now, known=now + 4 * MINUTE - 1, rows=[rows[0]], first=0)
    again.add(now + 5 * MINUTE, rows=rows[:1])
    asked = (now + 3 * MINUTE + 1, now + 4 * MINUTE, now + 5 * MINUTE + 1)
    rule = "a copy within dedup_window is the same event, however the first one is kept by then"
    yield again.case("one of a crowd again", Rule.DUPLICATES, rule, asked)


def several(stage: Stage) -> Iterator[BoundaryCase]:
    """One event, two equal ones, and more than any list holds."""
    now, hero = stage.now, stage.cast.hero.row
    script = stage.script().add(now - 1, rows=[hero])
    yield script.case("one event", Rule.SEVERAL, "the deviation of one value is null", (now,))
    script = stage.script().add(now - 2, rows=[hero]).add(now - 1, rows=[hero])
    yield script.case("two alike", Rule.SEVERAL, "equal values are counted twice, and told apart once", (now,))
    most = max((reduction.n for reduction in stage.view.reductions), default=0)
    rows: list[Row] = [reading.row for reading in stage.cast.mine]
    chosen = [rows[(7 * number) % len(rows)] for number in range(max(most, 4) + 3)]
    span = min((window.length or HOUR for window in stage.windows), default=HOUR)
    times = [now - span + 1 + number * (span // len(chosen)) for number in range(len(chosen))]
    script = stage.script()
    for row, ts in zip(chosen, times, strict=True):
        script.add(ts, rows=[row])
    middle = [first + (second - first) // 2 for first, second in pairwise(times)][:2]
    rule = "a list keeps the last n, oldest first"
    yield script.case("several events", Rule.SEVERAL, rule, (*middle, now, now + span))
