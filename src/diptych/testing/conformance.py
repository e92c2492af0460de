"""The one suite that every engine has to pass, as a class to inherit from.

An engine answers a view over a history of raw rows at the questions of a spine. Collect the suite with pytest::

    class TestMyEngine(EngineConformance):
        def answer(self, view, history, spine):
            events = table(view.source, history)      # or the rows as they are
            ...
            return {feature.name: values_in_the_order_of_the_spine for feature in view.features}

Named cases have answers computed by hand; the property compares random views and histories with the judge.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.check.compare import differing
from diptych.ground.values import Decimal, ListOf, ResultType
from diptych.plan.nodes import Feature, Kind, View
from diptych.reference import Judge, spoken
from diptych.run.columns import arrow_type
from diptych.testing.build import table
from diptych.testing.cases import CASES, Case, Question
from diptych.testing.definitions import definitions, resolved
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views

Row = Mapping[str, Any]
Answers = Mapping[str, Any]
"""By feature name, a column (arrow, numpy or Python values) in the order of the spine; what overflows is null."""

__all__ = ["Answers", "EngineConformance", "Question", "Row", "agree", "table"]


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


def judged(view: View, history: Sequence[Row], spine: Sequence[Question], answers: Answers) -> None:
    """Assert that an engine's answers are those of the judge, within what each window's own magnitudes allow."""
    judge = Judge(view, history)
    verdicts = [judge.answers(question.key, question.t) for question in spine]
    expected = {feature.name: [verdict[feature.name].value for verdict in verdicts] for feature in view.features}
    magnitudes = {feature.name: [verdict[feature.name].magnitude for verdict in verdicts] for feature in view.features}
    agree(view, spine, answers, expected, magnitudes)


def agree(
    view: View,
    spine: Sequence[Question],
    answers: Answers,
    expected: Mapping[str, Any],
    magnitudes: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Assert that two sets of answers agree; the message names each feature, question and pair of values."""
    assert set(answers) == {feature.name for feature in view.features}
    problems: list[str] = []
    for feature in view.features:
        assert len(answers[feature.name]) == len(spine), f"{feature.name}: {len(answers[feature.name])} answers"
        magnitude = None if magnitudes is None or not feature.tolerance else np.array(magnitudes[feature.name])
        left, right = column(feature, answers[feature.name]), column(feature, expected[feature.name])
        for i in np.flatnonzero(differing(feature, left, right, magnitude)).tolist():
            question, got, want = spine[i], left[i].as_py(), right[i].as_py()
            problems.append(f"{feature.name} of {question.key} at {question.t}: {got!r}, expected {want!r}")
    assert not problems, "\n".join(problems)


def column(feature: Feature, answers: Any) -> pa.Array:
    """Answers as one arrow array of the feature's type; Python values may be decimals in units of their last digit."""
    if isinstance(answers, pa.ChunkedArray):
        answers = answers.combine_chunks()
    if isinstance(answers, pa.Array | np.ndarray):
        return answers if isinstance(answers, pa.Array) else pa.array(answers)
    return pa.array([_spoken(answer, feature.type) for answer in answers], arrow_type(feature.type))


def _spoken(answer: Any, type_: ResultType) -> Any:
    if answer is None:
        return None
    if isinstance(type_, ListOf):
        return [_spoken(element, type_.element) for element in answer]
    return spoken(answer, type_) if isinstance(type_, Decimal) and isinstance(answer, int) else answer
