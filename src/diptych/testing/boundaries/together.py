"""Many cases asked at once: each in a world of its own, which is one more part of the entity's key.

An engine takes about as long for one small case as for a hundred, so the cases of a view are put to it together. A
difference that is found so is then looked at again with the case alone, on the view as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diptych.ground.values import Int64
from diptych.plan.nodes import Field, View
from diptych.testing.boundaries.case import BoundaryCase, Row
from diptych.testing.cases.case import Question

WORLD = "world"


@dataclass(frozen=True, slots=True)
class Together:
    """``view`` with the world in its key; ``places`` gives for each question of the spine (case, place in it)."""

    view: View
    history: tuple[Row, ...]
    spine: tuple[Question, ...]
    places: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, view: View, cases: Sequence[BoundaryCase]) -> "Together":
        """Put cases side by side."""
        name = WORLD
        taken = {field.name for field in view.source.columns} | {name for name, _ in view.source.derive}
        taken |= {field.name for field in view.entity.keys}
        while name in taken:
            name += "_"
        numbers = range(len(cases))
        return cls(
            view=_widened(view, name),
            history=tuple({**row, name: n} for n in numbers for row in cases[n].history),
            spine=tuple(Question((*q.key, n), q.t) for n in numbers for q in cases[n].questions),
            places=tuple((n, place) for n in numbers for place in range(len(cases[n].questions))),
        )


def _widened(view: View, name: str) -> View:
    world = Field(name, Int64(nullable=False))
    return replace(
        view,
        entity=replace(view.entity, keys=(*view.entity.keys, world)),
        source=replace(view.source, columns=(*view.source.columns, world)),
        on=(*view.on, name),
    )
