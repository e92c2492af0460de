"""What the judge says of a view's questions, and where an engine's answers differ from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from diptych.check.compare import differing
from diptych.ground.values import Decimal, ListOf, ResultType
from diptych.plan.nodes import Feature, View
from diptych.reference import Answer, Judge, spoken
from diptych.run.columns import arrow_type
from diptych.testing.cases.case import Question

Row = Mapping[str, Any]
Answers = Mapping[str, Any]
"""By feature name, a column (arrow, numpy or Python values) in the order of the spine; what overflows is null."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The judge's answers to a spine: by feature, values as the judge holds them, and what tolerance is relative to."""

    values: Mapping[str, tuple[Any, ...]]
    magnitudes: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, view: View, history: Sequence[Row], spine: Sequence[Question]) -> "Judged":
        """Ask the judge."""
        judge = Judge(view, history)
        verdicts: list[dict[str, Answer]] = [judge.answers(question.key, question.t) for question in spine]
        names = [feature.name for feature in view.features]
        return cls(
            {name: tuple(verdict[name].value for verdict in verdicts) for name in names},
            {name: tuple(verdict[name].magnitude for verdict in verdicts) for name in names},
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """One question that was answered otherwise than expected; values are as a user has them, None is null.

    ``place`` is the question's place in the spine.
    """

    feature: str
    place: int
    question: Question
    got: Any
    expected: Any

    def __str__(self) -> str:
        key, at = self.question
        return f"{self.feature} of {key} at {at}: {self.got!r}, expected {self.expected!r}"


def differences(
    view: View,
    spine: Sequence[Question],
    answers: Answers,
    expected: Mapping[str, Any],
    magnitudes: Mapping[str, Sequence[float]] | None = None,
) -> list[Difference]:
    """Where two sets of answers differ, feature by feature in the order of the spine.

    Raises AssertionError where answers are missing or too many.
    """
    assert set(answers) == {feature.name for feature in view.features}, sorted(answers)
    found: list[Difference] = []
    for feature in view.features:
        assert len(answers[feature.name]) == len(spine), f"{feature.name}: {len(answers[feature.name])} answers"
        magnitude = None if magnitudes is None or not feature.tolerance else np.array(magnitudes[feature.name])
        left, right = column(feature, answers[feature.name]), column(feature, expected[feature.name])
        for i in np.flatnonzero(differing(feature, left, right, magnitude)).tolist():
            found.append(Difference(feature.name, i, spine[i], left[i].as_py(), right[i].as_py()))
    return found


def agree(
    view: View,
    spine: Sequence[Question],
    answers: Answers,
    expected: Mapping[str, Any],
    magnitudes: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Assert that two sets of answers agree; the message names each feature, question and pair of values."""
    problems = differences(view, spine, answers, expected, magnitudes)
    assert not problems, "\n".join(map(str, problems))


def judged(view: View, history: Sequence[Row], spine: Sequence[Question], answers: Answers) -> None:
    """Assert that an engine's answers are those of the judge, within what each window's own magnitudes allow."""
    verdict = Judged.of(view, history, spine)
    agree(view, spine, answers, verdict.values, verdict.magnitudes)


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
