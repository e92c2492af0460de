"""The fates of offline events: exactly those that are said to be counted make the value, whatever the view."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.check.explain import Explanation, Fate, History, explain
from diptych.ground.expression import Literal, Op
from diptych.ground.instants import HOUR, MINUTE
from diptych.ground.values import Bool, Int64, String
from diptych.plan.nodes import Kind, Source, View, Window
from diptych.reference import Judge, door
from diptych.testing.build import Building, call, column, mean, source
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views

Row = Mapping[str, Any]


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_the_counted_events_alone_make_the_value(data: st.DataObject) -> None:
    view = data.draw(views(), "view")
    rows = data.draw(histories(view), "history")
    for question in data.draw(spines(view, rows, max_size=3), "spine"):
        for feature in view.features:
            explained = explain(view, feature.name, question.key, question.t, History(rows))
            holds(view, feature.name, question.key, question.t, rows, explained)


def holds(view: View, feature: str, key: Sequence[Any], t: int, rows: Sequence[Row], explained: Explanation) -> None:
    counted = [rows[event.row] for event in explained.events if event.fate is Fate.COUNTED]
    law = Judge(view, rows).answer(feature, key, t)
    again = Judge(view, counted).answer(feature, key, t)
    assert (again.value, again.magnitude) == (law.value, law.magnitude)
    if counted:
        assert again.status == law.status
    assert explained.law.status == law.status
    assert sum(explained.counts.values()) == len(explained.events)
    mentioned = [event.row for event in explained.events]
    assert len(mentioned) == len(set(mentioned))
    verdict = door(view, rows)
    for event in explained.events:
        assert (event.fate is Fate.REPEAT) == (event.row in verdict.repeated)
        assert (event.fate is Fate.FILTERED) == (event.row in verdict.filtered)
        assert (event.fate is Fate.REFUSED) == (event.row in {refused.row for refused in verdict.rejected})
        assert event.why
    if None not in key:
        entity = Judge(view, rows).door.admitted
        assert {event.row for event in explained.events} >= {e.row for e in entity if e.key == _held(view, key)}


def _held(view: View, key: Sequence[Any]) -> tuple[Any, ...]:
    from diptych.reference.door import key_of

    return key_of(view, tuple(key))


def deliveries() -> Source:
    late = call(Op.LT, column(_PLAIN, "x"), Literal(1_000, Int64()), type_=Bool())
    return source(
        {"user": String(4), "x": Int64(ge=-2_000, le=2_000)},
        known_at=True,
        event_id=True,
        dedup_window=MINUTE,
        filter=late,
    )


_PLAIN = source({"user": String(4), "x": Int64()})
NOON = 400_000 * HOUR


def row(ts: int, id: str, x: int | None = 5, known: int | None = None, user: str | None = "a") -> Row:
    return {"user": user, "at": ts, "known": ts if known is None else known, "id": id, "x": x}


@pytest.fixture
def hourly() -> View:
    building = Building(deliveries(), {"user": String(4)})
    x = column(building.source, "x")
    positive = call(Op.GT, x, Literal(0, Int64()), type_=Bool())
    building.feature("positive", building.reduce(Kind.SUM, Window(HOUR, 5 * MINUTE), x, positive))
    building.feature("mean", mean(building, x, Window(HOUR)))
    return building.view()


ROWS = [
    row(NOON - HOUR - 1, "old"),
    row(NOON - HOUR, "tail"),
    row(NOON - 1, "last"),
    row(NOON, "now"),
    row(NOON + 2 * MINUTE, "next"),
    row(NOON - MINUTE, "slow", known=NOON),
    row(NOON - 2, "twice"),
    row(NOON - 2, "twice", known=NOON - 1),
    row(NOON - 3, "negative", x=-4),
    row(NOON - 4, "nothing", x=None),
    row(NOON - 5, "large", x=1_500),
    row(NOON - 6, "beyond", x=2_001),
    row(NOON - 7, "other", user="b"),
    row(NOON - 8, "nobody", user=None),
]


def test_every_fate_has_its_word_and_its_sentence(hourly: View) -> None:
    found = explain(hourly, "positive", ["a"], NOON, History(ROWS))
    said = {(ROWS[event.row]["id"], event.fate.value): event.why for event in found.events}
    assert said == {
        ("old", "before"): "1us before the window",
        ("tail", "counted"): "in the window",
        ("last", "counted"): "in the window",
        ("now", "after"): "at the instant itself, which is not seen",
        ("next", "after"): "2m after the instant",
        ("slow", "late"): "known only at 2015-08-19 16:00:00Z, not before the instant",
        ("twice", "counted"): "in the window",
        ("twice", "repeat"): "a repeat of twice, which stands: known 1us after it",
        ("negative", "condition"): "x > 0 is not true of it",
        ("nothing", "filtered"): "the filter of source events leaves it out",
        ("large", "filtered"): "the filter of source events leaves it out",
        ("beyond", "refused"): "the door refuses it: x: out of the declared range",
    }
    assert (found.law.value, found.law.status) == (15, "PRESENT")
    (reduction,) = found.reductions
    assert (reduction.start, reduction.end, reduction.hop) == (NOON - HOUR, NOON, 5 * MINUTE)
    assert (reduction.counted, reduction.law) == (3, 15)


def test_the_ends_of_windows_are_exact(hourly: View) -> None:
    found = explain(hourly, "positive", ["a"], NOON + 7 * MINUTE + 1, History(ROWS))
    (reduction,) = found.reductions
    assert reduction.start == NOON - HOUR + 5 * MINUTE
    exact = explain(hourly, "mean", ["a"], NOON + 7 * MINUTE + 1, History(ROWS))
    assert {each.start for each in exact.reductions} == {NOON - HOUR + 7 * MINUTE + 1}
    assert [each.reads_raw for each in exact.reductions] == [True, True]
    assert exact.formula == "r1 / r2"


def test_newest_events_come_first_and_what_is_cut_off_is_counted(hourly: View) -> None:
    found = explain(hourly, "positive", ["a"], NOON, History(ROWS))
    times = [event.ts for event in found.events if event.ts is not None]
    assert times == sorted(times, reverse=True)
    cut = found.limited(3)
    assert len(cut.events) == 3
    assert cut.hidden == len(found.events) - 3
    assert cut.counts == found.counts
    assert cut.limited(2).hidden == len(found.events) - 2


def test_a_null_key_and_an_unseen_entity_have_no_events(hourly: View) -> None:
    for key, status in (([None], "NULL_KEY"), (["zz"], "UNSEEN_ENTITY")):
        found = explain(hourly, "mean", key, NOON, History(ROWS))
        assert (found.events, found.law.value, found.law.status) == ((), None, status)


def test_an_explanation_is_plain_values(hourly: View) -> None:
    plain = explain(hourly, "positive", ["a"], NOON, History(ROWS)).to_dict()
    assert plain["law"] == {"value": 15, "status": "PRESENT", "missing": "", "agrees": True}
    assert plain["counts"]["counted"] == 3
    assert plain["key"] == {"user": "a"}
