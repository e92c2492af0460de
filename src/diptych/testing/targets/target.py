"""What a target is: anything that answers a view over a history of raw rows at the questions of a spine."""

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa

from diptych.ground.values import Timestamp
from diptych.plan.nodes import View
from diptych.run.columns import arrow_type
from diptych.run.spine import Questions, questions
from diptych.testing.cases.case import Question
from diptych.testing.oracle import Answers, Row


class Target(Protocol):
    """An engine or store under test. ``name`` is how reports call it."""

    @property
    def name(self) -> str:
        """How reports call it, such as ``"duckdb"`` or ``"online-folded"``."""
        ...

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        """A column for each feature, in the order of the spine; instants in rows are int microseconds."""
        ...

    def close(self) -> None:
        """Free what the target holds; it is not asked again."""
        ...


def asked(view: View, spine: Sequence[Question]) -> Questions:
    """The spine as an offline engine takes it: distinct keys and instants, and the way back."""
    keys = {
        field.name: pa.array(
            [question.key[place] for question in spine],
            pa.int64() if isinstance(field.type, Timestamp) else arrow_type(field.type),
        )
        for place, field in enumerate(view.entity.keys)
    }
    return questions(keys, pa.array([question.t for question in spine], pa.int64()))
