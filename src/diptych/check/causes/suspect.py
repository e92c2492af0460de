"""Suspects: small named changes, each of which says what the answer to a question would have been with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from diptych.check.causes.bench import Case, Rules, reads
from diptych.check.findings import Cause
from diptych.plan.nodes import Feature, View
from diptych.reference import Answer, Event, Result

Compute = Callable[[Case], Answer | None]
"""The answer with one thing changed; None where the change does not apply to the question."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """One change: the cause that it stands for, what it is in words, and how it answers.

    Of two suspects that explain the same, that of the lower ``rank`` is the simpler or the more specific one. ``needs``
    is how much its explained mismatches have to weigh together before they count as more than chance.
    """

    cause: Cause
    detail: str
    compute: Compute
    rank: int = 50
    needs: float = 1.0


def by_rules(cause: Cause, detail: str, rules: Rules, rank: int, needs: float = 1.0) -> Suspect:
    """A suspect that changes how windows, order or reducers work."""
    return Suspect(cause, detail, lambda case: case.recomputed(rules=rules), rank, needs)


def by_events(
    cause: Cause,
    detail: str,
    change: Callable[[Case, Sequence[Event]], Sequence[Event]],
    rank: int,
    needs: float = 1.0,
    *,
    repeats: bool = False,
) -> Suspect:
    """A suspect that changes an entity's events, all those that pass the door if ``repeats``; the same for any ``t``."""

    def compute(case: Case) -> Answer | None:
        entity = case.entity
        events = entity.changed(
            f"{cause}: {detail}", lambda: change(case, entity.passed() if repeats else entity.events())
        )
        return case.recomputed(events)

    return Suspect(cause, detail, compute, rank, needs)


def by_view(cause: Cause, detail: str, view: View | None, rank: int, needs: float = 1.0) -> list[Suspect]:
    """A suspect that reads the same events with other windows, reductions or finishes; none where there is no view."""
    if view is None:
        return []

    features = {feature.name: feature for feature in view.features}

    def compute(case: Case) -> Answer | None:
        changed = features.get(case.feature.name)
        if changed is None or _reads_alike(case, changed, view):
            return None
        return case.recomputed(view=view)

    return [Suspect(cause, detail, compute, rank, needs)]


def _reads_alike(case: Case, changed: Feature, view: View) -> bool:
    """Whether a feature is the same in another view."""
    own = case.entity.view
    return changed is case.feature and all(own.reductions[i] is view.reductions[i] for i in reads(changed))


def by_door(cause: Cause, detail: str, view: View | None, rank: int, needs: float = 1.0) -> list[Suspect]:
    """A suspect that passes the rows through another door, and answers with the other view too."""
    if view is None:
        return []

    def compute(case: Case) -> Answer | None:
        if all(f.name != case.feature.name for f in view.features):
            return None
        return case.recomputed(case.entity.events(view), view=view)

    return [Suspect(cause, detail, compute, rank, needs)]


def by_value(cause: Cause, detail: str, change: Callable[[Case], Result], rank: int, needs: float = 1.0) -> Suspect:
    """A suspect that changes the judge's answer itself."""

    def compute(case: Case) -> Answer | None:
        value = change(case)
        return None if value == case.law.value else replace(case.law, value=value)

    return Suspect(cause, detail, compute, rank, needs)
