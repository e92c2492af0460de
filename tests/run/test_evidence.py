"""Statuses and magnitudes beside the values, against the judge's."""

import math

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.ground.expression import Column
from diptych.ground.values import Float64, Int64, String
from diptych.plan.nodes import Kind
from diptych.reference import Judge, Status
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.engines.kernel import KernelEngine
from diptych.run.location import Frame
from diptych.run.spine import questions
from diptych.testing.build import LIFETIME, Building, mean, source, table
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views
from tests.run.asking import key_array


def told(status: Status) -> str:
    """SQL tells an entity without any event as an empty window."""
    return str(Status.EMPTY_WINDOW if status is Status.UNSEEN_ENTITY else status)


@settings(max_examples=settings().max_examples // 2)
@given(st.data())
def test_status_is_the_judges(data: st.DataObject) -> None:
    view = data.draw(views(), "view")
    history = data.draw(histories(view), "history")
    spine = data.draw(spines(view, history), "spine")
    keys = {
        field.name: key_array(field, [question.key[i] for question in spine])
        for i, field in enumerate(view.entity.keys)
    }
    asked = questions(keys, pa.array([question.t for question in spine], pa.int64()))
    answers = DuckDBEngine(threads=1).compute(view, Frame(table(view.source, history)), asked.table, evidence=True)
    others = KernelEngine(threads=1).compute(view, Frame(table(view.source, history)), asked.table, evidence=True)
    judge = Judge(view, history)
    for row, question in enumerate(spine):
        for name, answer in judge.answers(question.key, question.t).items():
            if not math.isinf(answer.magnitude):
                got = answers[f"{name}__status"][int(asked.rows[row])].as_py()
                assert got == told(answer.status), (name, question)
                swept = others[f"{name}__status"][int(asked.rows[row])].as_py()
                assert told(Status(swept)) == told(answer.status), (name, question)


def test_magnitude_of_a_float_sum_is_what_its_window_holds() -> None:
    over = source({"user": String(4), "x": Float64()})
    building = Building(over, {"user": String(4)})
    x = Column("x", Float64())
    building.feature("total", building.reduce(Kind.SUM, LIFETIME, x))
    building.feature("mean", mean(building, x, LIFETIME))
    building.feature("n", building.reduce(Kind.COUNT, LIFETIME))
    history = [{"user": "a", "at": at, "x": value} for at, value in ((1, 10.0), (2, -30.0), (9, 1e300))]
    spine = pa.table({"row_id": [0], "t": [5], "key_user": ["a"]})
    answers = DuckDBEngine().compute(building.view(), Frame(table(over, history)), spine, evidence=True).to_pylist()[0]
    assert (answers["total"], answers["total__magnitude"]) == (-20.0, 40.0)
    assert (answers["mean"], answers["mean__magnitude"]) == (-10.0, 20.0)
    assert "n__magnitude" not in answers


def test_a_sum_that_leaves_int64_is_null_with_its_status() -> None:
    over = source({"user": String(4), "x": Int64()})
    building = Building(over, {"user": String(4)})
    building.feature("total", building.reduce(Kind.SUM, LIFETIME, Column("x", Int64())), default=7)
    history = [{"user": "a", "at": at, "x": 2**62} for at in (1, 2)]
    spine = pa.table({"row_id": [0, 1], "t": [2, 3], "key_user": ["a", "a"]})
    answers = DuckDBEngine().compute(building.view(), Frame(table(over, history)), spine, evidence=True)
    assert answers["total"].to_pylist() == [2**62, None]
    assert answers["total__status"].to_pylist() == ["PRESENT", "OVERFLOW"]
