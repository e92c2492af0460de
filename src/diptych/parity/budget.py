"""How much a run searches and asks: the suite's own numbers, made less or more by the profile."""

import math
from dataclasses import dataclass

FACTORS = {"quick": 0.2, "default": 1.0, "long": 20.0}
"""By profile, what examples, questions and seconds are multiplied with."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The amounts of one suite under one profile."""

    factor: float

    @classmethod
    def of(cls, profile: str) -> "Budget":
        """The budget of a profile, one of ``FACTORS``."""
        return cls(FACTORS[profile])

    def count(self, declared: int) -> int:
        """How many of something, at least one."""
        return max(1, math.ceil(declared * self.factor))

    def seconds(self, declared: float) -> float:
        """How long something may take."""
        return declared * self.factor

    def questions(self, declared: int, width: int, values: int | None) -> int:
        """Questions for each view, of ``width`` features in all views together, so that ``values`` are not passed."""
        wanted = self.count(declared)
        if values is None or not width:
            return wanted
        return max(1, min(wanted, values // width))
