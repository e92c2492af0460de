"""A difference in sentences, one for each thing that differs: for reports, diagnoses and terminals."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from diptych.check.explain.explanation import StateDifference
from diptych.check.explain.wording import said
from diptych.ground.instants import instant, spell


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing that differs; ``harmless`` where no answer can change by it."""

    text: str
    harmless: bool = False


def sentences(difference: StateDifference) -> Iterator[Sentence]:
    """What differs between the offline events and the stored state, the worst first."""
    for event in difference.missing:
        yield Sentence(f"missing online: {event.event_id or f'row {event.row}'} at {said(event.ts)}: {event.why}")
    for record in difference.unknown:
        yield Sentence(f"unknown offline: {record.id_hash} at {said(record.ts)}: {record.why}")
    for pair in difference.disagreeing:
        yield Sentence(f"told differently: {pair.event_id or f'row {pair.row}'}: {pair.what}")
    for tile in difference.tiles:
        when = "of all that is older" if tile.start is None else f"at {said(tile.start)} +{spell(tile.size)}"
        for name, (held, given) in tile.partials.items():
            told = f"{name} is {told_value(held)}, its {len(tile.members):,} events give {told_value(given)}"
            yield Sentence(f"tile {when}: {told}")
        if tile.also_raw:
            yield Sentence(f"raw beside that tile: {', '.join(tile.also_raw[:5])}")
    for copy in difference.copies:
        word = "counted twice" if copy.stands else "delivered again, and dropped by its id"
        text = f"{word}: {copy.event_id or copy.id_hash} at {said(copy.ts)}, known {said(copy.known_at)}"
        yield Sentence(text, harmless=not copy.stands)


def told_value(value: Any) -> str:
    """A value as a sentence has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(told_value, value))}]"
    return said(instant(value)) if isinstance(value, datetime) else str(value)
