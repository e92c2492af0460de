"""Where windows begin and end, and what an event's two times do."""

import pytest

from diptych.ground.instants import DAY, HOUR, MINUTE, SECOND
from diptych.plan.nodes import Kind, Window
from diptych.reference import Status
from tests.reference.views import ask, reduction, rows, source, value, view

COUNT = {
    "hop": reduction(Kind.COUNT, Window(HOUR, 5 * MINUTE)),
    "exact": reduction(Kind.COUNT, Window(HOUR)),
    "lifetime": reduction(Kind.COUNT),
}


def test_an_event_at_the_instant_of_the_question_is_not_seen():
    for count in COUNT.values():
        assert value(view(count), rows((1000, 1)), 1000) == 0
        assert value(view(count), rows((1000, 1)), 1001) == 1


def test_an_exact_window_takes_its_first_instant_and_nothing_before():
    v = view(COUNT["exact"])
    assert value(v, rows((0, 1)), HOUR) == 1
    assert value(v, rows((0, 1)), HOUR + 1) == 0


@pytest.mark.parametrize("ts", [0, 1, 5 * MINUTE - 1])
def test_a_hop_window_keeps_an_event_until_its_whole_hop_has_left(ts):
    v = view(COUNT["hop"])
    assert value(v, rows((ts, 1)), HOUR + 5 * MINUTE - 1) == 1
    assert value(v, rows((ts, 1)), HOUR + 5 * MINUTE) == 0


@pytest.mark.parametrize(("ts", "gone"), [(-1, HOUR), (-5 * MINUTE, HOUR), (-5 * MINUTE - 1, HOUR - 5 * MINUTE)])
def test_the_floor_of_a_negative_instant_goes_down(ts, gone):
    v = view(COUNT["hop"])
    assert value(v, rows((ts, 1)), gone - 1) == 1
    assert value(v, rows((ts, 1)), gone) == 0


def test_a_window_wholly_before_the_epoch():
    v = view(reduction(Kind.COUNT, Window(7, 3)))
    # floor(-20 - 7, 3) = -27 <= ts < -20
    assert [value(v, rows((ts, 1)), -20) for ts in (-28, -27, -21, -20)] == [0, 1, 1, 0]


def test_a_hop_that_does_not_divide_the_window():
    v = view(reduction(Kind.COUNT, Window(10, 4)))
    # floor(21 - 10, 4) = 8
    assert [value(v, rows((ts, 1)), 21) for ts in (7, 8, 20, 21)] == [0, 1, 1, 0]


def test_an_event_is_seen_only_after_it_is_known():
    v = view(COUNT["exact"])
    history = rows((100, 1), arrived_at=500)
    assert [value(v, history, t) for t in (101, 500, 501, 100 + HOUR, 101 + HOUR)] == [0, 0, 1, 1, 0]


def test_an_event_known_before_it_happens_is_seen_after_it_happened():
    v = view(COUNT["exact"])
    assert [value(v, rows((100, 1), arrived_at=5), t) for t in (6, 100, 101)] == [0, 0, 1]


def test_the_declared_known_at_column_is_used_and_a_null_one_is_refused():
    v = view(COUNT["lifetime"], over=source(known_at="landed"))
    assert [value(v, rows((0, 1), landed=7), t) for t in (7, 8)] == [0, 1]
    assert value(v, rows((0, 1), landed=None), 8) == 0


def test_an_event_known_after_its_window_is_never_seen():
    v = view(reduction(Kind.COUNT, Window(10)))
    history = rows((0, 1), arrived_at=10)
    assert [value(v, history, t) for t in range(0, 30)] == [0] * 30


def test_a_long_gap_tells_an_empty_window_from_an_unseen_entity():
    v = view(COUNT["exact"])
    history = rows((0, 1))
    assert ask(v, history, 1).status is Status.PRESENT
    assert ask(v, history, DAY).status is Status.EMPTY_WINDOW
    assert ask(v, history, 0).status is Status.UNSEEN_ENTITY
    assert ask(v, history, 1, key=("b",)).status is Status.UNSEEN_ENTITY


def test_a_null_key_is_answered_as_an_empty_window():
    answer = ask(view(COUNT["exact"]), rows((0, 1)), SECOND, key=(None,))
    assert (answer.value, answer.status) == (0, Status.NULL_KEY)
