"""The trial of suspects: which mismatches each explains, what contradicts it, and which of them convince."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from diptych.check.causes.bench import Case
from diptych.check.causes.suspect import Suspect
from diptych.check.findings import Cause

SCREENED = 3
"""Mismatches of a feature on which a suspect must succeed at least once before it is tried on all."""

POOLED = 12
"""Mismatches of all features together on which a suspect that bears on all of them is looked at first."""

DOUBT = 0.05
"""The share of the answers that a suspect would change which may turn out another way."""

NEARLY = 0.95
"""Suspects that explain at least this share of what the best one does are as good as it."""


LESS = 3
"""By so many ranks a suspect must be simpler to be chosen before one that explains a little more."""


@dataclass(frozen=True, slots=True)
class Group:
    """The mismatches of one feature on one side, the cheapest first, and equal answers of that feature."""

    cases: Sequence[Case]
    agreements: Sequence[Case]


@dataclass(slots=True)
class Record:
    """What a suspect explains: the mismatches by place, and their weight together."""

    suspect: Suspect
    explained: dict[int, Case] = field(default_factory=dict)

    def weight(self, left: Iterable[int]) -> float:
        """The weight of the explained ones among those that are left."""
        return sum(self.explained[place].weight for place in set(left) & self.explained.keys())


def likely(suspects: Iterable[Suspect], groups: Sequence[Group], spent: Callable[[], bool]) -> list[Suspect]:
    """Of suspects that bear on all features alike, those that explain a quarter of a few mismatches of all features."""
    each = max(1, POOLED // max(1, len(groups)))
    few = [case for group in groups[:POOLED] for case in group.cases[:each]]
    found = []
    for suspect in suspects:
        if spent():
            break
        if 4 * sum(case.explained_by(suspect.compute(case)) for case in few) >= len(few):
            found.append(suspect)
    return found


OF_EVENTS = frozenset(
    {
        Cause.LATE_EVENT,
        Cause.DUPLICATE,
        Cause.TIME_ZONE,
        Cause.CLOCK_SKEW,
        Cause.STALE_INGESTION,
        Cause.EXPIRED_STATE,
        Cause.KEY_ENCODING,
    }
)
"""Causes that come over events or questions, and so over every feature of a view that they would move."""


def try_all(
    suspects: Iterable[Suspect], groups: Sequence[Group], spent: Callable[[], bool], others: Sequence[Case] = ()
) -> list[Record]:
    """The records of all suspects that explain something and are contradicted by hardly anything.

    ``others`` are equal answers of features that do not differ: what comes over events would have moved them too.

    Ranks are tried from the lowest on, until one suspect explains nearly everything: those behind it are no simpler.
    """
    records: list[Record] = []
    places = {case.place for group in groups for case in group.cases}
    rank, done = 0, False
    for suspect in sorted(suspects, key=lambda each: each.rank):
        if done and suspect.rank > rank:
            break
        rank = suspect.rank
        record = Record(suspect)
        for group in groups:
            if spent():
                break
            record.explained |= _explained(suspect, group)
        if record.explained and not _denied(record, others):
            records.append(record)
            done = done or len(record.explained) >= NEARLY * len(places)
    return records


def _explained(suspect: Suspect, group: Group) -> dict[int, Case]:
    """The mismatches of a group that a suspect explains; none where too many answers contradict it."""
    if not any(case.explained_by(suspect.compute(case)) for case in group.cases[:SCREENED]):
        return {}
    explained: dict[int, Case] = {}
    against = 0
    for case in group.cases:
        found = suspect.compute(case)
        if case.explained_by(found):
            explained[case.place] = case
        elif case.moved_by(found):
            against += 1
    if not convincing(len(explained), against):
        return {}
    for agreement in group.agreements:
        against += agreement.moved_by(suspect.compute(agreement))
        if not convincing(len(explained), against):
            return {}
    return explained


def _denied(record: Record, others: Sequence[Case]) -> bool:
    """Whether features that do not differ would, if that were the cause."""
    if record.suspect.cause not in OF_EVENTS:
        return False
    moved = sum(other.moved_by(record.suspect.compute(other)) for other in others)
    return not convincing(len(record.explained), moved)


def convincing(explained: int, against: int) -> bool:
    """Whether so few answers turned out another way than a suspect says."""
    return against <= DOUBT * (explained + against)


def choose(records: Sequence[Record], places: Iterable[int]) -> dict[int, Suspect]:
    """A suspect for each mismatch that one explains: few suspects that explain much, then the simplest."""
    left, chosen = set(places), {}
    while left:
        able = [(len(record.explained.keys() & left), record) for record in records]
        able = [(count, record) for count, record in able if count and _enough(record, count, left)]
        if not able:
            break
        most = max(count for count, _ in able)
        _, best = min(
            ((count, record) for count, record in able if count >= NEARLY * most),
            key=lambda each: (each[1].suspect.rank + (LESS if each[0] < most else 0), -each[0]),
        )
        for place in best.explained.keys() & left:
            chosen[place] = best.suspect
        left -= best.explained.keys()
    return chosen


def _enough(record: Record, count: int, left: set[int]) -> bool:
    """Whether what it explains is more than chance; what explains only a small part of it all needs more."""
    needs = record.suspect.needs * (1 if count >= len(left) / 4 else 2)
    return record.weight(left) >= needs
