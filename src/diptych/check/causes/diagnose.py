"""The diagnosis of one view's mismatches: which side the judge contradicts, and what would explain its answer.

Suspects that change one rule for everything come first; they must explain nearly all that they would change. Then come
single happenings to one entity, and at last differences so small that only rounding makes them. What is left stays
unexplained: a cause that fits by chance is worse than none.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from diptych.check.causes.amounts import amounts
from diptych.check.causes.arrivals import arrivals
from diptych.check.causes.bench import Case
from diptych.check.causes.cases import Entities, agreement_of, cases_of
from diptych.check.causes.clocks import clocks
from diptych.check.causes.elimination import eliminated
from diptych.check.causes.evidence import Diagnosis, Evidence, Key
from diptych.check.causes.happenings import happened
from diptych.check.causes.keys import keys
from diptych.check.causes.slips import slips
from diptych.check.causes.spans import families, lengths
from diptych.check.causes.suspect import Suspect
from diptych.check.causes.trial import NEARLY, Group, choose, likely, try_all
from diptych.check.causes.windows import windows
from diptych.check.findings import Cause
from diptych.ground.values import Float64
from diptych.plan.nodes import Feature

Clock = Callable[[], float]
"""Seconds that only ever grow."""

ROUNDING = 1e-5
"""The largest relative error that is taken for rounding, where nothing else explains it."""

LEARNT = 40
"""Mismatches of a feature from which causes are learnt; the others are held against those."""

SIDES = ("offline", "online")

SYSTEMATIC = 0.7
"""The share of the time that suspects may take; the rest is for what happens to single entities, and for patterns."""

OTHERS = 60
"""Equal answers of features that do not differ which are held against a suspect, at most."""

LOOKING, HOLDING, LASTING = 0.25, 0.4, 0.8
"""Of the time that there is: after which no more mismatches are looked at to learn from, no more agreements, and no
more of the other mismatches."""

FEWEST = 12
"""Mismatches that are looked at to learn from, however long that takes."""

MEASURED = 12
"""Mismatches of a feature from which families of suspects measure their length."""


def diagnose(evidence: Evidence, seconds: float, clock: Clock) -> list[Diagnosis]:
    """One diagnosis for each mismatch of the evidence, in order; stops looking when ``seconds`` are spent.

    Never raises: what differs must be told, also where the search for the reason breaks down.
    """
    begun = clock()
    try:
        return _Inquiry(evidence, lambda share=1.0: clock() >= begun + share * seconds).found()
    except Exception as error:
        why = f"not examined: the diagnosis itself failed, which is a bug: {type(error).__name__}: {error}"
        return [Diagnosis(detail=why, examined=False) for _ in evidence.mismatches]


@dataclass(slots=True)
class _Inquiry:
    """One run over the evidence of a view."""

    evidence: Evidence
    spent: Callable[..., bool]
    wrong: dict[int, str] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)
    agreements: list[Case] = field(default_factory=list)

    def found(self) -> list[Diagnosis]:
        """One diagnosis for each mismatch: learnt from some of each feature, then held against the others."""
        entities = Entities(self.evidence)
        features = {feature.name: feature for feature in self.evidence.view.features}
        places = _in_turns(self.evidence)
        first = list(islice(places, LEARNT * len({asked.feature for asked in self.evidence.mismatches})))
        looked = self._look(entities, features, first, LOOKING)
        for asked in self.evidence.agreements:
            if self.spent(HOLDING):
                break
            case = agreement_of(entities, asked, features[asked.feature])
            self.agreements += [] if case is None else [case]
        suspects = {side: self._systematic(self._of(side)) for side in SIDES}
        self._look(entities, features, chain(first[looked:], places), LASTING)
        by_side = {side: self._of_side(self._of(side), suspects[side]) for side in SIDES}
        return [self._joined(place, by_side) for place in range(len(self.evidence.mismatches))]

    def _look(self, entities: Entities, features: dict[str, Feature], places: Iterable[int], share: float = 1.0) -> int:
        """Make cases of mismatches, as long as there is a share of the time; returns how many were looked at."""
        looked = 0
        for looked, place in enumerate(places, start=1):
            asked = self.evidence.mismatches[place]
            mine, self.wrong[place] = cases_of(entities, asked, place, features[asked.feature])
            self.cases += mine
            if self.spent() or (looked >= FEWEST and self.spent(share)):
                break
        return looked

    def _of(self, side: str) -> list[Case]:
        return [case for case in self.cases if case.side == side]

    def _of_side(self, cases: Sequence[Case], suspects: dict[int, Suspect]) -> dict[int, Diagnosis]:
        found = {place: _by(suspect) for place, suspect in suspects.items()}
        for case, suspect in _held_against(cases, suspects, self.spent):
            found[case.place] = _by(suspect)
        left = [case for case in cases if case.place not in found]
        found |= {case.place: why for case in left if (why := _rounding(case)) is not None}
        left = [case for case in left if case.place not in found]
        found |= eliminated(left, self.agreements, self.spent)
        for key in dict.fromkeys(case.asked.key for case in left):
            same = [case for case in left if case.asked.key == key and case.place not in found]
            near = [each for each in self.agreements if each.asked.key == key]
            found |= happened(same, near, self.spent)
        return found

    def _late(self) -> bool:
        """Whether suspects have had their time."""
        return self.spent(SYSTEMATIC)

    def _systematic(self, cases: Sequence[Case]) -> dict[int, Suspect]:
        """The suspect of each case that one explains: simple ones, then clocks, then those whose length is measured."""
        if not cases:
            return {}
        view, rows = self.evidence.view, self.evidence.rows
        simple = [*windows(view), *arrivals(view), *amounts(view, self.evidence.versions), *keys(view, rows)]
        simple += slips(view, rows, _asked(self.evidence))
        groups = _groups(cases, self.agreements)
        differ = {case.feature.name for case in cases}
        others = [each for each in self.agreements if each.feature.name not in differ][:OTHERS]
        records = try_all(simple, groups, self._late, others)
        for more, enough in ((self._clocks, NEARLY), (self._measured, 1.0)):
            chosen = choose(records, [case.place for case in cases])
            if len(chosen) >= enough * len(cases) or self._late():
                break
            records += try_all(more(groups), groups, self._late, others)
        return choose(records, [case.place for case in cases])

    def _clocks(self, groups: Sequence[Group]) -> list[Suspect]:
        return likely(clocks(self.evidence.view), groups, self._late)

    def _measured(self, groups: Sequence[Group]) -> list[Suspect]:
        """Suspects whose length is measured: of all features together, and windows of each feature alone."""
        view = self.evidence.view
        pooled = [case for group in groups for case in group.cases[: max(1, 2 * MEASURED // len(groups))]]
        found: list[Suspect] = []
        for family in families(view):
            if not self._late():
                found += family.suspects(pooled, [each for group in groups for each in group.agreements[:2]])
        for group in groups:
            for family in lengths(view, group.cases[:1]):
                if not self._late():
                    found += family.suspects(group.cases[: MEASURED // 2], group.agreements[:MEASURED])
        return found

    def _joined(self, place: int, by_side: dict[str, dict[int, Diagnosis]]) -> Diagnosis:
        """What is known of one mismatch; of two wrong sides, online's cause, and both details."""
        wrong = self.wrong.get(place)
        if wrong is None:
            return Diagnosis(detail="not examined: the time for it was spent", examined=False)
        if not wrong:
            asked = self.evidence.mismatches[place]
            if None in asked.key:
                return Diagnosis(Cause.KEY_ENCODING, "a key with a null in it must get the answer of an empty window")
            return Diagnosis(detail="the judge takes both for right, within the tolerance")
        whys = {side: found[place] for side, found in by_side.items() if place in found}
        if not whys:
            return Diagnosis(wrong=wrong)
        main = whys.get("online") or whys["offline"]
        detail = main.detail
        if wrong == "both":
            detail = "; ".join(f"{side}: {whys[side].detail if side in whys else 'unexplained'}" for side in SIDES)
        return Diagnosis(main.cause, detail, wrong)


