"""The kernel engine against the suite that every engine has to pass, in one bucket and in many."""

from collections.abc import Sequence

import pyarrow as pa

from diptych.plan.nodes import View
from diptych.run.engines.kernel import KernelEngine
from diptych.run.location import Frame
from diptych.run.spine import questions
from diptych.testing.build import table
from diptych.testing.conformance import Answers, EngineConformance, Question, Row
from tests.run.asking import key_array


class TestKernel(EngineConformance):
    engine = KernelEngine(threads=2)

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        keys = {
            field.name: key_array(field, [question.key[i] for question in spine])
            for i, field in enumerate(view.entity.keys)
        }
        asked = questions(keys, pa.array([question.t for question in spine], pa.int64()))
        answers = self.engine.compute(view, Frame(table(view.source, history)), asked.table, evidence=True)
        return {feature.name: answers[feature.name].take(pa.array(asked.rows)) for feature in view.features}


class TestKernelEntityByEntity(TestKernel):
    engine = KernelEngine(threads=1, record_memory=1)
