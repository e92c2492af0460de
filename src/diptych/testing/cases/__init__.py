"""The named cases of the conformance suite: view, history, questions, and answers computed by hand."""

from diptych.testing.cases.amounts import NUMBERS
from diptych.testing.cases.case import Case, Question
from diptych.testing.cases.identity import IDENTITY
from diptych.testing.cases.times import TIMES

CASES: tuple[Case, ...] = (*TIMES, *IDENTITY, *NUMBERS)

__all__ = ["CASES", "Case", "Question"]
