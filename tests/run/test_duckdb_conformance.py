"""The embedded engine against the suite that every engine has to pass."""

from collections.abc import Sequence

from diptych.plan.nodes import View
from diptych.testing.conformance import Answers, EngineConformance, Question, Row
from diptych.testing.targets import duckdb


class TestDuckDB(EngineConformance):
    target = duckdb()

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        return self.target.answer(view, history, spine)
