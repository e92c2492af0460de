"""Suspects about single things that happened to one entity: rows that are missing, counted twice, or all gone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from diptych.check.causes.bench import Case, reads
from diptych.check.causes.evidence import Diagnosis
from diptych.check.findings import Cause
from diptych.ground.instants import moment, spell
from diptych.plan.nodes import Feature, Kind, View
from diptych.reference import Answer, Event, Status

MOST = 400
"""Events in sight of a question up to which each of them is tried alone."""

RUNS = 60
"""Events in sight of a question up to which every run of them is tried."""

ENOUGH = 4.0
"""What the mismatches that one happening explains have to weigh; less where several features tell of it."""

SEVERAL = 2.0

OFTEN = 6
"""Mismatches of one key that all tell of one thing, even if it cannot be told which of its events that is."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Some events of an entity are not there (``times`` 0), or there twice (2)."""

    rows: frozenset[int]
    times: int

    def apply(self, events: Sequence[Event]) -> list[Event]:
        """The events as it leaves them."""
        if self.times == 0:
            return [event for event in events if event.row not in self.rows]
        return [*events, *(event for event in events if event.row in self.rows)]


def happened(cases: Sequence[Case], agreements: Sequence[Case], spent: Callable[[], bool]) -> dict[int, Diagnosis]:
    """Diagnoses of the mismatches of one key on one side, by place; the whole history gone is looked at first."""
    left = {case.place: case for case in cases}
    found: dict[int, Diagnosis] = {}
    while left and not spent():
        mine = _next(list(left.values()), agreements, spent)
        if not mine:
            break
        found |= mine
        for place in mine:
            del left[place]
    return found


def _next(cases: Sequence[Case], agreements: Sequence[Case], spent: Callable[[], bool]) -> dict[int, Diagnosis]:
    gone = _all_gone(cases, agreements)
    if gone:
        return gone
    telling = max(cases, key=lambda case: (case.weight, -case.t))
    able = [each for each in _candidates(telling) if not spent() and telling.explained_by(_answer(telling, each))]
    best: tuple[tuple[float, int], Happening, list[Case]] | None = None
    alike = 0
    for happening in able:
        explained = [case for case in cases if case.explained_by(_answer(case, happening))]
        if _contradicted(happening, cases, explained, agreements):
            continue
        score = (sum(case.weight for case in explained), -len(happening.rows))
        if best is None or score > best[0]:
            best, alike = (score, happening, explained), 1
        elif score == best[0]:
            alike += 1
    if best is None or not _enough(best[2], alike):
        return {}
    _, happening, explained = best
    diagnosis = _named(happening, explained, agreements, alike)
    return {case.place: diagnosis for case in explained}


def _answer(case: Case, happening: Happening) -> Answer:
    return case.recomputed(happening.apply(case.entity.events()))


