"""What became of every offline event of an entity at an instant: derived from the judge's door and windows alone.

The events that are said to be counted are exactly those that the value is made of: asked about them alone, the judge
gives the same value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from diptych.check.explain.explanation import Fate
from diptych.check.explain.wording import PLAIN, said, spelled_condition, spelled_input, spelled_length
from diptych.plan.nodes import Reduction, View
from diptych.reference import Door, Event, Reason, Rejected, Unfit, Value, door, held
from diptych.reference.judge import matching, tail

Row = Mapping[str, object]
Key = tuple[Value | None, ...]


@dataclass(frozen=True, slots=True)
class Fated:
    """A row with its fate; ``event`` is None where it was refused or filtered, ``fates`` are by reduction."""

    row: int
    fate: Fate
    why: str
    event: Event | None = None
    fates: tuple[Fate, ...] = ()


@dataclass(frozen=True, slots=True)
class Copies:
    """The events of one entity: those that stand, and the repeats, each with the copy that stands for it."""

    standing: tuple[Event, ...]
    repeats: tuple[tuple[Event, Event], ...]


def copies_of(view: View, key: Key, rows: Sequence[Row], verdict: Door) -> Copies:
    """The standing events of an entity and their repeats, out of the judge's verdict on the rows."""
    standing = tuple(event for event in verdict.admitted if event.key == key)
    repeats = []
    for row in verdict.repeated:
        for event in door(view, [rows[row]]).admitted:
            if event.key == key:
                repeats.append(_renumbered(event, row))
    return Copies(standing, tuple(_paired(standing, repeats)))


def _renumbered(event: Event, row: int) -> Event:
    return Event(row, event.key, event.event_id, event.ts, event.known_at, event.inputs, event.conditions)


def _paired(standing: Iterable[Event], repeats: Sequence[Event]) -> list[tuple[Event, Event]]:
    """Each repeat with the newest standing copy of its id that is not younger."""
    by_id: dict[str, list[Event]] = {str(repeat.event_id): [] for repeat in repeats}
    for event in standing:
        if str(event.event_id) in by_id:
            by_id[str(event.event_id)].append(event)
    return [
        (repeat, max((copy for copy in by_id[str(repeat.event_id)] if _age(copy) <= _age(repeat)), key=_age))
        for repeat in repeats
    ]


def _age(event: Event) -> tuple[object, ...]:
    return (event.known_at, event.ts, event.payload)


def fates(
    view: View, reductions: Sequence[Reduction], key: Key, t: int, rows: Sequence[Row], verdict: Door, copies: Copies
) -> list[Fated]:
    """The fate of every row of the entity, newest event first; rows of no or of another entity are left out."""
    found = [_standing(view, reductions, event, t) for event in copies.standing]
    found += [_repeat(view, repeat, first) for repeat, first in copies.repeats]
    found += [_refused(view, refusal) for refusal in verdict.rejected if belongs(view, key, rows[refusal.row])]
    found += [
        Fated(row, Fate.FILTERED, f"the filter of source {view.source.name} leaves it out")
        for row in verdict.filtered
        if belongs(view, key, rows[row])
    ]
    return sorted(found, key=_newest_first)


def _newest_first(fated: Fated) -> tuple[object, ...]:
    event = fated.event
    return (event is None, 0 if event is None else -event.ts, 0 if event is None else -event.known_at, fated.row)


def belongs(view: View, key: Key, row: Row) -> bool:
    """Whether a raw row is of the entity, as far as its declared columns say."""
    declared = {field.name for field in view.source.columns}
    if not set(view.on) <= declared:
        return False
    try:
        parts = [held(row.get(name), part.type) for name, part in zip(view.on, view.entity.keys, strict=True)]
    except Unfit:
        return False
    return None not in parts and tuple(parts) == key


def _standing(view: View, reductions: Sequence[Reduction], event: Event, t: int) -> Fated:
    fate, why = _unseen(event, t)
    if fate is not None:
        return Fated(event.row, fate, why, event, (fate,) * len(reductions))
    found = [_in_window(view, reduction, event, t) for reduction in reductions]
    each = tuple(fate for fate, _ in found)
    if not found:
        return Fated(event.row, Fate.BEFORE, "the feature reads no event at all", event)
    if Fate.COUNTED in each:
        seeing = [r for r, fate in zip(reductions, each, strict=True) if fate is Fate.COUNTED]
        names = ", ".join(f"r{view.reductions.index(reduction)}" for reduction in seeing)
        why = PLAIN if len(seeing) == len(each) else f"in the window, for {names} alone"
        return Fated(event.row, Fate.COUNTED, why, event, each)
    nearest = max(found, key=lambda pair: _NEARNESS.index(pair[0]))
    return Fated(event.row, *nearest, event, each)


_NEARNESS = (Fate.BEFORE, Fate.CONDITION, Fate.NULL, Fate.COUNTED)
"""How far an event came on its way into a reduction."""


def _unseen(event: Event, t: int) -> tuple[Fate | None, str]:
    """Why no window at ``t`` can see an event, if none can."""
    if event.ts >= t:
        late = (
            "at the instant itself, which is not seen"
            if event.ts == t
            else f"{spelled_length(event.ts - t)} after the instant"
        )
        return Fate.AFTER, late
    if event.known_at >= t:
        return Fate.LATE, f"known only at {said(event.known_at)}, not before the instant"
    return None, ""


def _in_window(view: View, reduction: Reduction, event: Event, t: int) -> tuple[Fate, str]:
    if matching(view, reduction, [event], t):
        return Fate.COUNTED, PLAIN
    start = tail(reduction.window, t)
    if start is not None and event.ts < start:
        return Fate.BEFORE, f"{spelled_length(start - event.ts)} before the window"
    if reduction.where is not None and not event.conditions[reduction.where]:
        return Fate.CONDITION, f"{spelled_condition(view, reduction.where)} is not true of it"
    return Fate.NULL, f"{spelled_input(view, reduction.input)} is null"


def _repeat(view: View, repeat: Event, first: Event) -> Fated:
    later = repeat.known_at - first.known_at
    when = f"known {spelled_length(later)} after it" if later else "known at the same instant"
    why = f"a repeat of {first.event_id}, which stands: {when}"
    return Fated(repeat.row, Fate.REPEAT, why, repeat)


def _refused(view: View, refusal: Rejected) -> Fated:
    where = f"{refusal.column}: " if refusal.column else ""
    return Fated(refusal.row, Fate.REFUSED, f"the door refuses it: {where}{_REASONS[refusal.reason]}")


_REASONS = {
    Reason.TYPE: "not a value of the declared type",
    Reason.INEXACT: "only rounding would make it fit",
    Reason.RANGE: "out of the declared range",
    Reason.VOCABULARY: "not in the declared vocabulary",
    Reason.LENGTH: "longer than declared",
    Reason.ENCODING: "no valid text",
    Reason.NUL: "text with NUL",
    Reason.INFINITE: "infinite",
    Reason.NULL: "null, and declared never to be",
    Reason.NO_TIMESTAMP: "null, and an event needs its time",
    Reason.NO_KNOWN_AT: "null, and an event needs the time when it was known",
    Reason.NO_EVENT_ID: "null, and an event needs its id",
    Reason.LATE: "known later after it happened than lateness allows",
    Reason.FUTURE: "happened longer after it was known than max_skew allows",
    Reason.NULL_KEY: "null, and an event needs its entity",
}
