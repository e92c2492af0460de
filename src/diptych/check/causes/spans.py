"""Suspects with a length: clock skew, lag, expiry, and windows of any length, found by intersecting intervals.

For each mismatch a family says at which values of its parameter the answer changes, and so which intervals of it give
the wrong answer. One value that lies in the intervals of nearly all mismatches is a suspect; the roundest one is taken.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from diptych.check.causes.bench import LAW, Case, Rules, arrivals_moved, events_moved, question_moved, reads
from diptych.check.causes.suspect import Compute, Suspect
from diptych.check.findings import Cause
from diptych.ground.expression import columns_of
from diptych.ground.instants import DAY, EARLIEST, HOUR, LATEST, MINUTE, SECOND, moment, spell
from diptych.plan.nodes import REQUEST_TIME, View, Window
from diptych.reference import Answer
from diptych.reference.judge import tail

SKEW = 10 * MINUTE
"""A clock that is further off than this is another zone, or another mistake."""

TRIED = 48
"""Intervals of one mismatch that are tried, those nearest to the law first."""

SAMPLED = 3
"""Mismatches of which a family must explain one before it is tried on more."""

Interval = tuple[int, int]
"""Values of a parameter, ``low <= x < high``."""


@dataclass(frozen=True, slots=True)
class Family:
    """Suspects that differ in one number: ``edges`` are where a question's answer may change, ``at`` one of them.

    ``law`` is the value at which nothing is changed, or past every edge if there is none. ``near`` is the cause in place
    of ``cause`` where the value is less than a second from the law.
    """

    cause: Cause
    edges: Callable[[Case], Sequence[int]]
    at: Callable[[int], Compute]
    words: Callable[[int], str]
    low: int
    high: int
    law: int
    rank: int
    needs: float
    near: Cause | None = None

    def suspects(self, cases: Sequence[Case], agreements: Sequence[Case]) -> Iterator[Suspect]:
        """Suspects whose value explains most of the cases, and leaves most of the equal answers as they are."""
        found = [self.intervals(case) for case in cases[:SAMPLED]]
        if not any(found):
            return
        found += [self.intervals(case) for case in cases[SAMPLED:]]
        if 2 * sum(map(bool, found)) >= len(found):
            found += [self.intervals(case) for case in agreements]
        best = _commonest([each for each in found if each])
        if best is not None:
            for value in dict.fromkeys((roundest(*best), roundest(*self._close(*best)))):
                cause = self.near if self.near and abs(value - self.law) < SECOND else self.cause
                yield Suspect(cause, self.words(value), self.at(value), self.rank, self.needs)

    def _close(self, low: int, high: int) -> Interval:
        """The part of an interval next to the law: what differs binds it there, what agrees hardly at the other end."""
        if 0 < self.law <= low:
            return low, min(high, low + max(1, low // 4))
        if low > 0 and high <= self.law:
            return max(low, high - max(1, high // 5)), high
        return low, high

    def intervals(self, case: Case) -> list[Interval]:
        """Where the family gives a case's wrong answer; neighbours are joined."""
        edges = sorted({edge for edge in self.edges(case) if self.low < edge < self.high} | {self.low, self.high})
        parts = list(pairwise(edges))
        parts.sort(
            key=lambda part: (
                0 if part[0] <= self.law < part[1] else min(abs(part[0] - self.law), abs(part[1] - self.law))
            )
        )
        hits = [part for part in parts[:TRIED] if case.explained_by(self.at(roundest(*part))(case))]
        joined: list[Interval] = []
        for low, high in sorted(hits):
            if joined and joined[-1][1] == low:
                joined[-1] = (joined[-1][0], high)
            else:
                joined.append((low, high))
        return joined


def _commonest(found: Sequence[Sequence[Interval]]) -> Interval | None:
    """The values that lie in intervals of most questions."""
    ends = sorted((at, step) for intervals in found for low, high in intervals for at, step in ((low, 1), (high, -1)))
    best, depth, most = None, 0, 0
    for place, (at, step) in enumerate(ends):
        depth += step
        if depth > most and place + 1 < len(ends) and ends[place + 1][0] > at:
            most, best = depth, (at, ends[place + 1][0])
    return best


