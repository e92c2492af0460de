"""What was ingested and is read online is what the judge says, whatever was folded on the way."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.plan.nodes import View
from diptych.serve.folding import Folder
from diptych.serve.stores.protocol import KeyValueStore
from diptych.testing.cases import Question
from diptych.testing.conformance import Answers, EngineConformance, judged
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views
from tests.serve.online import Online, in_order, known, stamped

Row = Mapping[str, Any]


def answers_of(view: View, found: Sequence[dict[str, Any]]) -> Answers:
    def joined(name: str) -> Any:
        arrays = [answer[name] for answer in found]
        return pa.concat_arrays(arrays) if arrays else []

    return {feature.name: joined(feature.name) for feature in view.features}


class OnlineConformance(EngineConformance):
    store: KeyValueStore

    @pytest.fixture(autouse=True)
    def _serve(self, store: KeyValueStore) -> None:
        self.store = store


class TestReplayedWithoutFolds(OnlineConformance):
    """All of a history, then reads at any instant."""

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        live = stamped(view, history)
        online = Online.of(view, self.store, replay=not live)
        rows = in_order(view, history)
        if live:
            for row in rows:
                online.clock.now = known(view, row) or 0
                online.push(row)
        else:
            online.replay(rows)
        return answers_of(view, [online.ask(question) for question in spine])


class TestReplayedWithFolds(OnlineConformance):
    """Each question is asked at its own now, and every append may fold."""

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        if stamped(view, history):
            return TestPushedWithFolds.answer(self, view, history, spine)  # type: ignore[arg-type]
        folder = Folder(self.store, None, 0, 0, worthwhile=1.0)  # type: ignore[arg-type]
        online = Online.of(view, self.store, replay=True, folder=folder)
        rows = in_order(view, history)
        found: list[Any] = [None] * len(spine)
        for place in sorted(range(len(spine)), key=lambda place: spine[place].t):
            online.replay(rows, upto=spine[place].t)
            found[place] = online.ask(spine[place])
        return answers_of(view, found)


class TestPushedWithFolds:
    """Rows are pushed one by one, everything is folded at each instant that is asked about."""

    store: KeyValueStore

    @pytest.fixture(autouse=True)
    def _serve(self, store: KeyValueStore) -> None:
        self.store = store

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        online = Online.of(view, self.store, replay=False)
        rows = in_order(view, history)
        found: list[Any] = [None] * len(spine)
        pushed = 0
        for place in sorted(range(len(spine)), key=lambda place: spine[place].t):
            while pushed < len(rows) and (known(view, rows[pushed]) or 0) < spine[place].t:
                online.clock.now = known(view, rows[pushed]) or 0
                online.push(rows[pushed])
                pushed += 1
            online.fold(now=spine[place].t)
            found[place] = online.ask(spine[place])
        return answers_of(view, found)

    @settings(suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.data())
    def test_agrees_with_the_judge(self, data: st.DataObject) -> None:
        view = data.draw(views().filter(lambda view: view.source.event_id is not None), "view")
        history = data.draw(histories(view), "history")
        spine = data.draw(spines(view, history), "spine")
        judged(view, history, spine, self.answer(view, history, spine))