def _asked(evidence: Evidence) -> dict[int, list[Key]]:
    """The keys that were asked for at each instant."""
    found: dict[int, dict[Key, None]] = {}
    for asked in (*evidence.mismatches, *evidence.agreements):
        found.setdefault(asked.at, {})[asked.key] = None
    return {at: list(keys) for at, keys in found.items()}


def _by(suspect: Suspect) -> Diagnosis:
    return Diagnosis(suspect.cause, suspect.detail)


def _held_against(
    cases: Sequence[Case], suspects: dict[int, Suspect], spent: Callable[[], bool]
) -> Iterator[tuple[Case, Suspect]]:
    """The cases that a suspect of their feature explains too, the one first that explains most of it."""
    counts: dict[str, Counter[int]] = {}
    named = {id(suspect): suspect for suspect in suspects.values()}
    for case in cases:
        if case.place in suspects:
            counts.setdefault(case.feature.name, Counter())[id(suspects[case.place])] += 1
    for case in cases:
        if case.place in suspects or case.feature.name not in counts:
            continue
        for name, _ in counts[case.feature.name].most_common():
            if not spent() and case.explained_by(named[name].compute(case)):
                yield case, named[name]
                break


def _in_turns(evidence: Evidence) -> Iterator[int]:
    """The places of mismatches in turns of their features, those of each feature far apart first."""
    queues: dict[str, list[int]] = {}
    for place, asked in enumerate(evidence.mismatches):
        queues.setdefault(asked.feature, []).append(place)
    spread = [[queue[number] for number in _far_apart(len(queue))] for queue in queues.values()]
    for number in range(max(map(len, spread), default=0)):
        for queue in spread:
            if number < len(queue):
                yield queue[number]


def _far_apart(count: int) -> list[int]:
    """All numbers below ``count``, every so many first, then those between."""
    step = max(1, count // LEARNT)
    return [number for start in range(step) for number in range(start, count, step)]


def _groups(cases: Sequence[Case], agreements: Sequence[Case]) -> list[Group]:
    names = dict.fromkeys(case.feature.name for case in cases)
    return [
        Group(
            sorted((case for case in cases if case.feature.name == name), key=lambda case: len(case.entity.rows)),
            [each for each in agreements if each.feature.name == name],
        )
        for name in names
    ]


def _rounding(case: Case) -> Diagnosis | None:
    """A difference so small that only rounding makes it."""
    right, wrong = case.law.value, case.target
    if not (isinstance(case.feature.type, Float64) and isinstance(right, float) and isinstance(wrong, float)):
        return None
    scale = abs(right)
    if case.law.magnitude and math.isfinite(case.law.magnitude):
        scale = max(scale, case.law.magnitude)
    if not math.isfinite(wrong) or abs(wrong - right) > ROUNDING * scale:
        return None
    return Diagnosis(Cause.FLOAT_ROUNDING, f"a relative error of {abs(wrong - right) / scale:.1g}")
