"""The difference between an entity's offline events and its stored state: what is lost, unknown, changed or doubled.

Every event that a window can still see must be held exactly once: by a raw record that is not counted, or by the tile
that it belongs in. Which of the two is read off the state; the tile then has to hold what its events give.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from diptych.check.explain.explanation import (
    Disagreement,
    MissingEvent,
    StateDifference,
    SurplusCopy,
    TileDifference,
    UnknownRecord,
)
from diptych.check.explain.fates import Copies
from diptych.check.explain.pairing import Pairing, pair
from diptych.check.explain.partials import unlike
from diptych.check.explain.reading import standing_records
from diptych.check.explain.wording import said, spelled_hash
from diptych.compile.online.layout import Layout, reducer_of
from diptych.compile.online.unpack import Record, Tile, Unpacked
from diptych.ground.instants import spell
from diptych.plan.nodes import Kind, Reduction, View
from diptych.reference import Event, order
from diptych.reference.judge import tail


def difference(
    view: View, layout: Layout, copies: Copies, state: Unpacked, t: int, since: int | None = None
) -> StateDifference:
    """Compare the events of one entity with its state, as far as any window of the view can see at ``t``.

    ``copies`` are all events of the entity, at least those of ``ts >= since``; ``since`` None: all there are.
    """
    return _Comparison.of(view, layout, copies, state, t, since).result()


@dataclass(frozen=True)
class _Comparison:
    view: View
    layout: Layout
    state: Unpacked
    t: int
    floor: int | None
    pairing: Pairing
    events: tuple[Event, ...]

    @classmethod
    def of(
        cls, view: View, layout: Layout, copies: Copies, state: Unpacked, t: int, since: int | None
    ) -> "_Comparison":
        tails = [tail(reduction.window, t) for reduction in view.reductions]
        oldest = None if None in tails else min((edge for edge in tails if edge is not None), default=t)
        floor = max((edge for edge in (oldest, since) if edge is not None), default=None)
        pairing = pair(view, copies, state.records)
        events = tuple(
            event for event in copies.standing if event.known_at < t and (floor is None or event.ts >= floor)
        )
        return cls(view, layout, state, t, floor, pairing, events)

    @cached_property
    def _tiled(self) -> bool:
        """Whether any reduction of the view reads tiles."""
        return any(reducer_of(reduction).tiled for reduction in self.view.reductions)

    @cached_property
    def _hops(self) -> tuple[tuple[int, int], ...]:
        return self.layout.hops

    @cached_property
    def _base(self) -> int | None:
        """The place of the base tile."""
        return next((place for place, tile in enumerate(self.state.tiles) if tile.start is None), None)

    @cached_property
    def _starts(self) -> list[int]:
        """The starts of the sized tiles, which are the last ones, oldest first; none overlap."""
        return [tile.start for tile in self.state.tiles if tile.start is not None]

    def _covering(self, ts: int) -> int | None:
        """The place of the sized tile that covers an instant."""
        behind = len(self.state.tiles) - len(self._starts)
        place = bisect_right(self._starts, ts) - 1
        return place + behind if place >= 0 and _covers(self.state.tiles[place + behind], ts) else None

    def result(self) -> StateDifference:
        missing: dict[int, MissingEvent] = {}
        members: dict[int, list[Event]] = {}
        for event in self.events:
            record = self.pairing.records.get(event.row)
            if record is not None and not record.counted:
                continue
            place, why = self._tile_of(event, record)
            if place is not None:
                members.setdefault(place, []).append(event)
            elif why:
                missing[event.row] = self._missing(event, why)
        for event, why in self._unpinned():
            missing.setdefault(event.row, self._missing(event, why))
        return StateDifference(
            missing=tuple(sorted(missing.values(), key=lambda event: -event.ts)),
            unknown=tuple(_unknown(record) for record in self.pairing.unknown if self._matters(record)),
            disagreeing=tuple(self._disagreements()),
            tiles=tuple(self._tiles(members)),
            copies=tuple(sorted(self._surplus(), key=lambda copy: not copy.stands)),
            since=self.floor,
        )

    def _matters(self, record: Record) -> bool:
        return record.known_at < self.t and (self.floor is None or record.ts >= self.floor)

    def _tile_of(self, event: Event, record: Record | None) -> tuple[int | None, str]:
        """The place of the tile that holds an event without an uncounted record, or why none can (empty: none need)."""
        header = self.state.header
        if header is None:
            return None, "the state was never folded and has no record of it"
        wait = 0 if self.view.source.event_id is None else self.view.source.dedup_window
        if event.ts >= header.horizon or event.known_at >= header.horizon - wait:
            return None, "no record holds it, and it is too new for a tile"
        if not self._tiled:
            return None, ""  # it is held by records alone, if anything needs it
        if self._is_past(event, header.horizon):
            if not self.layout.keeps_lifetime:
                return None, ""
            return self._base, "it belongs in the base tile, and there is none"
        place = self._covering(event.ts)
        if place is None and record is not None:
            return None, "its record is marked as counted, and no tile covers its time"
        return place, "neither a record nor a tile holds it"

    def _is_past(self, event: Event, horizon: int) -> bool:
        """Whether every hopping window that tiles serve had passed the event at the horizon."""
        return all(event.ts < (horizon - length) // hop * hop for length, hop in self._hops)

    def _unpinned(self) -> list[tuple[Event, str]]:
        """Events that a reduction needs as raw records and that have none."""
        found = []
        seen = [event for event in self.events if event.ts < self.t]
        for reduction in self.view.reductions:
            if not reducer_of(reduction).tiled:
                bare = self._without_record(reduction, [event for event in seen if _matches(reduction, event)])
                found += [(event, f"{_reader(reduction)} needs its raw record, and there is none") for event in bare]
        return found

    def _without_record(self, reduction: Reduction, seen: Sequence[Event]) -> list[Event]:
        """Of the events that a reduction of raw records needs, those that have none."""
        start = tail(reduction.window, self.t)
        inside = [event for event in seen if start is None or event.ts >= start]
        if reduction.kind is Kind.DISTINCT:  # of events of one instant and value any does
            held = {_instance(reduction, event) for event in inside if event.row in self.pairing.records}
            newest = {order(_value(reduction, event)): event for event in sorted(inside, key=lambda event: event.ts)}
            return [event for event in newest.values() if _instance(reduction, event) not in held]
        if reduction.kind is Kind.LATEST:
            inside = sorted(inside, key=lambda event: _instance(reduction, event))[-reduction.n :]
        return [event for event in inside if event.row not in self.pairing.records]

    def _disagreements(self) -> list[Disagreement]:
        return [
            Disagreement(
                row=event.row,
                place=record.place,
                event_id=_id(event),
                id_hash=spelled_hash(record.id_hash),
                what=what,
            )
            for event, record, what in self.pairing.disagreeing
            if self._matters(record) or (event.known_at < self.t and (self.floor is None or event.ts >= self.floor))
        ]

    def _surplus(self) -> list[SurplusCopy]:
        stand = standing_records(self.view, [record for record in self.state.records if record.known_at < self.t])
        return [
            SurplusCopy(
                place=record.place,
                event_id=event_id,
                id_hash=spelled_hash(record.id_hash),
                ts=record.ts,
                known_at=record.known_at,
                stands=record.place in stand,
            )
            for record, event_id in self.pairing.surplus
            if self._matters(record)
        ]

    def _tiles(self, members: dict[int, list[Event]]) -> list[TileDifference]:
        found = []
        for place, tile in enumerate(self.state.tiles):
            if self.floor is not None and (tile.start is None or tile.start < self.floor):
                continue
            wrong = unlike(self.view, tile, members.get(place, []))
            if wrong:
                beside = [
                    _name(event, self.pairing)
                    for event in self.events
                    if _covers(tile, event.ts) and self._is_raw(event)
                ]
                names = tuple(_name(event, self.pairing) for event in members.get(place, []))
                found.append(
                    TileDifference(
                        place=place,
                        start=tile.start,
                        size=tile.size,
                        end=tile.end,
                        partials=wrong,
                        members=names,
                        also_raw=tuple(beside),
                    )
                )
        return found

    def _is_raw(self, event: Event) -> bool:
        record = self.pairing.records.get(event.row)
        return record is not None and not record.counted

    def _missing(self, event: Event, why: str) -> MissingEvent:
        id_hash = self.pairing.hashes.get(event.row)
        return MissingEvent(
            row=event.row,
            event_id=_id(event),
            id_hash=None if id_hash is None else spelled_hash(id_hash),
            ts=event.ts,
            known_at=event.known_at,
            why=why,
        )


def _covers(tile: Tile, ts: int) -> bool:
    return tile.start is not None and tile.start <= ts < tile.start + tile.size


def _matches(reduction: Reduction, event: Event) -> bool:
    return (reduction.where is None or event.conditions[reduction.where]) and _value(reduction, event) is not None


def _value(reduction: Reduction, event: Event) -> bool | int | float | str | None:
    return True if reduction.input is None else event.inputs[reduction.input]


def _instance(reduction: Reduction, event: Event) -> tuple[int, tuple[int, object]]:
    return event.ts, order(_value(reduction, event))


def _reader(reduction: Reduction) -> str:
    if reduction.kind is Kind.DISTINCT:
        return "a count of different values"
    if reduction.kind is Kind.LATEST:
        return f"a list of the last {reduction.n}"
    assert reduction.window.length is not None
    return f"an exact window of {spell(reduction.window.length)}"


def _unknown(record: Record) -> UnknownRecord:
    return UnknownRecord(
        place=record.place,
        id_hash=spelled_hash(record.id_hash),
        ts=record.ts,
        known_at=record.known_at,
        why="no offline event has its id",
    )


def _id(event: Event) -> str | None:
    return None if event.event_id is None else str(event.event_id)


def _name(event: Event, pairing: Pairing) -> str:
    return _id(event) or f"row {event.row} at {said(event.ts)}"
