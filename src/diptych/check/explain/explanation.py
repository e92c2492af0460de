"""What an explanation says, as plain values that programs judge, people read and files keep.

Instants are microseconds since the epoch. Values of features and inputs are as users have them; JSON has decimals and
instants among them as text.
"""

from enum import StrEnum
from itertools import zip_longest
from typing import Any, Self, TypeVar

import msgspec


class Fate(StrEnum):
    """What became of an event, a raw record or a tile, in one word."""

    COUNTED = "counted"  # the feature counts it
    BEFORE = "before"  # older than the window
    AFTER = "after"  # at the instant or after it
    LATE = "late"  # known only at the instant or after it
    REPEAT = "repeat"  # a copy of an event that stands
    FILTERED = "filtered"  # the source's filter leaves it out
    CONDITION = "condition"  # its ``where`` is false or null
    NULL = "null"  # its input is null
    REFUSED = "refused"  # the door refuses it
    TILED = "tiled"  # online: tiles hold it already, and the raw record is there for other reductions
    EMPTY = "empty"  # online: a tile that holds nothing for the feature


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one side answers. ``missing`` says why there is no answer; ``agrees`` whether it is the answer by law."""

    value: Any = None
    status: str | None = None
    missing: str = ""
    agrees: bool | None = None


class ReductionShown(msgspec.Struct, frozen=True, kw_only=True):
    """One reduction that the feature reads: its window's exact ends at the instant, and what each side makes of it.

    It sees events of ``start <= ts < end`` (``start`` None: a lifetime, no tail; ``hop`` None: an exact tail), of
    which offline ``counted`` match. ``reads_raw``: online it reads raw records alone, never tiles.
    """

    name: str
    kind: str
    of: str
    where: str
    window: str
    start: int | None
    end: int
    hop: int | None
    counted: int
    law: Any = None
    offline: Any = None
    online: Any = None
    reads_raw: bool = False


class EventShown(msgspec.Struct, frozen=True, kw_only=True):
    """An offline event and its fate; ``fates`` is by reduction, in the order of the explanation's.

    ``row`` is its index among the rows that were given. A refused or filtered row has no times where it could not be
    read. ``id_hash`` is the hash under which online keeps the event.
    """

    row: int
    fate: Fate
    why: str
    fates: tuple[Fate, ...] = ()
    event_id: str | None = None
    id_hash: str | None = None
    ts: int | None = None
    known_at: int | None = None
    inputs: dict[str, Any] = {}


class RecordShown(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record of the state and its fate; ``counted``: tiles hold it too; ``place`` is its index in the state."""

    place: int
    fate: Fate
    why: str
    fates: tuple[Fate, ...]
    ts: int
    known_at: int
    id_hash: str
    counted: bool
    inputs: dict[str, Any] = {}


class TileShown(msgspec.Struct, frozen=True, kw_only=True):
    """A tile of ``start <= ts < end`` and its fate; ``start`` None: the base tile of all that is older.

    ``partials`` are what it holds for the reductions that the feature reads, by their names.
    """

    place: int
    fate: Fate
    why: str
    start: int | None
    size: int
    end: int | None
    partials: dict[str, Any]


class StateShown(msgspec.Struct, frozen=True, kw_only=True):
    """The stored state of the entity; without ``horizon`` it was never folded. Newest tiles and records first."""

    size: int
    generation: str | None
    horizon: int | None
    seeded: bool
    tile_count: int
    record_count: int
    tiles: tuple[TileShown, ...]
    records: tuple[RecordShown, ...]


class MissingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An offline event that a window can see and the state does not hold where it must."""

    row: int
    event_id: str | None
    id_hash: str | None
    ts: int
    known_at: int
    why: str


class UnknownRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A raw record of an event that offline does not know."""

    place: int
    id_hash: str
    ts: int
    known_at: int
    why: str


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """An event that both sides hold, differently: ``what`` names the parts, offline's and online's."""

    row: int
    place: int
    event_id: str | None
    id_hash: str
    what: str


class SurplusCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A raw copy of an event beyond those that offline knows; harmless unless it ``stands`` as an event of its own."""

    place: int
    event_id: str | None
    id_hash: str
    ts: int
    known_at: int
    stands: bool


class TileDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A tile that does not hold what the offline events give that belong in it.

    ``partials``: by reducer, what the tile holds and what the events give. ``members`` are the ids (or rows) of those
    events, ``also_raw`` those within the tile that lie uncounted beside it: what it holds too much may be one of them.
    """

    place: int
    start: int | None
    size: int
    end: int | None
    partials: dict[str, tuple[Any, Any]]
    members: tuple[str, ...]
    also_raw: tuple[str, ...]


class StateDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How the stored state of an entity differs from its offline events, as far as a window sees at the instant.

    ``since``: only what happened from then on was compared (None: everything). ``hidden`` counts what a limit left out
    of the lists.
    """

    missing: tuple[MissingEvent, ...] = ()
    unknown: tuple[UnknownRecord, ...] = ()
    disagreeing: tuple[Disagreement, ...] = ()
    tiles: tuple[TileDifference, ...] = ()
    copies: tuple[SurplusCopy, ...] = ()
    since: int | None = None
    hidden: int = 0

    def limited(self, most: int) -> Self:
        """The same with at most so many in each list."""
        lists = {name: getattr(self, name) for name in ("missing", "unknown", "disagreeing", "tiles", "copies")}
        left_out = sum(max(0, len(parts) - most) for parts in lists.values())
        cut = {name: parts[:most] for name, parts in lists.items()}
        return msgspec.structs.replace(self, **cut, hidden=self.hidden + left_out)

    @property
    def empty(self) -> bool:
        """Whether the state holds exactly the offline events; repeats that fall to their id do not matter."""
        return not (
            self.missing or self.unknown or self.disagreeing or self.tiles or any(c.stands for c in self.copies)
        )


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a feature of an entity has the value that it has at an instant, on both sides.

    ``law`` is the judge's answer, from which an honest engine may be ``allowed_error`` away (None: any answer is right,
    as where two sums that are compared are nearer than their rounding). ``counts`` are the fates of all events that
    were looked at; ``events`` may show fewer of them (``hidden`` left out), newest first. ``older`` and ``newer`` events
    are too far from every window to matter and were not looked at. ``difference`` is None where there is no state to
    compare. ``logged`` is what the request log says that was answered, where a request is explained.
    """

    view: str
    feature: str
    type: str
    formula: str
    entity: str
    key: dict[str, Any]
    at: int
    fingerprint: str
    allowed_error: float | None
    law: Side
    offline: Side
    online: Side
    logged: Side | None = None
    reductions: tuple[ReductionShown, ...]
    events: tuple[EventShown, ...]
    counts: dict[Fate, int]
    hidden: int = 0
    older: int = 0
    newer: int = 0
    state: StateShown | None = None
    difference: StateDifference | None = None
    notes: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether every side that answers gives the answer by law."""
        return self.offline.agrees is not False and self.online.agrees is not False

    def limited(self, most: int) -> Self:
        """The same with at most so many events, tiles and records; what is left out stays counted."""
        state = self.state
        if state is not None:
            tiles, records = fair_share(state.tiles, most), fair_share(state.records, most)
            state = msgspec.structs.replace(state, tiles=tiles, records=records)
        events = fair_share(self.events, most)
        hidden = self.hidden + len(self.events) - len(events)
        difference = None if self.difference is None else self.difference.limited(most)
        return msgspec.structs.replace(self, events=events, hidden=hidden, state=state, difference=difference)

    def to_dict(self) -> dict[str, Any]:
        """Plain values as JSON has them."""
        plain: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return plain


_Fated = TypeVar("_Fated", EventShown, RecordShown, TileShown)


def fair_share(parts: tuple[_Fated, ...], most: int) -> tuple[_Fated, ...]:
    """At most so many, in their order: of every fate about as many, those that are nearest to the windows."""
    by_fate: dict[Fate, list[int]] = {}
    for place, part in enumerate(parts):
        by_fate.setdefault(part.fate, []).append(place)
    first = sorted(by_fate.items(), key=lambda found: found[0] is not Fate.COUNTED)
    nearest = [places[::-1] if fate is Fate.AFTER else places for fate, places in first]
    turns = [place for turn in zip_longest(*nearest) for place in turn if place is not None]
    return tuple(parts[place] for place in sorted(turns[:most]))


class DerivedExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a derived feature of a service has the value that it has: its formula, and everything that it reads.

    ``request`` are the request inputs that the formula reads, ``inputs`` the features under the names that it uses.
    """

    service: str
    version: int
    name: str
    type: str
    formula: str
    at: int
    request: dict[str, Any]
    allowed_error: float | None
    law: Side
    offline: Side
    online: Side
    logged: Side | None = None
    inputs: dict[str, Explanation]
    notes: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether every side that answers gives the answer by law, here and in what is read."""
        own = self.offline.agrees is not False and self.online.agrees is not False
        return own and all(explained.agrees for explained in self.inputs.values())

    def limited(self, most: int) -> Self:
        """The same with at most so many events, tiles and records of each input."""
        inputs = {name: explained.limited(most) for name, explained in self.inputs.items()}
        return msgspec.structs.replace(self, inputs=inputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values as JSON has them."""
        plain: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return plain
