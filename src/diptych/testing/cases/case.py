"""What a named case is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from diptych.plan.nodes import View

Row = Mapping[str, Any]


class Question(NamedTuple):
    """One row of a spine: an entity key (its parts in order) and an instant in microseconds."""

    key: tuple[Any, ...]
    t: int


@dataclass(frozen=True, slots=True)
class Case:
    """A history and the answers that follow from the meaning of the features, not from any engine.

    ``answers`` has for each feature the values in the order of ``spine``: Decimals as units of the last digit,
    Timestamps as microseconds, lists as tuples, None for null. A value that overflows is None.
    """

    name: str
    view: View
    history: tuple[Row, ...]
    spine: tuple[Question, ...]
    answers: Mapping[str, tuple[Any, ...]]

    def __str__(self) -> str:
        return self.name


def asked(answers: Mapping[int, Any], key: tuple[Any, ...] = ("a",)) -> tuple[Question, ...]:
    """Questions about one entity at the instants that are the mapping's keys."""
    return tuple(Question(key, t) for t in answers)


def at_instants(
    name: str, view: View, history: Sequence[Row], answers: Mapping[int, Any], key: tuple[Any, ...] = ("a",)
) -> Case:
    """A case about one entity: instant to the answer of the view's only feature, or to a tuple of all of them."""
    names = [feature.name for feature in view.features]
    columns = [answers.values()] if len(names) == 1 else list(zip(*answers.values(), strict=True))
    by_name = {name: tuple(column) for name, column in zip(names, columns, strict=True)}
    return Case(name, view, tuple(history), asked(answers, key), by_name)