def _candidates(case: Case) -> Iterator[Happening]:
    """What may have happened to the events that a question sees, the simplest first."""
    seen = sorted((e for e in case.entity.events() if _in_sight(case, e)), key=lambda e: (e.known_at, e.ts, e.row))
    if len(seen) > MOST:
        seen = [*seen[: MOST // 2], *seen[-MOST // 2 :]]
    for times in (0, 2):
        for event in seen:
            yield Happening(frozenset((event.row,)), times)
    for copies in _standing_copies(case):
        yield Happening(copies, 0)
        yield Happening(copies, 2)
    if len(seen) <= RUNS:
        for length in range(2, len(seen) + 1):
            for start in range(len(seen) - length + 1):
                yield Happening(frozenset(event.row for event in seen[start : start + length]), 0)
    else:
        for length in range(2, len(seen)):
            yield Happening(frozenset(event.row for event in seen[-length:]), 0)


def _standing_copies(case: Case) -> Iterator[frozenset[int]]:
    """Events of one id that came so far apart that they count as several."""
    by_id: dict[object, set[int]] = {}
    for event in case.entity.events():
        if event.event_id is not None and _in_sight(case, event):
            by_id.setdefault(event.event_id, set()).add(event.row)
    yield from (frozenset(rows) for rows in by_id.values() if len(rows) > 1)


def _in_sight(case: Case, event: Event) -> bool:
    if event.ts >= case.t or event.known_at >= case.t:
        return False
    view = case.entity.view
    windows = [view.reductions[index].window for index in reads(case.feature)]
    return any(window.length is None or event.ts >= case.t - window.reach for window in windows)


def _contradicted(
    happening: Happening, cases: Sequence[Case], explained: Sequence[Case], agreements: Sequence[Case]
) -> bool:
    places = {case.place for case in explained}
    others = [case for case in cases if case.place not in places]
    found = sum(case.moved_by(_answer(case, happening)) for case in others)
    features = {case.feature.name for case in explained}
    instants = [case.t for case in explained]
    between = [
        each for each in agreements if each.feature.name in features and min(instants) <= each.t <= max(instants)
    ]
    found += sum(each.moved_by(_answer(each, happening)) for each in between)
    return found > 0.05 * (len(explained) + found)


def _enough(explained: Sequence[Case], alike: int) -> bool:
    """Whether it is more than chance: rare values, or several features that tell of the same few events."""
    weight = sum(case.weight for case in explained)
    features = len({case.feature.name for case in explained})
    if features > 1 and alike <= 3:
        return weight >= SEVERAL
    return weight >= ENOUGH and (alike <= 3 or features > 1 or len(explained) >= OFTEN)


def _all_gone(cases: Sequence[Case], agreements: Sequence[Case]) -> dict[int, Diagnosis]:
    """The answers of an entity that nobody has seen, where the judge has."""
    gone = [case for case in cases if case.explained_by(case.recomputed([]))]
    if not gone:
        return {}
    unseen = [case for case in gone if case.side == "online" and case.asked.online_status == Status.UNSEEN_ENTITY]
    first, last = min(case.t for case in gone), max(case.t for case in gone)
    others = [each for each in agreements if first <= each.t <= last and each.moved_by(each.recomputed([]))]
    others += [case for case in cases if case not in gone and first <= case.t <= last]
    weight = sum(case.weight for case in gone) + 3 * len(unseen)
    if (others and not unseen) or weight < ENOUGH or (not unseen and len(gone) < 2):
        return {}
    chosen = unseen if others else gone
    why = "the state is as that of an entity never seen: expired, or never written"
    return {case.place: Diagnosis(Cause.EXPIRED_STATE, why) for case in chosen}


def _named(happening: Happening, explained: Sequence[Case], agreements: Sequence[Case], alike: int) -> Diagnosis:
    case = max(explained, key=lambda each: each.t)
    events = [event for event in case.entity.events() if event.row in happening.rows]
    events.sort(key=lambda event: event.known_at)
    if happening.times == 2:
        copies = [event for event in case.entity.passed() if event.event_id == events[0].event_id is not None]
        if len(copies) > 1:
            return Diagnosis(Cause.DUPLICATE, f"as if {_one(events)} counted twice; {len(copies)} copies of it arrived")
        return Diagnosis(Cause.FOLD, f"as if {_one(events)} counted twice, though it arrived once")
    if all(_newest(each, happening) for each in explained):
        lag = max(each.t - events[0].known_at for each in explained)
        return Diagnosis(Cause.STALE_INGESTION, f"as if what was known in the last {spell(lag)} had not arrived yet")
    which = f"one of {alike} events" if alike > 1 else _one(events)
    if _tiles_only(happening, explained, agreements):
        return Diagnosis(Cause.FOLD, f"as if {which} were not in a tile, though its raw record is there")
    return Diagnosis(Cause.MISSING_INGESTION, f"as if {which} had never arrived")


def _one(events: Sequence[Event]) -> str:
    if len(events) == 1:
        name = "" if events[0].event_id is None else f" {events[0].event_id!r}"
        return f"the event{name} of {moment(events[0].ts).isoformat()}"
    begin, end = moment(events[0].known_at).isoformat(), moment(events[-1].known_at).isoformat()
    return f"the {len(events)} events known from {begin} to {end}"


def _newest(case: Case, happening: Happening) -> bool:
    """Whether nothing that was known later than what is missing is seen."""
    events = [event for event in case.entity.events() if event.known_at < case.t and event.ts < case.t]
    missing = [event.known_at for event in events if event.row in happening.rows]
    kept = [event.known_at for event in events if event.row not in happening.rows]
    return bool(missing) and (not kept or max(kept) < min(missing))


def _tiles_only(happening: Happening, explained: Sequence[Case], agreements: Sequence[Case]) -> bool:
    """Whether only features that tiles serve miss it, and one that raw records serve does not."""
    if not all(served_by_tiles(case.entity.view, case.feature) for case in explained):
        return False
    raw = [each for each in agreements if not served_by_tiles(each.entity.view, each.feature)]
    return any(each.moved_by(_answer(each, happening)) for each in raw)


def served_by_tiles(view: View, feature: Feature) -> bool:
    """Whether a feature reads only what tiles hold: no exact windows, distinct values or lists."""
    reductions = [view.reductions[index] for index in reads(feature)]
    return all(not each.window.exact and each.kind not in (Kind.DISTINCT, Kind.LATEST) for each in reductions)
