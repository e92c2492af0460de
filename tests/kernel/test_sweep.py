"""The sweep answers like the judge and, question by question, like the point read of the same records."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import diptych as dt
from diptych.compile.online import Gathering, Program, Sweep, pack, read
from diptych.declare.project import Project
from diptych.ground.instants import DAY, HOUR, MINUTE
from diptych.plan.nodes import View
from diptych.plan.resolve import resolve
from diptych.reference.door import key_of
from diptych.reference.judge import Judge
from diptych.rows.values import Values
from diptych.testing.conformance import Answers, EngineConformance, Question, agree
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views
from tests.kernel.states import events_of, records_of, settled
from tests.kernel.sweeping import swept


class TestSweep(EngineConformance):
    def answer(self, view: View, history: Sequence[Mapping[str, Any]], spine: Sequence[Question]) -> Answers:
        columns = swept(view, history, spine, threads=2).lists()
        return {feature.name: column for feature, column in zip(view.features, columns, strict=True)}


@settings(suppress_health_check=list(HealthCheck))
@given(st.data())
def test_answers_like_the_point_read(data: st.DataObject) -> None:
    view = data.draw(views(), "view")
    history = data.draw(histories(view), "history")
    spine = data.draw(spines(view, history), "spine")
    program = Program.of(view)
    states: dict[tuple[Any, ...], bytes] = {}
    events = events_of(view, history)
    for event, record in zip(events, records_of(program, events), strict=True):
        states[event.key] = states.get(event.key, b"") + record
    keys = [key_of(view, tuple(question.key)) for question in spine]
    instants = np.array([question.t for question in spine], np.int64)
    point = settled(read(program, [states.get(key) for key in keys], instants)).lists()
    sweep = swept(view, history, spine).lists()
    judge = Judge(view, history)
    verdicts = [judge.answers(question.key, question.t) for question in spine]
    names = [feature.name for feature in view.features]
    magnitudes = {name: [verdict[name].magnitude for verdict in verdicts] for name in names}
    agree(view, spine, dict(zip(names, sweep, strict=True)), dict(zip(names, point, strict=True)), magnitudes)


WINDOWS = ["1m", "1h", "24h"]
user = dt.Entity("user", keys={"user": dt.Int64()})
events = dt.EventSource(
    "events",
    timestamp="at",
    known_at="known",
    event_id="id",
    columns={
        "user": dt.Int64(),
        "id": dt.Int64(),
        "at": dt.Timestamp(),
        "known": dt.Timestamp(),
        "x": dt.Int64(),
        "small": dt.Int64(ge=-100, le=100),
        "share": dt.Float64(),
    },
)
everything = dt.FeatureView(
    "everything",
    entity=user,
    source=events,
    features=[
        dt.count(windows=WINDOWS),
        dt.count(windows=WINDOWS, where="small > 0", name="positive"),
        *(made(column, windows=WINDOWS) for made in (dt.sum, dt.mean, dt.min, dt.max) for column in ("x", "small")),
        *(made("share", windows=WINDOWS) for made in (dt.sum, dt.min, dt.max, dt.std)),
        dt.std("small", windows=WINDOWS),
        dt.first("x", windows=WINDOWS),
        dt.last("x"),
        dt.last_n("small", n=3, windows=WINDOWS),
        dt.count_distinct("small", windows=WINDOWS),
        dt.sum("small", windows=["1h"], hop="exact", name="exactly"),
        dt.recency(),
    ],
)
VIEW = resolve([user, events, everything], Project("sweep", ("sweep",))).view("everything")


@pytest.mark.parametrize(
    ("size", "delay"),
    [(0, 1), (1, 1), (15, MINUTE), (16, HOUR), (17, 2 * DAY), (300, 1), (300, HOUR), (2_000, 2 * DAY)],
)
def test_long_histories_answer_like_the_point_read(size: int, delay: int) -> None:
    """Runs, merges and levels of trees that short histories never reach; late, repeated and simultaneous events."""
    draw = np.random.default_rng((size, delay))
    program = Program.of(VIEW)
    ts = draw.integers(0, 3 * DAY, size) // MINUTE * MINUTE  # so that some happen together
    known = ts + draw.integers(0, delay, size)
    ids = draw.integers(0, max(1, size - size // 10), size)
    columns = {
        "x": draw.integers(-(2**62), 2**62, size),
        "small": draw.integers(-100, 101, size),
        "share": draw.normal(0, 1e6, size),
    }
    valid = draw.random(size) > 0.1
    inputs = [
        Values(ts, np.ones(size, np.bool_)) if name == "at" else Values(np.where(valid, columns[name], 0), valid)
        for name in (tree.name for tree in VIEW.inputs)  # type: ignore[union-attr]
    ]
    records = pack(program.layout, ts, known, ids, inputs, [valid & (columns["small"] > 0)])
    instants = np.unique(np.concatenate([ts[:40], ts[:40] + 1, known[:40] + 1, draw.integers(0, 4 * DAY, 40)]))
    states = [records.tobytes()] * len(instants)
    point = read(program, states, instants)
    gathered = Gathering.of(program, np.array([0, size]))
    gathered.put(np.ascontiguousarray(records.T), np.ones(size, np.int64))
    sweep = Sweep.of(program, np.concatenate([instants[:1], instants]), np.array([1, len(instants)]))
    sweep.run(0, gathered, 2)
    mine = sweep.answers.at(np.arange(1, len(instants) + 1))
    for row, feature in enumerate(VIEW.features):
        got, expected = mine.decode(row), point.decode(row)
        if feature.tolerance:
            assert [value is None for value in got] == [value is None for value in expected], feature.name
            pairs = [pair for pair in zip(got, expected, strict=True) if None not in pair]
            assert np.allclose(*np.array(pairs, np.float64).reshape(-1, 2).T, rtol=1e-9, atol=1e-3), feature.name
        else:
            assert got == expected, feature.name
    assert sweep.answers.decode(0)[0] == 0  # nobody's question, of an entity without events