def roundest(low: int, high: int) -> int:
    """The roundest value of ``low <= x < high``: the one nearest to zero that is whole in the largest unit."""
    for unit in (DAY, HOUR, 15 * MINUTE, 5 * MINUTE, MINUTE, 10 * SECOND, SECOND, 100_000, 10_000, 1_000, 100, 10, 1):
        first, last = -(-low // unit) * unit, (high - 1) // unit * unit
        if first <= last:
            return 0 if first <= 0 <= last else min(first, last, key=abs)
    raise AssertionError(f"no whole number in [{low}, {high})")


def families(view: View) -> Iterator[Family]:
    """The families that bear on all features of a view alike."""
    if view.source.timestamp is not None:
        yield _skew_of_reader()
        yield _skew_of_reader(knowing=False)
        yield _skew_of_events()
        yield _skew_of_arrivals()
        yield _lag()
        yield _stopped()
        yield _too_late()
        yield _forgotten()
        yield _older()


def lengths(view: View, cases: Sequence[Case]) -> Iterator[Family]:
    """A family for each length of a window that the cases of a feature read."""
    for length in dict.fromkeys(length for case in cases for length in _lengths(view, case)):
        if length is not None:
            yield _length(length)


def _lengths(view: View, case: Case) -> set[int | None]:
    return {view.reductions[index].window.length for index in reads(case.feature)}


def _near(case: Case, margin: int = SKEW) -> Iterator[tuple[int, int]]:
    """(ts, known_at) of the entity's events, both as seen from the question."""
    for event in case.near(margin):
        yield event.ts - case.t, event.known_at - case.t


def _tails(case: Case) -> Iterator[Window]:
    view = case.entity.view
    for index in reads(case.feature):
        window = view.reductions[index].window
        if window.length is not None:
            yield window


def _to_the_instant(case: Case, sign: int) -> list[int]:
    """Where an answer in seconds says by how much a clock is off, that and the next microsecond."""
    right, wrong = case.law.value, case.target
    if REQUEST_TIME not in set(columns_of(case.feature.finish)):
        return []
    if not isinstance(right, float) or not isinstance(wrong, float) or abs(wrong - right) > SKEW:
        return []
    by = sign * round((wrong - right) * SECOND)
    return [by, by + 1]


def _skew_of_reader(*, knowing: bool = True) -> Family:
    """The question is put ``x`` later, with what is known by then or only with what is known when it is put."""

    def edges(case: Case) -> list[int]:
        found = [x + 1 for pair in _near(case) for x in pair if abs(x) <= SKEW]
        found += _to_the_instant(case, 1)
        for window in _tails(case):
            start = tail(window, case.t)
            assert start is not None
            base = case.t - (window.length or 0)
            if window.hop is None:
                found += [ts + case.t - base + 1 for ts, _ in _near(case) if abs(ts + case.t - base) <= SKEW]
            else:
                found += range(start - base, SKEW, window.hop) if window.hop >= 10 * SECOND else ()
                found += range(start - base, -SKEW, -window.hop) if window.hop >= 10 * SECOND else ()
        return found

    def at(value: int) -> Compute:
        rules = LAW if knowing else question_moved(value)
        return lambda case: case.recomputed(shift=value, rules=rules)

    def words(value: int) -> str:
        return f"as if the reader's clock were {_off(value)}"

    return Family(Cause.CLOCK_SKEW, edges, at, words, -SKEW, SKEW, 0, 10, 4.0)


def _skew_of_events() -> Family:
    def edges(case: Case) -> list[int]:
        found = [-ts for ts, _ in _near(case) if abs(ts) <= SKEW]
        found += _to_the_instant(case, -1)
        for window in _tails(case):
            start = tail(window, case.t)
            assert start is not None
            found += [start - ts - case.t for ts, _ in _near(case) if abs(start - ts - case.t) <= SKEW]
        return found

    def at(value: int) -> Compute:
        return lambda case: case.recomputed(rules=events_moved(value))

    def words(value: int) -> str:
        return f"as if the clock that stamps events were {_off(value)}"

    return Family(Cause.CLOCK_SKEW, edges, at, words, -SKEW, SKEW, 0, 11, 4.0)


def _skew_of_arrivals() -> Family:
    def edges(case: Case) -> list[int]:
        return [-known for _, known in _near(case) if abs(known) <= SKEW]

    def at(value: int) -> Compute:
        return lambda case: case.recomputed(rules=arrivals_moved(value))

    def words(value: int) -> str:
        return f"as if the clock that stamps arrivals were {_off(value)}"

    return Family(Cause.CLOCK_SKEW, edges, at, words, -SKEW, SKEW, 0, 13, 4.0)


def _off(value: int) -> str:
    return f"{spell(abs(value))} {'ahead' if value > 0 else 'behind'}" if value else "right"


def _lag() -> Family:
    """What became known within the last ``x`` is not there yet."""

    def edges(case: Case) -> list[int]:
        return [1 - known for _, known in _near(case) if known < 0]

    def at(value: int) -> Compute:
        return lambda case: case.recomputed(rules=Rules(known=1 - value))

    def words(value: int) -> str:
        return f"as if ingestion were {spell(max(1, value))} behind"

    return Family(Cause.STALE_INGESTION, edges, at, words, 1, 400 * DAY, 1, 9, 3.0)


def _stopped() -> Family:
    """What became known from an instant on has never arrived."""

    def edges(case: Case) -> list[int]:
        return [known + case.t + 1 for _, known in _near(case) if known < 0]

    def at(value: int) -> Compute:
        return lambda case: case.recomputed([e for e in case.near(0) if e.known_at < value])

    def words(value: int) -> str:
        return f"as if nothing that became known since {moment(value).isoformat()} had arrived"

    return Family(Cause.STALE_INGESTION, edges, at, words, EARLIEST, LATEST, LATEST - 1, 9, 3.0)


def _too_late() -> Family:
    """What became known more than ``x`` after it happened never counts."""

    def edges(case: Case) -> list[int]:
        return [known - ts for ts, known in _near(case) if known > ts]

    def at(value: int) -> Compute:
        return lambda case: case.recomputed([e for e in case.near(0) if e.known_at - e.ts <= value])

    def words(value: int) -> str:
        return f"as if events known more than {spell(max(1, value))} after they happened never counted"

    return Family(Cause.LATE_EVENT, edges, at, words, 1, 400 * DAY, 400 * DAY, 9, 3.0)


def _forgotten() -> Family:
    """All that was known before a pause of ``x`` or more in an entity's events is gone."""

    def gaps(case: Case) -> list[tuple[int, int]]:
        known = sorted(event.known_at for event in case.entity.passed() if event.known_at < case.t)
        return list(pairwise([*known, case.t]))

    def edges(case: Case) -> list[int]:
        return [later - earlier + 1 for earlier, later in gaps(case)]

    def at(value: int) -> Compute:
        def compute(case: Case) -> Answer | None:
            since = max((earlier for earlier, later in gaps(case) if later - earlier >= value), default=None)
            events = case.entity.events()
            return case.recomputed(events if since is None else [e for e in events if e.known_at > since])

        return compute

    def words(value: int) -> str:
        return f"as if an entity's state expired after {spell(max(1, value))} without events"

    return Family(Cause.EXPIRED_STATE, edges, at, words, 1, 4_000 * DAY, 4_000 * DAY, 9, 3.0)


def _older() -> Family:
    """What happened more than ``x`` ago is gone, whatever the window."""

    def edges(case: Case) -> list[int]:
        return [-ts for ts, _ in _near(case) if ts < 0]

    def at(value: int) -> Compute:
        return lambda case: case.recomputed([e for e in case.near(0) if e.ts >= case.t - value])

    def words(value: int) -> str:
        return f"as if what is older than {spell(max(1, value))} were dropped"

    return Family(Cause.EXPIRED_STATE, edges, at, words, 1, 4_000 * DAY, 4_000 * DAY, 11, 3.0)


def _length(length: int) -> Family:
    """A window of one length as another, at most twice as long (further events are not looked at), with the same hop."""

    def edges(case: Case) -> list[int]:
        steps = {window.hop or 1 for window in _tails(case) if window.length == length}
        return [
            -(((ts + case.t) // step) * step + step - 1 - case.t)
            for step in steps
            for ts, _ in _near(case, length)
            if ts < 0
        ]

    def at(value: int) -> Compute:
        def begin(window: Window, t: int) -> int | None:
            return tail(replace(window, length=value) if window.length == length else window, t)

        return lambda case: case.recomputed(rules=Rules(tail=begin))

    def words(value: int) -> str:
        return f"as if the window of {spell(length)} were {spell(max(1, value))}"

    return Family(Cause.OTHER_DEFINITION, edges, at, words, 1, 2 * length, length, 12, 3.0, near=Cause.BOUNDARY)
