"""The finishes that the kernel leaves open, text and calendars, evaluated over whole columns of answers."""

from collections.abc import Collection

import numpy as np

from diptych.compile.online.answers import Answers
from diptych.plan.nodes import REQUEST_TIME
from diptych.rows.evaluate import evaluate
from diptych.rows.values import Values


def settle(answers: Answers, wanted: Collection[int] | None = None) -> None:
    """Put in the open features of a view, or of these only those at the positions ``wanted``."""
    count = len(answers.instants)
    times = Values(answers.instants, np.ones(count, np.bool_))
    for position, feature, reductions in answers.program.open_features:
        if wanted is None or position in wanted:
            columns = {f"r{index}": answers.reduction(index) for index in reductions}
            columns[REQUEST_TIME] = times
            answers.settle(position, evaluate(feature.finish, columns, count))
