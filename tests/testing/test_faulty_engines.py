"""The suite catches what it is there for: the judge with one rule taken away fails a named case, and the property."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from diptych.plan.nodes import Kind, Window
from diptych.reference import Judge
from diptych.testing.cases import CASES, Question
from diptych.testing.conformance import agree, judged
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views


def answered(view, history, spine):
    judge = Judge(view, history)
    answers = [judge.answers(question.key, question.t) for question in spine]
    return {feature.name: [answer[feature.name].value for answer in answers] for feature in view.features}


def with_windows(view, change):
    return replace(view, reductions=tuple(replace(r, window=change(r.window)) for r in view.reductions))


def with_source(view, **changes):
    return replace(view, source=replace(view.source, **changes))


def sees_its_own_instant(view, history, spine):
    return answered(view, history, [Question(key, t + 1) for key, t in spine])


def knows_at_once(view, history, spine):
    return answered(with_source(view, known_at=None, lateness=None, max_skew=None), history, spine)


def keeps_every_copy(view, history, spine):
    return answered(with_source(view, dedup_window=-1), history, spine)


def never_forgets_an_id(view, history, spine):
    return answered(with_source(view, dedup_window=2**62), history, spine)


def has_exact_tails_only(view, history, spine):
    return answered(with_windows(view, lambda w: Window(w.length)), history, spine)


def is_a_microsecond_short(view, history, spine):
    return answered(with_windows(view, lambda w: Window(w.length and w.length - 1, w.hop)), history, spine)


def ignores_where(view, history, spine):
    return answered(replace(view, reductions=tuple(replace(r, where=None) for r in view.reductions)), history, spine)


def ignores_filters(view, history, spine):
    return answered(with_source(view, filter=None), history, spine)


def has_no_quarantine(view, history, spine):
    return answered(with_source(view, lateness=None, max_skew=None), history, spine)


def takes_last_for_first(view, history, spine):
    swap = {Kind.FIRST: Kind.LAST, Kind.LAST: Kind.FIRST}
    reductions = tuple(replace(r, kind=swap.get(r.kind, r.kind)) for r in view.reductions)
    return answered(replace(view, reductions=reductions), history, spine)


def orders_by_arrival(view, history, spine):
    last = {kind: kind for kind in Kind} | {Kind.LAST: Kind.MAX}
    reductions = tuple(replace(r, kind=last[r.kind]) for r in view.reductions)
    return answered(replace(view, reductions=reductions), history, spine)


def answers_sorted(view, history, spine):
    return answered(view, history, sorted(spine, key=lambda question: question.t))


FAULTS = [
    sees_its_own_instant,
    knows_at_once,
    keeps_every_copy,
    never_forgets_an_id,
    has_exact_tails_only,
    is_a_microsecond_short,
    ignores_where,
    ignores_filters,
    has_no_quarantine,
    takes_last_for_first,
    orders_by_arrival,
    answers_sorted,
]


def fails(check):
    try:
        check()
    except (AssertionError, TypeError):
        return True
    return False


@pytest.mark.parametrize("fault", FAULTS)
def test_a_named_case_catches_it(fault):
    def answers(case):
        agree(case.view, case.spine, fault(case.view, case.history, case.spine), case.answers)

    assert any(fails(lambda case=case: answers(case)) for case in CASES)


# The others are found as well, in some hundreds of examples more.
COMMON = [sees_its_own_instant, knows_at_once, keeps_every_copy, has_exact_tails_only, ignores_where, answers_sorted]


@pytest.mark.parametrize("fault", COMMON)
def test_the_property_catches_it(fault):
    @settings(
        max_examples=400, database=None, derandomize=True, deadline=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate], report_multiple_bugs=False,
    )  # fmt: skip
    @given(st.data())
    def agrees(data):
        view = data.draw(views())
        history = data.draw(histories(view))
        spine = data.draw(spines(view, history))
        judged(view, history, spine, fault(view, history, spine))

    assert fails(agrees)
