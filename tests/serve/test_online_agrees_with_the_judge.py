"""What was ingested and is read online is what the judge says, whatever was folded on the way."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.plan.nodes import View
from diptych.serve.stores.protocol import KeyValueStore
from diptych.testing.cases import Question
from diptych.testing.conformance import Answers, EngineConformance, Row, judged
from diptych.testing.strategies import histories, spines
from diptych.testing.targets import Online, OnlineFolded, Target
from diptych.testing.views import views


class OnlineConformance(EngineConformance):
    target: Target

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        return self.target.answer(view, history, spine)


class TestReplayedWithoutFolds(OnlineConformance):
    """All of a history, then reads at any instant."""

    @pytest.fixture(autouse=True)
    def _serve(self, store: KeyValueStore) -> None:
        self.target = Online(store)


class TestReplayedWithFolds(OnlineConformance):
    """Each question is asked at its own now, and every append may fold."""

    @pytest.fixture(autouse=True)
    def _serve(self, store: KeyValueStore) -> None:
        self.target = OnlineFolded(store)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_pushed_one_by_one_with_folds(store: KeyValueStore, data: st.DataObject) -> None:
    """Everything is folded at each instant that is asked about."""
    view = data.draw(views().filter(lambda view: view.source.event_id is not None), "view")
    history = data.draw(histories(view), "history")
    spine = data.draw(spines(view, history), "spine")
    judged(view, history, spine, OnlineFolded(store, pushed=True).answer(view, history, spine))
