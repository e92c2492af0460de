"""Rows for explanations: those of one entity out of a configured history, and of many rows those that can matter."""

import csv
from decimal import Decimal as Number
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.check.explain import Fate, History, explain, near
from diptych.ground.expression import Op
from diptych.ground.instants import DAY, HOUR
from diptych.ground.values import Decimal, Int64, String
from diptych.plan.nodes import Kind, View, Window
from diptych.reference import Judge, Status
from diptych.reference.door import key_of
from diptych.run.entity import EntityRows, entity_rows
from diptych.run.location import Files, Frame
from diptych.testing.build import LIFETIME, Building, call, column, source, table
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=40)
@given(st.data())
def test_what_is_left_out_never_changes_an_answer(data: st.DataObject) -> None:
    view = data.draw(views(), "view")
    rows = data.draw(histories(view), "history")
    for question in data.draw(spines(view, rows, max_size=2), "spine"):
        found = entity_rows(view, Frame(table(view.source, rows)), key_of(view, question.key))
        for feature in view.features:
            whole = Judge(view, rows).answer(feature.name, question.key, question.t)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(near, "ALL_ROWS", 0)
                looked = near.history_of(view, feature.name, question.t, found)
            explained = explain(view, feature.name, question.key, question.t, looked)
            again = Judge(view, looked.rows).answer(feature.name, question.key, question.t)
            assert (again.value, again.status) == (whole.value, whole.status)
            assert explained.law.status == whole.status
            assert len(looked.rows) + looked.older + looked.newer == found.table.num_rows


def visits(**options: Any) -> View:
    over = source({"user": String(4), "x": Int64(ge=0, le=9)}, event_id=True, known_at=True, **options)
    building = Building(over, {"user": String(4)})
    building.feature("count", building.reduce(Kind.COUNT, Window(HOUR, 60_000_000)))
    building.feature("ever", building.reduce(Kind.SUM, LIFETIME, column(over, "x")))
    return building.view()


def visit(number: int, at: int, user: str = "a", **other: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "at": at, "known": at, "user": user, "x": number % 10} | other


def test_only_the_entity_and_in_an_order_that_does_not_depend_on_the_file() -> None:
    rows = [visit(number, number * HOUR, user="ab"[number % 2]) for number in range(20)]
    found = entity_rows(visits(), Frame(table(visits().source, rows[::-1])), ("b",))
    assert found.table["id"].to_pylist() == [f"e{number}" for number in range(1, 20, 2)]
    assert found.attributed
    assert entity_rows(visits(), Frame(table(visits().source, rows)), (None,)).table.num_rows == 0


def test_text_files_are_read_as_declared_and_what_cannot_be_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "at", "known", "user", "x"])
        writer.writerow(["e1", "1970-01-01T01:00:00Z", "1970-01-01T01:00:00Z", "a", "3"])
        writer.writerow(["e2", "1970-01-01T02:00:00Z", "1970-01-01T02:00:00Z", "a", "three"])
    found = entity_rows(visits(), Files(str(path)), ("a",))
    assert found.table["at"].to_pylist() == [HOUR]
    assert found.unreadable == 1
    looked = near.history_of(visits(), "ever", 3 * HOUR, found)
    assert looked.notes == ("1 row of the history of events cannot be read as declared; whose they are is not known",)
    assert explain(visits(), "ever", ["a"], 3 * HOUR, looked).law.value == 3


def test_decimals_stay_decimals() -> None:
    over = source({"user": String(4), "price": Decimal(2)})
    building = Building(over, {"user": String(4)})
    building.feature("spent", building.reduce(Kind.SUM, LIFETIME, column(over, "price")))
    rows = [{"at": HOUR, "user": "a", "price": Number(price)} for price in ("1.25", "0.50")]
    found = entity_rows(building.view(), Frame(table(over, rows)), ("a",))
    explained = explain(building.view(), "spent", ["a"], DAY, near.history_of(building.view(), "spent", DAY, found))
    assert explained.law.value == Number("1.75")
    assert [event.inputs for event in explained.events] == [{"price": Number("0.50")}, {"price": Number("1.25")}]
    assert entity_rows(building.view(), Frame(table(over, rows)), ("b",)).table.num_rows == 0


def test_the_time_of_arrival_is_kept() -> None:
    rows = [visit(1, HOUR, arrived_at=3 * HOUR), visit(2, HOUR, arrived_at=None)]
    found = entity_rows(visits(), Frame(table(visits().source, rows)), ("a",))
    looked = near.history_of(visits(), "ever", 2 * HOUR, found)
    explained = explain(visits(), "ever", ["a"], 2 * HOUR, looked)
    assert {event.event_id: event.fate for event in explained.events} == {"e1": Fate.LATE, "e2": Fate.COUNTED}


def test_an_entity_whose_key_is_derived() -> None:
    plain = source({"user": String(4), "x": Int64(ge=0, le=9)})
    twice = call(Op.CONCAT, column(plain, "user"), column(plain, "user"), type_=String(8))
    over = source({"user": String(4), "x": Int64(ge=0, le=9)}, event_id=True, known_at=True, derive=(("pair", twice),))
    building = Building(over, {"pair": String(8)})
    building.feature("ever", building.reduce(Kind.SUM, LIFETIME, column(over, "x")))
    view = building.view()
    rows = [visit(1, HOUR), visit(2, HOUR, user="b"), visit(3, 2 * HOUR)]
    found = entity_rows(view, Frame(table(over, rows)), ("aa",))
    assert found.table["id"].to_pylist() == ["e1", "e3"]
    assert not found.attributed
    looked = near.history_of(view, "ever", 3 * HOUR, found)
    assert "a part of the key is derived" in looked.notes[0]
    assert explain(view, "ever", ["aa"], 3 * HOUR, looked).law.value == 4


def test_of_a_long_history_only_what_can_matter_is_looked_at() -> None:
    view = visits(dedup_window=DAY)
    rows = [visit(number, number * 60_000_000) for number in range(20_000)]
    rows.append(visit(9_990, 9_990 * 60_000_000 - DAY, known=9_990 * 60_000_000))  # a copy with a time long before
    found = EntityRows(table(view.source, rows), 0, True)
    t = 10_000 * 60_000_000
    looked = near.history_of(view, "count", t, found)
    assert len(looked.rows) < 100
    assert len(looked.rows) + looked.older + looked.newer == len(rows)
    explained = explain(view, "count", ["a"], t, looked)
    law = Judge(view, [row for row in rows if abs(row["at"] - t) < 2 * DAY]).answer("count", ["a"], t)
    assert explained.law.value == law.value == 59  # the copy with the older time stands for e9990


def test_an_entity_that_was_only_refused_is_still_unseen() -> None:
    view = visits()
    refused = [visit(number, number * 60_000_000, x=10) for number in range(6_000)]
    found = EntityRows(table(view.source, refused), 0, True)
    explained = explain(view, "count", ["a"], DAY * 9, near.history_of(view, "count", DAY * 9, found))
    assert explained.law.status == Status.UNSEEN_ENTITY
    assert explained.counts == {Fate.REFUSED: 6_000}
    seen = EntityRows(table(view.source, [visit(0, HOUR), *refused]), 0, True)
    looked = near.history_of(view, "count", DAY * 9, seen)
    assert explain(view, "count", ["a"], DAY * 9, looked).law.status == Status.EMPTY_WINDOW
    assert isinstance(looked, History)
