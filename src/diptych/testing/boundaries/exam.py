"""A view's boundary cases put to a target, and what it answered otherwise than the judge."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from diptych.plan.nodes import View
from diptych.testing.boundaries.case import BoundaryCase
from diptych.testing.boundaries.generate import cases
from diptych.testing.boundaries.together import Together
from diptych.testing.cases.case import Question
from diptych.testing.oracle import Difference, Judged, differences
from diptych.testing.targets.target import Target


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that a target got wrong: the first question it missed of each feature, and how many in all.

    ``error`` is set where the target raised instead of answering; then there is no ``difference``. ``alone`` is False
    where the case went wrong only beside the other cases of its view.
    """

    case: BoundaryCase
    feature: str
    wrong: int
    difference: Difference | None
    error: str = ""
    alone: bool = True

    def __str__(self) -> str:
        told = self.error or str(self.difference)
        beside = "" if self.alone else " (only beside the other cases)"
        return f"{self.case.name}{beside}: {told}; the rule: {self.case.rule}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one view and one target. ``questions`` is by feature; every one has as many."""

    view: str
    target: str
    cases: int
    questions: int
    seconds: float
    failures: tuple[Failure, ...]

    def of(self, feature: str) -> tuple[Failure, ...]:
        """The failures of one feature; a target that raised failed all."""
        return tuple(failure for failure in self.failures if failure.feature in (feature, ""))


@dataclass(frozen=True)
class Exam:
    """A view's cases (all of them by default), with what the judge says of them, which is asked once."""

    view: View
    cases: tuple[BoundaryCase, ...]

    @classmethod
    def of(cls, view: View, chosen: Sequence[BoundaryCase] | None = None) -> "Exam":
        """The exam of a view."""
        return cls(view, tuple(cases(view) if chosen is None else chosen))

    @cached_property
    def expected(self) -> tuple[Judged, ...]:
        """The judge's answers, case by case."""
        return tuple(Judged.of(self.view, case.history, case.questions) for case in self.cases)

    def put_to(self, target: Target, clock: Callable[[], float] = time.perf_counter) -> Outcome:
        """Ask a target all cases, those together that may be."""
        begun = clock()
        together = [n for n, case in enumerate(self.cases) if not case.alone]
        failures = self._together(target, together)
        for number, case in enumerate(self.cases):
            if case.alone:
                failures += self._alone(target, number)
        questions = sum(len(case.questions) for case in self.cases)
        return Outcome(self.view.name, target.name, len(self.cases), questions, clock() - begun, tuple(failures))

    def _together(self, target: Target, numbers: list[int]) -> list[Failure]:
        world = Together.of(self.view, [self.cases[number] for number in numbers])
        try:
            answers = target.answer(world.view, world.history, world.spine)
        except Exception as error:
            return [failure for number in numbers for failure in self._alone(target, number)] or [
                self._raised(numbers[0], error, alone=False)
            ]
        expected = {
            feature.name: [v for number in numbers for v in self.expected[number].values[feature.name]]
            for feature in self.view.features
        }
        magnitudes = {
            feature.name: [v for number in numbers for v in self.expected[number].magnitudes[feature.name]]
            for feature in self.view.features
        }
        found = differences(world.view, world.spine, answers, expected, magnitudes)
        wrong: dict[int, list[tuple[int, Difference]]] = {}
        for difference in found:
            number, place = world.places[difference.place]
            wrong.setdefault(numbers[number], []).append((place, difference))
        failures: list[Failure] = []
        for number in sorted(wrong):
            failures += self._again(target, number, wrong[number])
        return failures

    def _again(self, target: Target, number: int, found: list[tuple[int, Difference]]) -> list[Failure]:
        """A case that went wrong beside others, asked alone."""
        alone = self._alone(target, number)
        told = {failure.feature for failure in alone}
        beside = [
            Difference(
                difference.feature, place, self.cases[number].questions[place], difference.got, difference.expected
            )
            for place, difference in found
            if difference.feature not in told and "" not in told
        ]
        return [*alone, *_by_feature(self.cases[number], beside, alone=False)]

    def _alone(self, target: Target, number: int) -> list[Failure]:
        case, expected = self.cases[number], self.expected[number]
        try:
            answers = target.answer(self.view, case.history, case.questions)
        except Exception as error:
            return [self._raised(number, error)]
        found = differences(self.view, case.questions, answers, expected.values, expected.magnitudes)
        return _by_feature(case, found)

    def _raised(self, number: int, error: Exception, *, alone: bool = True) -> Failure:
        return Failure(self.cases[number], "", 0, None, f"{type(error).__name__}: {error}", alone)


def _by_feature(case: BoundaryCase, found: Sequence[Difference], *, alone: bool = True) -> list[Failure]:
    first: dict[str, list[Difference]] = {}
    for difference in found:
        first.setdefault(difference.feature, []).append(difference)
    return [Failure(case, name, len(each), each[0], alone=alone) for name, each in first.items()]


def expected_of(view: View, history: Sequence[Mapping[str, Any]], question: Question, feature: str) -> Any:
    """What the judge says of one feature, as the judge holds it."""
    return Judged.of(view, history, [question]).values[feature][0]
