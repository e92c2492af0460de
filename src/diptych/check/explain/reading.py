"""What a read at an instant makes of a stored state: which raw records and which tiles a feature's answer comes from.

The rules of the state are written out here once more, record by record. Whoever keeps the header and exactly the tiles
and records that are said to be counted reads the same value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.check.explain.explanation import Fate
from diptych.check.explain.wording import PLAIN, said, spelled_condition, spelled_input, spelled_length
from diptych.compile.online.layout import reducer_of
from diptych.compile.online.unpack import Record, Tile, Unpacked
from diptych.ground.values import INT64_MAX
from diptych.plan.nodes import Reduction, View
from diptych.reference import order
from diptych.reference.judge import tail


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A raw record with its fate, and its fate for each reduction."""

    record: Record
    fate: Fate
    why: str
    fates: tuple[Fate, ...]


@dataclass(frozen=True, slots=True)
class ReadTile:
    """A tile with its fate."""

    place: int
    tile: Tile
    fate: Fate
    why: str


def standing_records(view: View, records: Sequence[Record]) -> set[int]:
    """Places of the records that are left when repeats are taken out, by the rule that reads go by."""
    by_id: dict[int, list[Record]] = {}
    for record in records:
        by_id.setdefault(record.id_hash, []).append(record)
    gap = INT64_MAX if view.source.event_id is None else view.source.dedup_window
    stand = set()
    for copies in by_id.values():
        before: Record | None = None
        for copy in sorted(copies, key=age) if len(copies) > 1 else copies:
            if before is None or copy.known_at - before.known_at > gap:
                stand.add(copy.place)
            before = copy
    return stand


def age(record: Record) -> tuple[object, ...]:
    """What orders the copies of one event."""
    return (record.known_at, record.ts, tuple(order(value) for value in (*record.inputs, *record.conditions)))


def read_records(view: View, reductions: Sequence[Reduction], state: Unpacked, t: int) -> list[ReadRecord]:
    """The fate of every raw record in a read at ``t``, newest first."""
    known = [record for record in state.records if record.known_at < t]
    stand = standing_records(view, known)
    found = [_read(view, reductions, record, record.place in stand, t) for record in state.records]
    return sorted(found, key=lambda read: (-read.record.ts, -read.record.known_at, read.record.place))


def _read(view: View, reductions: Sequence[Reduction], record: Record, stands: bool, t: int) -> ReadRecord:
    if record.known_at >= t:
        whole = (Fate.LATE, f"known only at {said(record.known_at)}, not before the instant")
    elif not stands:
        whole = (Fate.REPEAT, "a repeat: an older copy of its id stands")
    elif record.ts >= t:
        whole = (Fate.AFTER, "at the instant or after it")
    else:
        found = [_into(view, reduction, record, t) for reduction in reductions]
        each = tuple(fate for fate, _ in found)
        nearest = max(found, key=lambda pair: _NEARNESS.index(pair[0]), default=(Fate.EMPTY, "the feature reads none"))
        return ReadRecord(record, *nearest, each)
    return ReadRecord(record, *whole, (whole[0],) * len(reductions))


_NEARNESS = (Fate.EMPTY, Fate.BEFORE, Fate.CONDITION, Fate.NULL, Fate.TILED, Fate.COUNTED)


def _into(view: View, reduction: Reduction, record: Record, t: int) -> tuple[Fate, str]:
    start = tail(reduction.window, t)
    if start is not None and record.ts < start:
        return Fate.BEFORE, f"{spelled_length(start - record.ts)} before the window"
    if reduction.where is not None and not record.conditions[reduction.where]:
        return Fate.CONDITION, f"{spelled_condition(view, reduction.where)} is not true of it"
    if reduction.input is not None and record.inputs[reduction.input] is None:
        return Fate.NULL, f"{spelled_input(view, reduction.input)} is null"
    if record.counted and reducer_of(reduction).tiled:
        return Fate.TILED, "tiles hold it, for this feature"
    return Fate.COUNTED, PLAIN


def read_tiles(reductions: Sequence[Reduction], state: Unpacked, t: int) -> list[ReadTile]:
    """The fate of every tile in a read at ``t``, newest first."""
    found = [_tile(reductions, place, tile, t) for place, tile in enumerate(state.tiles)]
    return found[::-1]


def _tile(reductions: Sequence[Reduction], place: int, tile: Tile, t: int) -> ReadTile:
    tiled = [reduction for reduction in reductions if reducer_of(reduction).tiled]
    if not tiled:
        return ReadTile(place, tile, Fate.EMPTY, "the feature reads raw records alone")
    within = [reduction for reduction in tiled if _reaches(reduction, tile, t)]
    if not within:
        return ReadTile(place, tile, Fate.BEFORE, "begins before the window")
    held = {partial.reducer for partial in tile.partials if partial.value is not None}
    if not any(reducer_of(reduction) in held for reduction in within):
        return ReadTile(place, tile, Fate.EMPTY, "holds nothing that the feature counts")
    return ReadTile(place, tile, Fate.COUNTED, PLAIN)


def _reaches(reduction: Reduction, tile: Tile, t: int) -> bool:
    start = tail(reduction.window, t)
    return start is None or (tile.start is not None and tile.start >= start)
