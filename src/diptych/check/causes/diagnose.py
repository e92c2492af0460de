"""The diagnosis of one view's mismatches: which side the judge contradicts, and what would explain its answer."""

from collections.abc import Callable

from diptych.check.causes.evidence import Answered, Diagnosis, Evidence
from diptych.check.compare import differing
from diptych.plan.nodes import Feature
from diptych.reference import Answer, Judge, spoken

Clock = Callable[[], float]
"""Seconds that only ever grow."""


def diagnose(evidence: Evidence, seconds: float, clock: Clock) -> list[Diagnosis]:
    """One diagnosis for each mismatch of the evidence, in order; stops looking when ``seconds`` are spent."""
    begun = clock()
    features = {feature.name: feature for feature in evidence.view.features}
    judges: dict[object, Judge] = {}
    found = []
    for asked in evidence.mismatches:
        if clock() - begun > seconds:
            found.append(Diagnosis(detail="not examined: the time for it was spent"))
            continue
        if asked.key not in judges:
            judges[asked.key] = Judge(evidence.view, evidence.rows(asked.key))
        answer = judges[asked.key].answer(asked.feature, asked.key, asked.at)
        found.append(Diagnosis(wrong=wrong_side(features[asked.feature], asked, answer)))
    return found


def wrong_side(feature: Feature, asked: Answered, answer: Answer) -> str:
    """The side that an answer of the judge contradicts: ``"offline"``, ``"online"``, ``"both"``, or ``""``."""
    right = spoken(answer.value, feature.type)
    names = [
        name
        for name, value in (("offline", asked.offline), ("online", asked.online))
        if differing(feature, [right], [value])[0]
    ]
    return "both" if len(names) == 2 else "".join(names)
