"""Which raw record is which offline event: by the hash of the id, or, where a source has no ids, by all that both say."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from diptych.admit.identity import hashed
from diptych.check.explain.fates import Copies
from diptych.check.explain.reading import age
from diptych.check.explain.wording import said, spelled_condition, spelled_input
from diptych.compile.online.unpack import Record
from diptych.plan.nodes import View
from diptych.reference import Event
from diptych.rows.objects import from_list


@dataclass(frozen=True, slots=True)
class Pairing:
    """``records``: by row of a standing event, its raw record. ``hashes``: the id's hash of each row, where it has one.

    ``disagreeing`` pairs have one id and differ in what is named; ``unknown`` records have an id that offline does not
    know, ``surplus`` ones are copies beyond those that it knows, with the id.
    """

    records: dict[int, Record]
    hashes: dict[int, int]
    disagreeing: tuple[tuple[Event, Record, str], ...]
    unknown: tuple[Record, ...]
    surplus: tuple[tuple[Record, str | None], ...]


def pair(view: View, copies: Copies, records: Sequence[Record]) -> Pairing:
    """Pair an entity's events, repeats included, with the raw records of its state."""
    repeats = [repeat for repeat, _ in copies.repeats]
    hashes = hashes_of(view, [*copies.standing, *repeats])
    stored: dict[Hashable, list[Record]] = defaultdict(list)
    for record in records:
        stored[record.id_hash if view.source.event_id is not None else _all_of_record(record)].append(record)
    known: dict[Hashable, list[tuple[Event, bool]]] = defaultdict(list)
    for events, stands in ((copies.standing, True), (repeats, False)):
        for event in events:
            known[hashes[event.row] if hashes else _all_of_event(event)].append((event, stands))
    pairing = Pairing({}, hashes, (), (), ())
    disagreeing: list[tuple[Event, Record, str]] = []
    unknown: list[Record] = []
    surplus: list[tuple[Record, str | None]] = []
    for name, mine in stored.items():
        if name not in known:
            unknown += mine
            continue
        changed, beyond = _match(view, known[name], mine, pairing.records)
        disagreeing += changed
        event = known[name][0][0]
        surplus += [(record, None if event.event_id is None else str(event.event_id)) for record in beyond]
    return Pairing(pairing.records, hashes, tuple(disagreeing), tuple(unknown), tuple(surplus))


def _match(
    view: View, events: list[tuple[Event, bool]], records: list[Record], found: dict[int, Record]
) -> tuple[list[tuple[Event, Record, str]], list[Record]]:
    """Pair the copies of one id: alike ones first, standing ones before repeats, then what is left, by age."""
    alike: dict[Hashable, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: (age(record), not record.counted))[::-1]:  # taken from the end
        alike[_all_of_record(record)].append(record)
    left: list[Event] = []
    for event, stands in events:
        same = alike.get(_all_of_event(event))
        if same:
            record = same.pop()
            if stands:
                found[event.row] = record
        elif stands:
            left.append(event)
    rest = sorted((record for group in alike.values() for record in group), key=age)
    changed = []
    for event, record in zip(sorted(left, key=lambda e: (e.known_at, e.ts)), rest, strict=False):
        found[event.row] = record
        changed.append((event, record, _what_differs(view, event, record)))
    return changed, rest[len(changed) :]


def hashes_of(view: View, events: Sequence[Event]) -> dict[int, int]:
    """The hash under which online keeps each event, by row; empty for a source without ids."""
    source = view.source
    if source.event_id is None or not events:
        return {}
    kind = next(field.type for field in source.columns if field.name == source.event_id)
    ids = from_list(kind, [event.event_id for event in events]).values
    return dict(zip((event.row for event in events), hashed(kind, ids).tolist(), strict=True))


def _all_of_event(event: Event) -> Hashable:
    return (event.ts, event.known_at, event.inputs, event.conditions)


def _all_of_record(record: Record) -> Hashable:
    return (record.ts, record.known_at, record.inputs, record.conditions)


def _what_differs(view: View, event: Event, record: Record) -> str:
    """Offline against online, part by part."""
    parts = [("ts", said(event.ts), said(record.ts)), ("known_at", said(event.known_at), said(record.known_at))]
    for number, (mine, theirs) in enumerate(zip(event.inputs, record.inputs, strict=True)):
        parts.append((spelled_input(view, number), repr(mine), repr(theirs)))
    for number, (truth, other) in enumerate(zip(event.conditions, record.conditions, strict=True)):
        parts.append((spelled_condition(view, number), str(truth), str(other)))
    return "; ".join(f"{name} is {mine} offline, {theirs} online" for name, mine, theirs in parts if mine != theirs)
