"""A view's boundary cases put to a target, and what it answered otherwise than the judge."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from diptych.plan.nodes import View
from diptych.testing.boundaries.case import BoundaryCase
from diptych.testing.boundaries.generate import cases
from diptych.testing.boundaries.stage import is_plain
from diptych.testing.boundaries.together import Together
from diptych.testing.oracle import Answers, Difference, Judged, differences
from diptych.testing.targets.target import Target

AGAIN = 4
"""Cases that are asked once more by themselves; a broken engine fails many, and each question takes its time."""
RAISED = 5
"""Cases that raise, after which no more are looked for."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that a target got wrong: the first question it missed of each feature, and how many in all.

    ``error`` is set where the target raised instead of answering; then there is no ``difference``. ``alone`` says
    whether the case goes wrong by itself, too; None where it was only asked beside the other cases of its view.
    """

    case: BoundaryCase
    feature: str
    wrong: int
    difference: Difference | None
    error: str = ""
    alone: bool | None = True

    def __str__(self) -> str:
        told = self.error or str(self.difference)
        beside = "" if self.alone is not False else " (only beside the other cases)"
        return f"{self.case.name}{beside}: {told}; the rule: {self.case.rule}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one view and one target. Every feature was asked all ``questions``."""

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
        together = [number for number, case in enumerate(self.cases) if not case.alone]
        failures: list[Failure] = []
        for plain in (True, False):
            failures += self._together(target, [n for n in together if is_plain(self.cases[n].history) is plain])
        for number, case in enumerate(self.cases):
            if case.alone:
                failures += self._alone(target, number)
        questions = sum(len(case.questions) for case in self.cases)
        return Outcome(self.view.name, target.name, len(self.cases), questions, clock() - begun, tuple(failures))

    def _together(self, target: Target, numbers: list[int]) -> list[Failure]:
        """Many cases at once; where that raises, in halves, until it is known which cases it is."""
        todo, failures = [numbers] if numbers else [], list[Failure]()
        first: Exception | None = None
        while todo and len([failure for failure in failures if failure.error]) < RAISED:
            some = todo.pop(0)
            world = Together.of(self.view, [self.cases[number] for number in some])
            try:
                answers = target.answer(world.view, world.history, world.spine)
            except Exception as error:
                first = first or error
                half = len(some) // 2
                if half:
                    todo[:0] = [some[:half], some[half:]]
                elif some:
                    failures += self._alone(target, some[0])
                continue
            failures += self._wrong(target, some, world, answers)
        if first is not None and not failures:
            failures.append(self._raised(numbers[0], first, alone=False))
        return failures

    def _wrong(self, target: Target, numbers: list[int], world: Together, answers: Answers) -> list[Failure]:
        """The differences, case by case. The first cases of each feature are asked once more alone."""
        judged = [self.expected[number] for number in numbers]
        names = [feature.name for feature in self.view.features]
        values = {name: [value for each in judged for value in each.values[name]] for name in names}
        magnitudes = {name: [value for each in judged for value in each.magnitudes[name]] for name in names}
        wrong: dict[int, list[tuple[int, Difference]]] = {}
        for difference in differences(world.view, world.spine, answers, values, magnitudes):
            number, place = world.places[difference.place]
            wrong.setdefault(numbers[number], []).append((place, difference))
        failures: list[Failure] = []
        asked, confirmed = 0, set[str]()
        for number in sorted(wrong):
            told = {difference.feature for _, difference in wrong[number]}
            if told <= confirmed or asked >= AGAIN:
                failures += _by_feature(self.cases[number], _placed(self.cases[number], wrong[number]), alone=None)
                continue
            asked += 1
            again = self._again(target, number, wrong[number])
            confirmed |= {failure.feature for failure in again if failure.alone}
            failures += again
        return failures

    def _again(self, target: Target, number: int, found: list[tuple[int, Difference]]) -> list[Failure]:
        """A case that went wrong beside others, asked alone."""
        alone = self._alone(target, number)
        told = {failure.feature for failure in alone}
        beside = [each for each in _placed(self.cases[number], found) if not told & {each.feature, ""}]
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


def _placed(case: BoundaryCase, found: Sequence[tuple[int, Difference]]) -> list[Difference]:
    """Differences as of the case's own questions."""
    return [replace(difference, place=place, question=case.questions[place]) for place, difference in found]


def _by_feature(case: BoundaryCase, found: Sequence[Difference], *, alone: bool | None = True) -> list[Failure]:
    first: dict[str, list[Difference]] = {}
    for difference in found:
        first.setdefault(difference.feature, []).append(difference)
    return [Failure(case, name, len(each), each[0], alone=alone) for name, each in first.items()]
