"""Explanations over random views of every type and reducer: states made by the door of ingestion and by folds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.admit.door import check
from diptych.admit.identity import Positions
from diptych.admit.project import project
from diptych.check.explain import Explanation, Fate, History, Stored, bare, explain
from diptych.compile.online import Program, fold, pack, read, settle
from diptych.ground.instants import EARLIEST
from diptych.plan.nodes import View
from diptych.reference.door import key_of
from diptych.rows.values import stored
from diptych.run.history import events_at
from diptych.testing.build import table
from diptych.testing.strategies import Row, histories, spines
from diptych.testing.views import views
from tests.check.test_explain_states import rebuilt


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
@given(st.data())
def test_a_sound_state_of_any_view_is_explained_and_differs_in_nothing(data: st.DataObject) -> None:
    view = data.draw(views(), "view")
    rows = data.draw(histories(view), "history")
    questions = [
        question for question in data.draw(spines(view, rows, max_size=3), "spine") if None not in question.key
    ]
    for question in questions:
        cut = data.draw(st.sampled_from([row_time(view, row) for row in rows] or [0]), "cut")
        cut += data.draw(st.sampled_from([0, 1, 3_600_000_000, 86_400_000_000]), "later")
        state = state_of(view, rows, key_of(view, question.key), cut)
        t = max(question.t, cut)
        for feature in view.features:
            found = explain(view, feature.name, question.key, t, History(rows), stored=Stored(view, state))
            assert found.online.agrees is True, found.online
            assert found.difference is not None
            assert found.difference.empty, found.difference
            assert found.difference.copies == ()
            assert used_alone(view, feature.name, state, found, t) == answer(view, feature.name, state, t)


def row_time(view: View, row: Row) -> int:
    known = row.get(view.source.known_at or view.source.timestamp or "")
    return int(known) if known is not None else EARLIEST


def state_of(view: View, rows: Sequence[Row], key: tuple[Any, ...], cut: int) -> bytes:
    """The state of one entity: what was known before the cut is folded there, the rest is appended."""
    offsets = np.arange(len(rows))
    positions = Positions("rows", np.zeros(len(rows), np.int64), offsets)
    events = project(view, check(view.source, table(view.source, rows), positions=positions))
    mine = np.ones(len(events.ts), np.bool_)
    for part, field, value in zip(events.key, view.entity.keys, key, strict=True):
        mine &= part.data == stored(field.type, value)
    events = events_at(events, np.flatnonzero(mine))
    assert events.id_hash is not None
    program = Program.of(view)
    records = pack(program.layout, events.ts, events.known_at, events.id_hash, events.inputs, events.conditions)
    before = b"".join(record.tobytes() for record in records[events.known_at < cut])
    after = b"".join(record.tobytes() for record in records[events.known_at >= cut])
    done = fold(program, before, now=cut, fold_lag=0, oldest_commit=None, generation=1) if before else None
    return (before if done is None else done.state) + after


def answer(view: View, feature: str, state: bytes, t: int) -> Any:
    answers = read(Program.of(bare(view, feature)), [state], np.array([t]))
    settle(answers)
    return answers.decode(0)


def used_alone(view: View, feature: str, state: bytes, found: Explanation, t: int) -> Any:
    if found.state is None:
        return answer(view, feature, b"", t)
    tiles = sorted(tile.place for tile in found.state.tiles if tile.fate is Fate.COUNTED)
    records = sorted(record.place for record in found.state.records if record.fate is Fate.COUNTED)
    return answer(view, feature, rebuilt(Program.of(view), state, tiles, records), t)
