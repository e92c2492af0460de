"""Online reads of states that were never folded pass the suite that every engine passes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diptych.compile.online import Program, read
from diptych.plan.nodes import View
from diptych.reference.door import key_of
from diptych.testing.conformance import Answers, EngineConformance, Question
from tests.kernel.states import events_of, records_of, settled


class TestPointRead(EngineConformance):
    def answer(self, view: View, history: Sequence[Mapping[str, Any]], spine: Sequence[Question]) -> Answers:
        program = Program.of(view)
        events = events_of(view, history)
        states: dict[tuple[Any, ...], bytes] = {}
        for event, record in zip(events, records_of(program, events), strict=True):
            states[event.key] = states.get(event.key, b"") + record
        keys = [key_of(view, tuple(question.key)) for question in spine]
        found = read(
            program,
            [states.get(key) for key in keys],
            np.array([question.t for question in spine], dtype=np.int64),
            [place for place, key in enumerate(keys) if None in key],
        )
        columns = settled(found).lists()
        return {feature.name: column for feature, column in zip(view.features, columns, strict=True)}
