"""What is left when no suspect explains: which way the answers of many entities are off, and in which features.

This names no single event. It says what must be wrong with many of them, by what differs and what does not: counts that are
too low everywhere, features of tiles beside features of raw records, the longest windows alone, keys that are never found.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from diptych.check.causes.bench import Case, reads
from diptych.check.causes.evidence import Diagnosis, Key
from diptych.check.causes.happenings import served_by_tiles
from diptych.check.findings import Cause
from diptych.ground.expression import Column
from diptych.plan.nodes import Kind
from diptych.reference import Event, Status

MANY = 8
"""Mismatches, of at least two entities, from which on a pattern is more than chance."""

ONE_WAY = 0.95
"""The share of counts that are off in one direction, or of mismatches that one pattern explains."""

RUN = 40
"""The newest events that may not have arrived yet, at most."""


def eliminated(cases: Sequence[Case], agreements: Sequence[Case], spent: Callable[[], bool]) -> dict[int, Diagnosis]:
    """Diagnoses by place of the mismatches of one side that nothing else explains."""
    found = {**_absent(cases), **_never_found(cases, agreements)}
    left = [case for case in cases if case.place not in found]
    if len(left) < MANY or len({case.asked.key for case in left}) < 2:
        return found
    why = _behind(left, spent) or _pattern(left, agreements)
    return found if why is None else {**{case.place: why for case in left}, **found}


def _pattern(left: Sequence[Case], agreements: Sequence[Case]) -> Diagnosis | None:
    signs = [sign for case in left if (sign := _sign(case)) is not None]
    low = len(signs) >= MANY // 2 and sum(sign < 0 for sign in signs) >= ONE_WAY * len(signs)
    high = len(signs) >= MANY // 2 and sum(sign > 0 for sign in signs) >= ONE_WAY * len(signs)
    if _tiles_alone(left, agreements):
        way = "too low" if low else "too high" if high else "off"
        return Diagnosis(Cause.FOLD, f"what tiles hold is {way}, and what raw records hold is right")
    if high and left[0].entity.view.source.event_id is None:
        return Diagnosis(
            Cause.DUPLICATE, "counts are too high, and the source has no ids that would tell repeats apart"
        )
    if _oldest_alone(left, agreements) and (low or high):
        if high:
            return Diagnosis(Cause.FOLD, "only the oldest part of the longest windows counts more than once")
        return Diagnosis(Cause.EXPIRED_STATE, "only the oldest part of the longest windows is gone")
    if len({case.feature.name for case in left}) < 2:
        return None
    if low:
        return Diagnosis(Cause.MISSING_INGESTION, "counts are too low for many entities: events have never arrived")
    if high:
        return Diagnosis(Cause.DUPLICATE, "counts are too high for many entities: events count more than once")
    return None


def _sign(case: Case) -> int | None:
    """Which way a count is off; None for what is no count."""
    reductions = [case.entity.view.reductions[index] for index in reads(case.feature)]
    if not isinstance(case.feature.finish, Column) or any(
        r.kind not in (Kind.COUNT, Kind.DISTINCT) for r in reductions
    ):
        return None
    right, wrong = case.law.value, case.target
    if not isinstance(right, int) or not isinstance(wrong, int) or right == wrong:
        return None
    return 1 if wrong > right else -1


def _tiles_alone(left: Sequence[Case], agreements: Sequence[Case]) -> bool:
    """Whether only features of tiles differ, and features of raw records of the same entities are right."""
    if not all(served_by_tiles(case.entity.view, case.feature) for case in left):
        return False
    keys = {case.asked.key for case in left}
    raw = [
        each
        for each in agreements
        if each.asked.key in keys
        and not served_by_tiles(each.entity.view, each.feature)
        and each.law.value not in ((), 0)
    ]
    return len(raw) >= MANY // 2


def _oldest_alone(left: Sequence[Case], agreements: Sequence[Case]) -> bool:
    """Whether only features of the longest windows differ, and shorter ones are right."""
    shortest = min(map(_length, left))
    keys = {case.asked.key for case in left}
    shorter = [each for each in agreements if each.asked.key in keys and _length(each) < shortest]
    return len(shorter) >= MANY // 2


def _length(case: Case) -> float:
    """How far back a feature looks."""
    windows = [case.entity.view.reductions[index].window for index in reads(case.feature)]
    return max((float("inf") if w.length is None else float(w.length) for w in windows), default=0.0)


def _behind(left: Sequence[Case], spent: Callable[[], bool]) -> Diagnosis | None:
    """Whether each answer lacks some of what became known last, however much that is."""
    explained, telling = 0, 0
    for number, case in enumerate(left):
        if spent() or number - explained > (1 - ONE_WAY) * len(left) + 1:
            return None
        if _lacks_newest(case):
            explained += 1
            telling += case.weight >= 2.0
    if explained < ONE_WAY * len(left) or telling < MANY // 2:
        return None
    return Diagnosis(
        Cause.STALE_INGESTION, "as if what became known last had not arrived yet, now more, now less of it"
    )


def _lacks_newest(case: Case) -> bool:
    seen = sorted(_known(case), key=lambda event: (event.known_at, event.ts, event.row))
    for count in range(1, min(RUN + 1, len(seen))):  # all of them gone is another matter
        gone = {event.row for event in seen[-count:]}
        if case.explained_by(case.recomputed([event for event in case.entity.events() if event.row not in gone])):
            return True
    return False


def _known(case: Case) -> Iterable[Event]:
    return (event for event in case.entity.events() if event.known_at < case.t and event.ts < case.t)


def _absent(cases: Sequence[Case]) -> dict[int, Diagnosis]:
    """Entities of which online says itself that it has no state, and the judge has seen events."""
    gone = [case for case in cases if _is_unseen(case) and case.law.status is not Status.UNSEEN_ENTITY]
    if len({case.asked.key for case in gone}) < 2:
        return {}
    why = Diagnosis(
        Cause.EXPIRED_STATE, "there is no state where there were events: expired, evicted, or never written"
    )
    return {case.place: why for case in gone}


def _is_unseen(case: Case) -> bool:
    return case.side == "online" and case.asked.online_status == Status.UNSEEN_ENTITY


def _never_found(cases: Sequence[Case], agreements: Sequence[Case]) -> dict[int, Diagnosis]:
    """Keys that are never found, where how they are spelled tells them from those that are."""
    unseen = [case for case in cases if _is_unseen(case)]
    seen = {each.asked.key for each in (*cases, *agreements) if each.asked.online_status in _SEEN}
    lost = {case.asked.key for case in unseen} - seen
    if len(lost) < 3 or not seen:
        return {}
    for words, told in _SPELLINGS.items():
        if all(told(key) for key in lost) and not any(told(key) for key in seen):
            why = Diagnosis(Cause.KEY_ENCODING, f"no key {words} is ever found")
            return {case.place: why for case in unseen if case.asked.key in lost}
    return {}


_SEEN = (Status.PRESENT, Status.EMPTY_WINDOW, Status.NULL, Status.OVERFLOW)


def _any(test: Callable[[str], bool]) -> Callable[[Key], bool]:
    return lambda key: any(test(str(part)) for part in key if not _is_null(part))


def _is_null(part: Any) -> bool:
    return part is None


def _shorter(size: int) -> Callable[[Key], bool]:
    return _any(lambda text: text.lstrip("-").isdigit() and len(text) < size)


def _longer(size: int) -> Callable[[Key], bool]:
    return _any(lambda text: text.isdigit() and len(text) >= size)


_SPELLINGS: dict[str, Callable[[Key], bool]] = {
    **{f"of fewer than {size} digits": _shorter(size) for size in range(2, 12)},
    **{f"of {size} digits or more": _longer(size) for size in range(2, 20)},
    "below zero": _any(lambda text: text.startswith("-") and text[1:].isdigit()),
    "with a capital": _any(lambda text: text != text.lower()),
    "in small letters": _any(lambda text: text != text.upper()),
    "with a blank at its end": _any(lambda text: text != text.strip()),
    "with a leading zero": _any(lambda text: len(text) > 1 and text.startswith("0")),
    "beyond ASCII": _any(lambda text: not text.isascii()),
}
"""Ways in which spellings differ that clients get wrong."""
