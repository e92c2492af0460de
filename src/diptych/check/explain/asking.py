"""What an explanation asks every side: the feature, and each reduction behind it as a feature of its own."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diptych.check.compare import differing
from diptych.check.explain.explanation import Side
from diptych.check.explain.fates import Row
from diptych.check.explain.wording import shown
from diptych.compile.online.program import result_type
from diptych.ground.expression import Column, columns_of
from diptych.ground.values import Float64, ListOf
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, View
from diptych.reference import TOLERANCE, Answer


@dataclass(frozen=True, slots=True)
class History:
    """The raw rows of one entity, as the judge takes them.

    ``since`` None: all of them; else at least all of ``ts >= since`` that can matter, and ``older`` and ``newer`` count
    those that were left out. ``notes`` are for the reader.
    """

    rows: Sequence[Row]
    since: int | None = None
    older: int = 0
    newer: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """What one side answers to the features of ``bare``, by name; ``missing`` says why it does not."""

    values: Mapping[str, Any]
    status: str | None = None
    missing: str = ""

    def side(self, feature: Feature, law: Answer) -> Side:
        """The side's answer to a feature, held against the answer by law."""
        if feature.name not in self.values:
            return Side(missing=self.missing)
        value = self.values[feature.name]
        return Side(value=value, status=self.status, agrees=agree(feature, law, value))


def bare(view: View, name: str) -> View:
    """The view with one feature, and every reduction that it reads as a feature of its own: ``{name}__r0``."""
    feature = next(feature for feature in view.features if feature.name == name)
    return replace(view, features=(feature, *(alone(view, name, index) for index in reads(feature))))


def reads(feature: Feature) -> tuple[int, ...]:
    """Indices of the reductions that a feature's finish reads."""
    return tuple(sorted({int(name[1:]) for name in columns_of(feature.finish) if name != REQUEST_TIME}))


def alone(view: View, name: str, index: int) -> Feature:
    """A reduction as a feature."""
    type_ = result_type(view, index)
    kind = view.reductions[index].kind
    is_rounded = isinstance(type_, Float64) and kind in (Kind.SUM, Kind.MOMENTS)
    finish = Column(f"r{index}", None if isinstance(type_, ListOf) else type_)
    return Feature(f"{name}__r{index}", type_, finish, tolerance=TOLERANCE if is_rounded else 0.0)


def agree(feature: Feature, law: Answer, value: Any) -> bool:
    """Whether a value is the answer by law, within the tolerance that the feature's meaning allows."""
    return near(feature, shown(law.value, feature.type), value, allowed(feature, law))


def allowed(feature: Feature, law: Answer) -> float | None:
    """How far an honest engine may be from the answer by law; None: anything goes."""
    if not feature.tolerance:
        return 0.0
    error = feature.tolerance * law.magnitude
    return error if math.isfinite(error) else None


def near(feature: Feature, by_law: Any, value: Any, error: float | None) -> bool:
    """Whether two values, as users have them, are equal up to an error that is allowed."""
    magnitude = None
    if feature.tolerance:
        magnitude = np.array([math.inf if error is None else error / feature.tolerance])
    return not differing(feature, [by_law], [value], magnitude)[0]
