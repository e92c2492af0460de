"""Representative rows of a view: found by drawing candidates and reading each as the judge does.

Conditions, filters and inputs are arbitrary expressions, so rows that make them true, false or null are searched for,
not solved for. All is drawn by one seed, so the same view always gets the same rows.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from diptych.ground.expression import Column, columns_of
from diptych.ground.instants import DAY, HOUR, LATEST
from diptych.plan.nodes import Field, View
from diptych.reference import ARRIVED_AT, Event, Unfit, Value, door, evaluate, held, order, spoken
from diptych.testing.boundaries import pools

CANDIDATES = 240
TIMED_CANDIDATES = 40
"""How many rows are read anew at every instant, where what a row says depends on its time."""
ANCHORS = (1_709_164_800_000_000, 1_357_084_800_000_000, 1_720_000_800_000_000)
"""A leap day, New Year 2013 and a summer's day: instants at which rows are tried, the best of which is kept."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """A row as the judge reads it: what the filter says, its key, and its inputs and conditions, null as None.

    ``event`` is None where the door does not admit the row; ``fits`` tells a row that is left out by the filter or for
    want of a key from one that is refused for its types.
    """

    row: Row
    fits: bool
    kept: bool | None
    inputs: tuple[Value | None, ...]
    conditions: tuple[bool | None, ...]
    event: Event | None

    def counts(self, view: View) -> frozenset[int]:
        """The reductions that take this row in, wherever their windows are."""
        if self.event is None:
            return frozenset()
        return frozenset(
            number
            for number, reduction in enumerate(view.reductions)
            if (reduction.where is None or self.conditions[reduction.where] is True)
            and (reduction.input is None or self.inputs[reduction.input] is not None)
        )


def read(view: View, row: Mapping[str, Any]) -> Reading:
    """Read one raw row."""
    source = view.source
    admitted = door(view, [row]).admitted
    event = admitted[0] if admitted else None
    try:
        columns = {field.name: held(row.get(field.name), field.type) for field in source.columns}
    except Unfit:
        return Reading(dict(row), False, None, (None,) * len(view.inputs), (None,) * len(view.conditions), None)
    for name, expression in source.derive:
        columns[name] = evaluate(expression, columns)
    kept = True if source.filter is None else evaluate(source.filter, columns)
    inputs = tuple(evaluate(expression, columns) for expression in view.inputs)
    conditions = tuple(evaluate(expression, columns) for expression in view.conditions)
    return Reading(dict(row), True, kept, inputs, conditions, event)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Cast:
    """The rows with which cases of a view are played, all about one entity unless said otherwise.

    ``anchor`` is the instant around which they are played. ``hero`` is a row that as many reductions as possible take
    in; ``drawn`` are ordinary rows, ``varied`` the hero with one column changed, also to the edges of its type; each is
    read as it would be at the anchor.
    """

    view: View
    anchor: int
    hero: Reading
    drawn: tuple[Reading, ...]
    varied: tuple[Reading, ...]

    @classmethod
    def of(cls, view: View, seed: int = 0) -> "Cast | None":
        """The cast of a view; None where no drawn row is an event."""
        best: Cast | None = None
        for anchor in dict.fromkeys(_aligned(view, at) for at in _anchors(view)):
            found = _played(view, anchor, random.Random(seed))
            if found is not None and (best is None or found.worth > best.worth):
                best = found
            if best is not None and best.worth == len(view.reductions):
                break
        return best

    @cached_property
    def worth(self) -> int:
        """How many reductions take in some row."""
        return len(frozenset().union(*(reading.counts(self.view) for reading in self.mine)))

    @property
    def key(self) -> tuple[Any, ...]:
        """The entity of the hero, as a user has it."""
        return self.key_of(self.hero)

    def key_of(self, reading: Reading) -> tuple[Any, ...]:
        """The entity of a row that was admitted."""
        assert reading.event is not None
        parts = zip(reading.event.key, self.view.entity.keys, strict=True)
        return tuple(spoken(part, field.type) for part, field in parts)

    @cached_property
    def mine(self) -> tuple[Reading, ...]:
        """The ordinary admitted rows about the hero's entity."""
        return _about(self.hero, [self.hero, *self.drawn])

    @cached_property
    def other(self) -> Reading | None:
        """A row about another entity, as like the hero as can be."""
        assert self.hero.event is not None
        others = [r for r in self.drawn if r.event is not None and r.event.key != self.hero.event.key]
        full = [r for r in others if r.counts(self.view) >= self.hero.counts(self.view)]
        return self.nearest(full or others)

    @cached_property
    def timed(self) -> bool:
        """Whether what a row says depends on when it happened or was known, or on its id."""
        own = own_columns(self.view)
        trees = [tree for tree in pools.expressions_of(self.view) if not isinstance(tree, Column)]
        named = [Column(name) for name in self.view.on]
        return any(name in own for tree in (*trees, *named) for name in _reads(self.view, tree))

    @cached_property
    def telling(self) -> tuple[Row, ...]:
        """Few rows that between them are taken in by every reduction that takes in any, once with a small and once with
        a large value of each input; small ones first."""
        return _telling(self.view, self.mine)

    @cached_property
    def contrast(self) -> tuple[Row, ...]:
        """For each condition a row for which it is not true, so that shares are neither none nor all."""
        found = [
            self.nearest([reading for reading in self.mine if reading.conditions[number] is not True])
            for number in range(len(self.view.conditions))
        ]
        return tuple({repr(reading.row): reading.row for reading in found if reading is not None}.values())

    def telling_at(self, ts: int, known: int) -> tuple[Row, ...]:
        """The same for rows that happen and are known at these instants."""
        return _telling_at(self, ts, known) if self.timed else self.telling

    def nearest(self, readings: Sequence[Reading]) -> Reading | None:
        """Of rows the one that differs from the hero in the fewest columns."""
        return min(readings, key=lambda reading: _distance(reading.row, self.hero.row), default=None)

    def find(self, wanted: Callable[[Reading], bool]) -> Reading | None:
        """The row most like the hero for which something holds."""
        return self.nearest([reading for reading in (self.hero, *self.varied, *self.drawn) if wanted(reading)])


