"""A planted skew is named for what it is, honest noise is not named, and the bench is the judge."""

import random

import pytest
from hypothesis import settings

from diptych.check.causes import Answered, Evidence, diagnose
from diptych.check.causes.bench import JUDGE, LAW, Entity, answer, same
from diptych.check.findings import Cause
from diptych.reference import Judge
from tests.check.planted import examine, skews
from tests.check.sales import VIEW, history, of_key, questions, right

SEED = 1
NAMES = tuple(skews(SEED))
MISSED = {
    "a run of sales missing",
    "one sale in no tile",
    "expired after 12 h",
    "arrivals 100 s late",
}
"""Skews that are found, but not named for what they are (most often they stay unexplained)."""


NAMED = [name for name in NAMES if name not in MISSED]
TRIED = NAMED if settings.get_current_profile_name() == "long" else NAMED[::3]
"""Every third in the default run, where the gate's own proof of power has as many again; all in the long one."""


@pytest.mark.parametrize("name", TRIED)
def test_a_planted_skew_is_named(name: str) -> None:
    skew, cause = skews(SEED)[name]
    found = examine(skew, SEED)
    assert found.mismatches
    named = [diagnosis.cause is cause for diagnosis in found.diagnoses]
    assert sum(named) >= 0.8 * len(named), [(d.cause.value, d.detail) for d in found.diagnoses]
    assert {d.wrong for d in found.diagnoses} == {"online"}


def test_nine_of_ten_planted_skews_are_named() -> None:
    assert len(MISSED) <= 0.1 * len(NAMES)


def test_the_other_side_may_be_the_wrong_one() -> None:
    skew, cause = skews(SEED)["23 h for 24 h"]
    found = examine(skew, SEED, wrong="offline")
    assert {(d.cause, d.wrong) for d in found.diagnoses} == {(cause, "offline")}


def noisy(share: float) -> Evidence:
    """A few answers are off by one, by no rule at all."""
    rng, rows = random.Random(5), history(SEED)
    mismatches, agreements = [], []
    for key, t in questions(rows, SEED, 60):
        for name, value in right(rows, key, t).items():
            if name in ("count_24h", "count_7d", "amount_sum_24h"):
                off = value + rng.choice((-1, 1, 2)) if rng.random() < share else value
                (mismatches if off != value else agreements).append(Answered(name, key, t, value, off))
    return Evidence(VIEW, lambda key: of_key(rows, key), mismatches, agreements)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_noise_stays_unexplained(share: float) -> None:
    evidence = noisy(share)
    found = diagnose(evidence, 1.0, lambda: 0.0)
    assert len(found) == len(evidence.mismatches) > 3
    named = [each for each in found if each.cause is not Cause.UNEXPLAINED]
    assert len(named) <= 0.1 * len(found), named


def test_when_the_time_is_spent_it_says_so() -> None:
    evidence = noisy(0.3)
    ticks = iter(range(10_000_000))
    found = diagnose(evidence, 5.0, lambda: float(next(ticks)))
    assert len(found) == len(evidence.mismatches)
    assert found[-1].detail.startswith("not examined")


def test_a_diagnosis_that_breaks_down_ends_no_comparison() -> None:
    def rows(key: object) -> list[object]:
        raise RuntimeError("no rows today")

    evidence = noisy(0.3)
    found = diagnose(Evidence(VIEW, rows, evidence.mismatches), 1.0, lambda: 0.0)
    assert len(found) == len(evidence.mismatches)
    assert {(each.cause, each.examined) for each in found} == {(Cause.UNEXPLAINED, False)}
    assert "RuntimeError: no rows today" in found[0].detail


def test_nothing_to_explain() -> None:
    assert diagnose(Evidence(VIEW, lambda key: [], []), 1.0, lambda: 0.0) == []


@pytest.mark.parametrize("rules", [JUDGE, LAW], ids=["exactly", "quickly"])
def test_the_bench_gives_what_the_judge_gives(rules) -> None:
    rows = history(2, 300)
    for key, t in questions(rows, 2, 25):
        mine = of_key(rows, key)
        judged = Judge(VIEW, mine).answers(key, t)
        entity = Entity(VIEW, key, mine)
        for feature in VIEW.features:
            found = answer(VIEW, feature, entity.events(), t, rules)
            assert found.status is judged[feature.name].status
            assert same(feature, found, judged[feature.name].value)
            if rules is JUDGE:
                assert found == judged[feature.name]
