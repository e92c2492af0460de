"""Properties of a user's own view: random histories and questions of it, put to a target with the judge as oracle.

Hypothesis draws them, by a seed; they are put to the target many at a time, and what differs is made small and handed
back as data, so that a suite can print it as a test.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from diptych.plan.nodes import View
from diptych.testing.boundaries.case import BoundaryCase, Rule
from diptych.testing.boundaries.cast import Cast
from diptych.testing.boundaries.exam import Exam, Failure
from diptych.testing.cases.case import Question
from diptych.testing.narrow import only
from diptych.testing.oracle import Judged, differences
from diptych.testing.shrink import Smallest, differs_from_judge, smallest
from diptych.testing.strategies import histories, spines
from diptych.testing.targets.target import Target

ROUND = 20
"""Examples that are put to a target at once."""
SHRINKING = 0.5
"""What share of the seconds may go into making a difference small."""


@dataclass(frozen=True, slots=True)
class Found:
    """The smallest history found on which a target differs; ``got`` and ``expected`` are as a user has them.

    ``error`` is set where the target raised. ``small`` says how the history was made small.
    """

    feature: str
    history: tuple[dict[str, Any], ...]
    question: Question
    got: Any
    expected: Any
    error: str
    small: Smallest


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search did: examples and questions put to the target, and what it found, at most one of each feature.

    ``done`` is False where time ran out before all examples were tried.
    """

    view: str
    target: str
    examples: int
    questions: int
    seconds: float
    found: tuple[Found, ...]
    done: bool


def search(
    view: View,
    target: Target,
    *,
    seed: int = 0,
    examples: int = 60,
    seconds: float = 10.0,
    features: int = 1,
    clock: Callable[[], float] = time.monotonic,
) -> Searched:
    """Put ``examples`` random histories of a view to a target, until one differs or ``seconds`` have passed.

    The same seed draws the same examples. Of the first ``features`` features that differ the smallest history is made.
    """
    begun = clock()
    tried, questions = 0, 0
    found: tuple[Found, ...] = ()
    done = True
    for first in range(0, examples, ROUND):
        if clock() - begun > seconds:
            done = False
            break
        exam = drawn(view, seed + first, min(ROUND, examples - first))
        outcome = exam.put_to(target)
        tried += len(exam.cases)
        questions += outcome.questions
        if outcome.failures:
            left = max(1.0, seconds * SHRINKING, seconds - (clock() - begun))
            by_feature = {failure.feature: failure for failure in reversed(outcome.failures)}
            chosen = list(by_feature.values())[:features]
            found = tuple(_small(view, target, failure, left / features, clock) for failure in chosen)
            break
    return Searched(view.name, target.name, tried, questions, clock() - begun, found, done)


@lru_cache(maxsize=256)
def drawn(view: View, seed: int, count: int) -> Exam:
    """Up to ``count`` random histories of a view with questions, always the same ones for a seed; they are kept, so
    that several targets share them and what the judge says."""
    cast = Cast.of(view)
    good = () if cast is None else (*cast.telling, *(reading.row for reading in cast.mine[:24]), *_others(cast))
    found: list[BoundaryCase] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        history = data.draw(histories(view, representatives=good, arrivals=False))
        spine = data.draw(spines(view, history, min_size=1))
        name = f"example {seed + len(found)}"
        rule = "whatever the history and the instants, the answer is the judge's"
        found.append(BoundaryCase(name, Rule.SEVERAL, rule, tuple(history), tuple(spine)))

    draw()
    return Exam.of(view, found)


def _others(cast: Cast) -> tuple[dict[str, Any], ...]:
    return () if cast.other is None else (cast.other.row,)


def _small(view: View, target: Target, failure: Failure, seconds: float, clock: Callable[[], float]) -> Found:
    feature = failure.feature or view.features[0].name
    case = failure.case
    question = case.questions[0] if failure.difference is None else failure.difference.question
    differs = differs_from_judge(view, feature, target)
    if failure.alone is not False and differs(case.history, question):  # type: ignore[arg-type]
        small = smallest(view, case.history, question, differs, seconds=seconds, clock=clock)
    else:
        small = Smallest(tuple(dict(row) for row in case.history), question, 0, False)
    narrow = only(view, feature)
    verdict = Judged.of(narrow, small.history, [small.question])
    expected = differences(narrow, [small.question], {feature: [None]}, verdict.values)
    want = expected[0].expected if expected else None
    got: Any = failure.difference.got if failure.difference else None
    error = failure.error
    try:
        answers = target.answer(narrow, small.history, [small.question])
        again = differences(narrow, [small.question], answers, verdict.values, verdict.magnitudes)
        got = again[0].got if again else got
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    return Found(feature, small.history, small.question, got, want, error, small)