@lru_cache(maxsize=4096)
def _telling_at(cast: Cast, ts: int, known: int) -> tuple[Row, ...]:
    """Out of some of the cast's rows, each read anew."""
    view = cast.view
    some = cast.mine[:: max(1, len(cast.mine) // TIMED_CANDIDATES)]
    readings = [read(view, timed_row(view, reading.row, ts, known)) for reading in some]
    return _telling(view, _about(cast.hero, readings)) or cast.telling


def _about(hero: Reading, readings: Iterable[Reading]) -> tuple[Reading, ...]:
    assert hero.event is not None
    mine = hero.event.key
    return tuple(reading for reading in readings if reading.event is not None and reading.event.key == mine)


def _telling(view: View, readings: Sequence[Reading]) -> tuple[Row, ...]:
    counted = [(reading.counts(view), reading) for reading in readings]
    chosen: list[Row] = []
    covered: set[int] = set()
    while counted:
        most = max((counts for counts, _ in counted), key=lambda counts: len(counts - covered))
        for row in _extremes(view, [reading for counts, reading in counted if counts == most]):
            if row not in chosen:
                chosen.append(row)
        covered |= most
        counted = [(counts, reading) for counts, reading in counted if not counts <= covered]
    return tuple(chosen)


def _reads(view: View, tree: Any) -> set[str]:
    """Columns that an expression reads, through derived ones too."""
    derived = dict(view.source.derive)
    found: set[str] = set()
    todo = list(columns_of(tree))
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += list(columns_of(derived[name])) if name in derived else []
    return found


def read_columns(view: View) -> set[str]:
    """Declared columns on which an answer of the view may depend, the source's own times and id left out."""
    trees = [
        expression for expression in pools.expressions_of(view) if expression not in dict(view.source.derive).values()
    ]
    derived = dict(view.source.derive)
    found = {name for tree in trees for name in _reads(view, tree)}
    for name in view.on:
        found |= {name} | (_reads(view, derived[name]) if name in derived else set())
    return {field.name for field in view.source.columns} & found - own_columns(view)


def own_columns(view: View) -> set[str]:
    """The source's timestamp, known-at and event id columns."""
    own = (view.source.timestamp, view.source.known_at, view.source.event_id)
    return {name for name in own if name is not None}


def _distance(row: Row, hero: Row) -> int:
    return sum(row.get(name) != value for name, value in hero.items())


def _anchors(view: View) -> Iterable[int]:
    said = pools.constants(pools.expressions_of(view))
    yield ANCHORS[0]
    for at in pools.instants(said):
        if abs(at) < LATEST // 2:
            yield from (at + 2 * DAY, at - 2 * DAY)
    yield from ANCHORS[1:]


def _aligned(view: View, anchor: int) -> int:
    """The anchor, moved back to an edge of the longest hop, which is an edge of every hop."""
    longest = max((reduction.window.step for reduction in view.reductions), default=1)
    return anchor // longest * longest


def _played(view: View, anchor: int, rng: random.Random) -> Cast | None:
    drawn = [read(view, row) for row in _drawn(view, anchor, rng, {})]
    events = [reading for reading in drawn if reading.event is not None]
    if not events:
        return None
    hero = max(events, key=lambda reading: len(reading.counts(view)))
    fixed = {name: hero.row[name] for name in view.on if name in hero.row}
    mine = [read(view, row) for row in _drawn(view, anchor, rng, fixed)]
    varied = [read(view, row) for row in _varied(view, anchor, hero.row)]
    return Cast(view, anchor, hero, (*mine, *drawn), tuple(varied))


def _drawn(view: View, anchor: int, rng: random.Random, fixed: Row) -> Iterable[Row]:
    """Candidates: all columns low, all high, and at random, with a null here and there."""
    said = pools.constants(pools.expressions_of(view))
    values = {field.name: pools.plain(field.type, said, anchor) for field in view.source.columns}
    for number in range(CANDIDATES):
        row: Row = {}
        for field in view.source.columns:
            pool = values[field.name]
            if number % 8 == 0:
                low = 0 if number % 16 == 0 else max(0, len(pool) - 3)
                row[field.name] = pool[min(len(pool) - 1, low + rng.randrange(3))]
            else:
                row[field.name] = rng.choice(pool)
            if field.type.nullable and number % 4 == 3 and rng.random() < 0.25:
                row[field.name] = None
        yield timed_row(view, {**row, **fixed}, anchor, anchor)


def _varied(view: View, anchor: int, hero: Row) -> Iterable[Row]:
    """The hero with one column changed, or at another time."""
    said = pools.constants(pools.expressions_of(view))
    times = {view.source.timestamp, view.source.known_at}
    for field in view.source.columns:
        if field.name in times:
            continue
        pool = [*pools.plain(field.type, said, anchor), *pools.edges(field.type)]
        for value in [*pool, *([None] if field.type.nullable else [])]:
            yield {**hero, field.name: value}
    for later in (*(n * HOUR for n in range(24)), *(n * DAY for n in (1, 2, 3, 4, 5, 6, 60, 120, 180, 240, 300, 366))):
        yield timed_row(view, hero, anchor + later, anchor + later)
    for at in pools.instants(said):
        yield from (timed_row(view, hero, ts, ts) for ts in (at - 1, at, at + 1))


def timed_row(view: View, row: Mapping[str, Any], ts: int, known: int, number: int = 0) -> Row:
    """A row at an instant, known at another, with the id of that number; where the source has those.

    A source that declares no ``known_at`` is told by ``arrived_at``, as a recorded history does.
    """
    source = view.source
    found = {name: value for name, value in row.items() if name != ARRIVED_AT}
    if source.timestamp is not None:
        found[source.timestamp] = ts
        if source.known_at is None and known != ts:
            found[ARRIVED_AT] = known
    if source.known_at is not None:
        found[source.known_at] = known
    if source.event_id is not None and source.event_id not in view.on:
        field = next(field for field in source.columns if field.name == source.event_id)
        found[source.event_id] = identifier(field, number)
    return found


def identifier(field: Field, number: int) -> Any:
    """An event id of a column's type; different for different small numbers wherever the type has enough values."""
    for value in (f"e{number}", str(number), number, number + int(getattr(field.type, "ge", None) or 0)):
        if pools.fits(field.type, value):
            return value
    pool = pools.plain(field.type, (), 0)
    return pool[number % len(pool)]


def _extremes(view: View, group: Sequence[Reading]) -> list[Row]:
    """Rows of a group with a small and a large value of every input that has two, as few as a greedy choice finds."""
    ranks = [_ranks(group, number) for number in range(len(view.inputs))]
    total = [sum(rank[place] for rank in ranks) for place in range(len(group))]
    lows, highs = [min(range(len(group)), key=lambda i: total[i])], [max(range(len(group)), key=lambda i: total[i])]
    for rank in ranks:
        if min(rank) != max(rank) and min(rank[i] for i in lows) >= max(rank[i] for i in highs):
            lows.append(min(range(len(group)), key=lambda i: rank[i]))
            highs.append(max(range(len(group)), key=lambda i: rank[i]))
    return [group[place].row for place in dict.fromkeys([*lows, *highs])]


def _ranks(group: Sequence[Reading], number: int) -> list[int]:
    """By row, the place of its input among the different values of the group."""
    values = sorted({order(reading.inputs[number]) for reading in group})
    places = {value: place for place, value in enumerate(values)}
    return [places[order(reading.inputs[number])] for reading in group]
