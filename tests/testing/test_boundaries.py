"""Boundary cases: every target passes them on the team's own views, and faults planted by hand do not."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.ground.expression import Column, Literal, Op, columns_of
from diptych.ground.instants import HOUR
from diptych.ground.values import Bool, Enum, Int64, String, Timestamp
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, Reduction, View, Window
from diptych.serve.stores.protocol import KeyValueStore
from diptych.testing.boundaries import BoundaryCase, Exam, Rule, boundaries, cases, coverage, gaps
from diptych.testing.boundaries.generate import boundaries as generated
from diptych.testing.build import LIFETIME, Building, call, column, source
from diptych.testing.cases import Question
from diptych.testing.definitions import definitions, resolved
from diptych.testing.targets import kernel, standard_targets
from diptych.testing.views import views
from tests.testing import faults
from tests.testing.faults import Faulty
from tests.testing.repository import flights, view

VIEWS = [each.name for each in flights().views]


def reductions_of(over: View, feature: Feature) -> list[Reduction]:
    return [over.reductions[int(name[1:])] for name in columns_of(feature.finish) if name != REQUEST_TIME]


@pytest.mark.parametrize("name", VIEWS)
def test_every_target_passes_on_the_teams_own_views(name: str, store: KeyValueStore) -> None:
    exam = Exam.of(view(name))
    assert len(exam.cases) >= 20
    for target in standard_targets(store):
        outcome = exam.put_to(target)
        assert [str(failure) for failure in outcome.failures] == []
        assert outcome.questions == sum(len(case.questions) for case in exam.cases)


def any_feature(over: View, feature: Feature) -> bool:
    return over.source.timestamp is not None


def bounded(over: View, feature: Feature) -> bool:
    return any(not reduction.window.lifetime for reduction in reductions_of(over, feature))


def hopping(over: View, feature: Feature) -> bool:
    return any(reduction.window.hop for reduction in reductions_of(over, feature))


def identified(over: View, feature: Feature) -> bool:
    return over.source.event_id is not None


def ordered(over: View, feature: Feature) -> bool:
    kinds = {reduction.kind for reduction in reductions_of(over, feature)}
    return over.source.timestamp is not None and bool(kinds & {Kind.FIRST, Kind.LAST, Kind.LATEST})


def conditional(over: View, feature: Feature) -> bool:
    return any(reduction.where is not None for reduction in reductions_of(over, feature))


PLANTED: list[tuple[Callable[..., object], Callable[[View, Feature], bool]]] = [
    (faults.sees_its_own_instant, any_feature),
    (faults.a_microsecond_long, bounded),
    (faults.a_microsecond_short, bounded),
    (faults.hop_of_the_next, hopping),
    (faults.hop_of_the_one_before, hopping),
    (faults.known_at_once, any_feature),
    (faults.counts_every_copy, identified),
    (faults.remembers_ids_for_ever, identified),
    (faults.ties_by_arrival, ordered),
    (faults.drops_where, conditional),
    (faults.forgets_the_first_key_part, lambda over, feature: True),
]


@pytest.mark.parametrize("name", VIEWS)
def test_a_planted_fault_is_caught_in_every_feature_that_it_touches(name: str) -> None:
    over = view(name)
    exam = Exam.of(over)
    missed = []
    for fault, touches in PLANTED:
        outcome = exam.put_to(Faulty(fault))  # type: ignore[arg-type]
        missed += [
            (fault.__name__, feature.name)
            for feature in over.features
            if touches(over, feature) and not outcome.of(feature.name)
        ]
    assert missed == []


def test_nothing_is_wrong_with_the_judge_itself() -> None:
    for over in flights().views:
        assert Exam.of(over).put_to(Faulty(faults.as_it_is)).failures == ()


def test_what_the_flights_leave_open_is_said() -> None:
    assert [(gap.about, gap.what) for gap in gaps(view("airport_weather"))] == [(Rule.DUPLICATES, "copies")]
    assert gaps(view("route_history")) == []


@pytest.mark.parametrize("name", VIEWS)
def test_bending_a_rule_shows_in_every_feature_to_which_it_matters(name: str) -> None:
    assert [(each.feature, each.how) for each in coverage(view(name)) if not each.telling] == []


def test_cases_are_the_same_every_time() -> None:
    over = view("route_history")
    first = boundaries(over)
    generated.cache_clear()
    assert boundaries(over) == first
    assert len({case.name for case in first.cases}) == len(first.cases)


def demanding() -> View:
    """A filter, an enum key, a condition on text and one on time, lateness, skew, and a key part that is derived."""
    plain = source({"kind": Enum("buy", "sell", "view"), "shop": String(4), "town": String(4), "x": Int64(ge=5, le=50)})
    hour = call(Op.HOUR, Column("at", Timestamp()), Literal("Asia/Kolkata", String(32)), type_=Int64())
    early = call(Op.LT, hour, Literal(6, Int64()), type_=Bool())
    dear = call(Op.GT, column(plain, "x"), Literal(40, Int64()), type_=Bool())
    over = source(
        {field.name: field.type for field in plain.columns if field.name != "at"},
        known_at=True,
        event_id=True,
        lateness=2 * HOUR,
        max_skew=HOUR,
        filter=call(Op.NE, column(plain, "kind"), Literal("view", String(4)), type_=Bool()),
        derive=(("place", column(plain, "shop")),),
    )
    building = Building(over, {"place": String(4), "town": String(4)})
    building.feature("dear", building.reduce(Kind.COUNT, Window(HOUR), None, dear))
    building.feature("early", building.reduce(Kind.COUNT, LIFETIME, None, early))
    building.feature("sum", building.reduce(Kind.SUM, Window(24 * HOUR, HOUR), column(over, "x")))
    return building.view()


def test_conditions_filters_limits_and_keys_that_must_be_searched_for() -> None:
    over = demanding()
    names = {case.name for case in cases(over)}
    assert {"on the limit of lateness", "a microsecond beyond max_skew"} <= names
    assert gaps(over) == []
    for fault in (faults.drops_the_filter, faults.drops_where, faults.forgets_the_first_key_part, faults.known_at_once):
        outcome = Exam.of(over).put_to(Faulty(fault))
        assert outcome.failures, fault.__name__
    filtered = Exam.of(over).put_to(Faulty(faults.drops_the_filter))
    assert {failure.feature for failure in filtered.failures} == {"dear", "early", "sum"}
    told = {each.how: each.telling for each in coverage(over) if each.feature == "sum" and each.how}
    assert all(told.values()), told


def test_keys_whose_parts_read_alike_when_joined() -> None:
    over = source({"shop": String(4), "town": String(4)})
    building = Building(over, {"shop": String(4), "town": String(4)})
    plain = building.feature("n", building.reduce(Kind.COUNT)).view()
    for each in (plain, demanding()):
        keys = next(case for case in cases(each) if case.about is Rule.KEYS)
        full = [question.key for question in keys.questions if None not in question.key]
        assert len({"".join(key) for key in full}) < len(set(full))
        assert keys.alone


def test_a_view_that_takes_nothing_in_says_so() -> None:
    over = source({"user": String(8)}, filter=Literal(False, Bool()))
    building = Building(over, {"user": String(8)})
    nothing = building.feature("n", building.reduce(Kind.COUNT, Window(HOUR))).view()
    assert cases(nothing) == []
    assert [gap.what for gap in gaps(nothing)] == ["every case"]


def test_a_target_that_raises_fails_the_cases_on_which_it_does() -> None:
    def breaks(over, history, spine):
        if any(row.get("x") is None for row in history):
            raise ValueError("no nulls please")
        return faults.as_it_is(over, history, spine)

    over = demanding()
    outcome = Exam.of(over).put_to(Faulty(breaks))
    assert outcome.failures
    assert all(failure.feature == "" and "no nulls please" in failure.error for failure in outcome.failures)
    assert all(any(row["x"] is None for row in failure.case.history) for failure in outcome.failures)
    assert outcome.of("sum") == outcome.failures


def test_a_fault_that_shows_only_beside_other_cases_is_still_one() -> None:
    def crowded(over, history, spine):
        answers = faults.as_it_is(over, history, spine)
        return {name: [0] * len(column) for name, column in answers.items()} if len(history) > 50 else answers

    outcome = Exam.of(view("arrival_delays")).put_to(Faulty(crowded))
    assert outcome.failures
    assert {failure.alone for failure in outcome.failures} == {False, None}
    assert "only beside the other cases" in str(outcome.failures[0])


def test_a_broken_target_is_not_asked_for_ever() -> None:
    asked = []

    def broken(over, history, spine):
        asked.append(len(history))
        raise ValueError("never")

    def zeros(over, history, spine):
        asked.append(len(history))
        return {name: [7] * len(values) for name, values in faults.as_it_is(over, history, spine).items()}

    over = view("arrival_delays")
    outcome = Exam.of(over).put_to(Faulty(broken))
    assert len(asked) < 30
    assert all("never" in failure.error for failure in outcome.failures)
    asked.clear()
    Exam.of(demanding()).put_to(Faulty(zeros))
    assert len(asked) < 10


def test_chosen_cases_only() -> None:
    over = demanding()
    one = BoundaryCase("mine", Rule.SEVERAL, "nothing gives nothing", (), (Question(("a", "b"), HOUR),))
    assert Exam.of(over, [one]).put_to(kernel()).failures == ()


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=10)
@given(st.data())
def test_any_view_gets_cases_and_the_kernel_passes_them(data: st.DataObject) -> None:
    over = data.draw(views() | definitions().map(resolved))
    exam = Exam.of(over)
    assert exam.cases or gaps(over)
    assert all(len(case.history) <= 40 for case in exam.cases)
    assert [str(failure) for failure in exam.put_to(kernel()).failures] == []
