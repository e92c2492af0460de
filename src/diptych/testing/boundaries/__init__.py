"""Boundary cases of any resolved view, generated from what its features mean."""

from diptych.testing.boundaries.case import Boundaries, BoundaryCase, Gap, Rule
from diptych.testing.boundaries.coverage import Covered, coverage
from diptych.testing.boundaries.exam import Exam, Failure, Outcome
from diptych.testing.boundaries.generate import boundaries, cases, gaps

__all__ = [
    "Boundaries",
    "BoundaryCase",
    "Covered",
    "Exam",
    "Failure",
    "Gap",
    "Outcome",
    "Rule",
    "boundaries",
    "cases",
    "coverage",
    "gaps",
]
