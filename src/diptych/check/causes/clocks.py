"""Suspects about clocks: a zone taken for another, for instants, arrivals, or the instant of the question."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from diptych.check.causes.amounts import ZONES
from diptych.check.causes.bench import LAW, Case, arrivals_moved, events_moved, question_moved
from diptych.check.causes.rewriting import zones
from diptych.check.causes.suspect import Suspect, by_events, by_rules
from diptych.check.findings import Cause
from diptych.ground.instants import EARLIEST, HOUR, LATEST, MINUTE, moment
from diptych.plan.nodes import View
from diptych.reference import Answer, Event

QUARTER = 15 * MINUTE
LARGEST = 14 * HOUR

_MICROSECOND = timedelta(microseconds=1)


def clocks(view: View) -> Iterator[Suspect]:
    """All suspects about zones; the commonest offsets first."""
    if view.source.timestamp is None:
        return
    for quarters in sorted(range(-LARGEST // QUARTER, LARGEST // QUARTER + 1), key=lambda n: (n % 4 != 0, abs(n), n)):
        if quarters:
            yield from _offset(quarters * QUARTER)
    for zone in dict.fromkeys((*zones(view), *ZONES)):
        if zone != "UTC":
            yield from _local(zone)


def _local(zone: str) -> Iterator[Suspect]:
    """Wall clocks of a zone taken for UTC, and UTC for wall clocks; summer time moves them."""
    for sign, words in ((1, f"{zone}'s clock were taken for UTC"), (-1, f"UTC were taken for {zone}'s clock")):

        def shift(at: int, sign: int = sign) -> int:
            return sign * offset(zone, at)

        yield from _all_three(f"as if {words}, for {{}}", shift, 11, 3.0)


def _offset(by: int) -> Iterator[Suspect]:
    spelled = f"{abs(by) // HOUR}:{abs(by) % HOUR // MINUTE:02d} h {'later' if by > 0 else 'earlier'}"
    rank, needs = (9, 3.0) if by % HOUR == 0 else (10, 4.0)
    cause = Cause.TIME_ZONE
    yield by_rules(cause, f"as if events were {spelled}", events_moved(by), rank, needs)
    yield Suspect(cause, f"as if the question were {spelled}", _asked_at(lambda at: by), rank, needs)
    yield Suspect(cause, f"as if the question were {spelled}", _asked_at(lambda at: by, knowing=False), rank, needs)
    if by < 0:  # what arrives later is a lag
        yield by_rules(cause, f"as if arrivals were {spelled}", arrivals_moved(by), rank + 1, needs)


def _all_three(detail: str, shift: Callable[[int], int], rank: int, needs: float) -> Iterator[Suspect]:
    """For events, for the question with and without what is known until then, and for arrivals."""
    cause = Cause.TIME_ZONE
    yield by_events(cause, detail.format("events"), _moved(shift, known=False), rank, needs)
    yield Suspect(cause, detail.format("the question"), _asked_at(shift), rank, needs)
    yield Suspect(cause, detail.format("the question"), _asked_at(shift, knowing=False), rank, needs)
    yield by_events(cause, detail.format("arrivals"), _moved(shift, ts=False), rank + 1, needs)


@lru_cache(maxsize=4_096)
def _hourly(zone: str, hour: int) -> int:
    ahead = moment(hour * HOUR).astimezone(ZoneInfo(zone)).utcoffset()
    return (ahead or timedelta(0)) // _MICROSECOND


def offset(zone: str, at: int) -> int:
    """How far a zone's clock is ahead of UTC at an instant, in microseconds."""
    return _hourly(zone, min(max(at, EARLIEST + 2 * LARGEST), LATEST - 2 * LARGEST) // HOUR)


def _moved(
    shift: Callable[[int], int], *, ts: bool = True, known: bool = True
) -> Callable[[Case, Sequence[Event]], Sequence[Event]]:
    def change(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return [
            case.moved(
                event,
                event.ts + shift(event.ts) if ts else event.ts,
                event.known_at + shift(event.known_at) if known else event.known_at,
            )
            for event in events
        ]

    return change


def _asked_at(shift: Callable[[int], int], *, knowing: bool = True) -> Callable[[Case], Answer | None]:
    """The answer at another instant, with what is known by then, or with what is known when it is asked."""

    def compute(case: Case) -> Answer | None:
        by = shift(case.t)
        return case.recomputed(shift=by, rules=LAW if knowing else question_moved(by))

    return compute
