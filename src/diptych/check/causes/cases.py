"""From evidence to cases: each question with its entity's history, what the judge says, and which side that contradicts."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from diptych.check.causes.bench import JUDGE, Case, Entity, answer, reads, same, unspoken
from diptych.check.causes.evidence import Answered, Evidence, Key, Row
from diptych.ground.instants import DAY, EARLIEST
from diptych.ground.values import Timestamp
from diptych.plan.nodes import Feature, View
from diptych.reference import Unfit, held

WHOLE = 2_000
"""Rows of an entity that are always taken whole; of a longer history only what lies near the questions."""

_ENDS = 200
"""Rows that are kept of a long history's begin, and of what came just before: lifetimes read those."""

_BEYOND = DAY
"""How far before a window and after a question rows are kept, for suspects that move things."""


@dataclass
class Entities:
    """The entities of one view's evidence; those with long histories by time."""

    evidence: Evidence
    _entities: dict[tuple[Key, int | None], Entity] = field(default_factory=dict)
    _long: dict[Key, tuple[list[int], Sequence[Row]]] = field(default_factory=dict)

    def of(self, key: Key, t: int, *, whole: bool = False) -> Entity:
        """The entity of a key with the rows that a question at ``t`` may need, or with all."""
        ordered = self._ordered(key)
        place = None if whole or len(ordered[1]) <= WHOLE else t // self._span
        if (key, place) not in self._entities:
            rows = ordered[1] if place is None else self._near(ordered, place)
            self._entities[key, place] = Entity(self.evidence.view, key, rows)
        return self._entities[key, place]

    @cached_property
    def _reach(self) -> int:
        """How long before a question an event may matter to the features that were asked about."""
        view, asked = self.evidence.view, {each.feature for each in self.evidence.mismatches}
        read = {index for feature in view.features if feature.name in asked for index in reads(feature)}
        windows = [view.reductions[index].window for index in read]
        longest = max((window.reach for window in windows if window.length is not None), default=0)
        return longest + view.source.dedup_window + _BEYOND

    @property
    def _span(self) -> int:
        return max(DAY, self._reach // 4)

    def _ordered(self, key: Key) -> tuple[list[int], Sequence[Row]]:
        if key not in self._long:
            rows = self.evidence.rows(key)
            if len(rows) > WHOLE:
                name = self.evidence.view.source.timestamp
                rows = sorted(rows, key=lambda row: _instant(row, name))
                self._long[key] = ([_instant(row, name) for row in rows], rows)
            else:
                self._long[key] = ([], rows)
        return self._long[key]

    def _near(self, ordered: tuple[list[int], Sequence[Row]], place: int) -> Sequence[Row]:
        instants, rows = ordered
        first = bisect_left(instants, place * self._span - self._reach)
        last = bisect_left(instants, (place + 1) * self._span + _BEYOND)
        first = max(0, min(first, last - _ENDS))
        return [*rows[: min(_ENDS, first)], *rows[first:last]]


def _instant(row: Row, name: str | None) -> int:
    value = None if name is None else row.get(name)
    if type(value) is int:
        return value
    try:
        found = held(value, Timestamp()) if name is not None else None
    except Unfit:
        found = None
    return found if isinstance(found, int) else EARLIEST


def cases_of(entities: Entities, asked: Answered, place: int, feature: Feature) -> tuple[list[Case], str]:
    """A case for each side that the judge contradicts, and which side that is; a null key has none."""
    if None in asked.key:
        return [], ""
    entity = entities.of(asked.key, asked.at)
    found = _cases(entity, asked, place, feature)
    if (
        len(found) == 2
        and entity is not entities.of(asked.key, asked.at, whole=True)
        and _endless(entity.view, feature)
    ):
        found = _cases(entities.of(asked.key, asked.at, whole=True), asked, place, feature)
    return found, found[0].side if len(found) == 1 else "both" if found else ""


def agreement_of(entities: Entities, asked: Answered, feature: Feature) -> Case | None:
    """The case of an equal answer; None where the judge contradicts both, which then says nothing about a suspect."""
    if None in asked.key:
        return None
    entity = entities.of(asked.key, asked.at)
    law = answer(entity.view, feature, entity.events(), asked.at, JUDGE)
    target = unspoken(asked.online, feature.type)
    return Case(-1, asked, feature, entity, "", target, law) if same(feature, law, target) else None


def _cases(entity: Entity, asked: Answered, place: int, feature: Feature) -> list[Case]:
    law = answer(entity.view, feature, entity.events(), asked.at, JUDGE)
    sides = (("offline", asked.offline), ("online", asked.online))
    targets = [(side, unspoken(value, feature.type)) for side, value in sides]
    return [
        Case(place, asked, feature, entity, side, target, law)
        for side, target in targets
        if not same(feature, law, target)
    ]


def _endless(view: View, feature: Feature) -> bool:
    return any(view.reductions[index].window.lifetime for index in reads(feature))
