from diptych.reference import Judge
from diptych.testing.conformance import EngineConformance


class TestJudge(EngineConformance):
    """The judge passes the suite that it judges: its own answers against those computed by hand."""

    def answer(self, view, history, spine):
        judge = Judge(view, history)
        answers = [judge.answers(question.key, question.t) for question in spine]
        return {feature.name: [answer[feature.name].value for answer in answers] for feature in view.features}
