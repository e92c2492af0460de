"""Online reads pass the suite that every engine passes: of states never folded, and folded as far as may be."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diptych.compile.online import Program, fold, fold_sorted, read
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
            [self.stored(program, states.get(key), question.t) for key, question in zip(keys, spine, strict=True)],
            np.array([question.t for question in spine], dtype=np.int64),
            [place for place, key in enumerate(keys) if None in key],
        )
        columns = settled(found).lists()
        return {feature.name: column for feature, column in zip(view.features, columns, strict=True)}

    def stored(self, program: Program, state: bytes | None, t: int) -> bytes | None:
        """What is read at ``t``."""
        return state


class TestFoldedRead(TestPointRead):
    def stored(self, program: Program, state: bytes | None, t: int) -> bytes | None:
        """Seeded some time before ``t``, then folded with the horizon at ``t`` itself."""
        if state is None:
            return None
        records = np.frombuffer(state, dtype=np.int64).reshape(-1, program.layout.record_words)
        seeded = fold_sorted(
            program,
            records,
            np.array([0, len(records)]),
            now=t - 2 * program.view.source.dedup_window,
            fold_lag=0,
            oldest_commit=None,
            generations=np.array([1]),
            seed=1,
        ).state(0)
        folded = fold(program, seeded, now=t, fold_lag=0, oldest_commit=None, generation=2)
        return seeded if folded is None else folded.state
