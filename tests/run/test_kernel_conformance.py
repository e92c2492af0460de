"""The kernel engine against the suite that every engine has to pass, in one bucket and in many."""

from collections.abc import Sequence

from diptych.plan.nodes import View
from diptych.run.engines.kernel import KernelEngine
from diptych.testing.conformance import Answers, EngineConformance, Question, Row
from diptych.testing.targets import Offline, kernel


class TestKernel(EngineConformance):
    target = kernel(threads=2)

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        return self.target.answer(view, history, spine)


class TestKernelEntityByEntity(TestKernel):
    target = Offline("kernel", KernelEngine(threads=1, record_memory=1))
