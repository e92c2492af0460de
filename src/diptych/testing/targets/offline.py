"""Offline engines as targets."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from diptych.plan.nodes import View
from diptych.run.engine import OfflineEngine
from diptych.run.location import Frame
from diptych.testing.build import table
from diptych.testing.cases.case import Question
from diptych.testing.oracle import Answers, Row
from diptych.testing.targets.target import asked


@dataclass(frozen=True, slots=True)
class Offline:
    """An offline engine, which gets the history as one frame and the whole spine at once."""

    name: str
    engine: OfflineEngine

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        """See Target."""
        questions = asked(view, spine)
        answers = self.engine.compute(view, Frame(table(view.source, history)), questions.table, evidence=True)
        return {feature.name: answers[feature.name].take(pa.array(questions.rows)) for feature in view.features}

    def close(self) -> None:
        """Nothing is held."""
