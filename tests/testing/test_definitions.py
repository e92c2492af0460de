from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.plan.nodes import Kind
from diptych.reference import Judge
from diptych.testing.build import table
from diptych.testing.definitions import definitions, resolved
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_every_definition_loads_and_is_judged(data):
    view = resolved(data.draw(definitions()))
    history = data.draw(histories(view))
    assert table(view.source, history).num_rows == len(history)
    judge = Judge(view, history)
    for question in data.draw(spines(view, history)):
        assert set(judge.answers(question.key, question.t)) == {feature.name for feature in view.features}


def drawn(strategy, count=120):
    found = []

    @settings(max_examples=count, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def draw(value):
        found.append(value)

    draw()
    return found


def test_definitions_reach_every_reducer_and_kind_of_window():
    reductions = [reduction for view in drawn(definitions()) for reduction in resolved(view).reductions]
    assert {reduction.kind for reduction in reductions} == set(Kind)
    windows = {(reduction.window.lifetime, reduction.window.exact) for reduction in reductions}
    assert windows == {(True, False), (False, True), (False, False)}


def test_random_views_reach_every_reducer():
    assert {reduction.kind for view in drawn(views()) for reduction in view.reductions} == set(Kind)


def test_histories_hold_copies_refusals_and_delays():
    seen = {"copies": 0, "refused": 0, "filtered": 0, "late": 0, "admitted": 0}

    @settings(max_examples=120, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def look(data):
        view = data.draw(views())
        door = Judge(view, data.draw(histories(view))).door
        seen["copies"] += len(door.repeated)
        seen["refused"] += len(door.rejected)
        seen["filtered"] += len(door.filtered)
        seen["late"] += sum(event.known_at > event.ts for event in door.admitted)
        seen["admitted"] += len(door.admitted)

    look()
    assert seen["filtered"] > 5
    assert seen["admitted"] > 3 * 120
    assert min(seen["copies"], seen["refused"], seen["late"]) > 30


def test_spines_ask_where_answers_change():
    changes = 0

    @settings(max_examples=100, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def look(data):
        nonlocal changes
        view = data.draw(views())
        history = data.draw(histories(view))
        judge = Judge(view, history)
        for question in data.draw(spines(view, history)):
            if None not in question.key:
                now, next_ = (judge.answers(question.key, t) for t in (question.t, question.t + 1))
                changes += any(now[name].value != next_[name].value for name in now)

    look()
    assert changes > 20
