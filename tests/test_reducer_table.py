"""Every reducer has a place in every room: the table of reducers has no empty cell.

Rooms that keep a table show it; rooms that decide case by case are made to lower each reducer over each type that it
takes, so that a cell is not only there but works.
"""

import pytest

from diptych.compile.online import Program
from diptych.compile.sql import compile_view
from diptych.declare import reduce
from diptych.ground.instants import HOUR, MINUTE
from diptych.ground.values import String
from diptych.plan.nodes import Kind, View, Window
from diptych.reference.judge import LISTS, REDUCERS
from diptych.testing.build import LIFETIME, Building, column, source
from diptych.testing.cases import CASES
from diptych.testing.views import COLUMNS, TAKES

TABLE = {
    "judge": {*REDUCERS, *LISTS},
    "declarations": {Kind(kind) for kind in reduce.KINDS},
    "random views": set(TAKES),
    "named cases": {reduction.kind for case in CASES for reduction in case.view.reductions},
}
ROOMS = {"kernel and layout": Program.of, "sql": compile_view}
WINDOWS = (LIFETIME, Window(HOUR), Window(HOUR, MINUTE))
BOUNDED = ("j", "k", "p", "f", "g")
"""The columns over which a variance is defined: floats, and whole numbers within 2^53."""


def view_of(kind: Kind, name: str) -> View:
    """A view with one reducer over one column, in each kind of window."""
    building = Building(source({"user": String(8), name: COLUMNS[name]}), {"user": String(8)})
    for number, window in enumerate(WINDOWS):
        x = column(building.source, name)
        building.feature(f"f{number}", building.reduce(kind, window, x, n=2 if kind is Kind.LATEST else 0))
    return building.view()


@pytest.mark.parametrize("room", TABLE)
def test_no_empty_cell(room: str) -> None:
    assert TABLE[room] == set(Kind)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("room", ROOMS)
def test_the_room_lowers_the_reducer_over_every_type_that_it_takes(room: str, kind: Kind) -> None:
    names = [name for name, type_ in COLUMNS.items() if isinstance(type_, TAKES[kind])]
    for name in BOUNDED if kind is Kind.MOMENTS else names:
        assert ROOMS[room](view_of(kind, name)) is not None


def test_every_reducer_has_a_function_for_authors() -> None:
    assert all(callable(getattr(reduce, kind.value)) for kind in Kind)
