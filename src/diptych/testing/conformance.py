"""The one suite that every engine has to pass, as a class to inherit from.

An engine answers a view over a history of raw rows at the questions of a spine. Collect the suite with pytest::

    class TestMyEngine(EngineConformance):
        def answer(self, view, history, spine):
            events = table(view.source, history)      # or the rows as they are
            ...
            return {feature.name: values_in_the_order_of_the_spine for feature in view.features}

Named cases have answers computed by hand; the property compares random views and histories with the judge.
"""

from collections.abc import Sequence
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.plan.nodes import Kind, View
from diptych.testing.build import table
from diptych.testing.cases import CASES, Case, Question
from diptych.testing.definitions import definitions, resolved
from diptych.testing.oracle import Answers, Row, agree, judged
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views

__all__ = ["Answers", "EngineConformance", "Question", "Row", "agree", "judged", "table"]


class EngineConformance:
    """Inherit, name the class ``Test...``, and write ``answer``.

    ``kinds`` are the reducers that the engine has; views with others are left out of the property, and their named
    cases must raise ``refusal``.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind)
    refusal: ClassVar[type[Exception]] = NotImplementedError

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        """The engine's answers to the questions of the spine, in its order."""
        raise NotImplementedError(f"{type(self).__name__} must say how its engine answers")

    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_named_case(self, case: Case) -> None:
        """The engine gives the answers that were computed by hand."""
        if not {reduction.kind for reduction in case.view.reductions} <= self.kinds:
            with pytest.raises(self.refusal):
                self.answer(case.view, case.history, case.spine)
            return
        agree(case.view, case.spine, self.answer(case.view, case.history, case.spine), case.answers)

    @settings(suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.data())
    def test_agrees_with_the_judge(self, data: st.DataObject) -> None:
        """The engine answers like the judge, whatever the view, the history and the instants."""
        view = data.draw(views(kinds=self.kinds), "view")
        history = data.draw(histories(view), "history")
        spine = data.draw(spines(view, history), "spine")
        judged(view, history, spine, self.answer(view, history, spine))

    @settings(suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.data())
    def test_agrees_with_the_judge_on_declared_views(self, data: st.DataObject) -> None:
        """The same over views that were written by an author and resolved."""
        view = resolved(data.draw(definitions(), "definition"))
        if {reduction.kind for reduction in view.reductions} <= self.kinds:
            history = data.draw(histories(view), "history")
            spine = data.draw(spines(view, history), "spine")
            judged(view, history, spine, self.answer(view, history, spine))

    @settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=20)
    @given(st.data())
    def test_one_answer_does_not_depend_on_the_other_questions(self, data: st.DataObject) -> None:
        """Asking each question alone gives what asking all at once gave."""
        view = data.draw(views(kinds=self.kinds), "view")
        history = data.draw(histories(view), "history")
        spine = data.draw(spines(view, history, max_size=4), "spine")
        together = self.answer(view, history, spine)
        for i, question in enumerate(spine):
            alone = self.answer(view, history, [question])
            agree(view, [question], alone, {name: column[i : i + 1] for name, column in together.items()})
