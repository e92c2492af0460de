"""Every reducer has a place in every room: the table of reducers has no empty cell.

A room that evaluates, compiles or stores reducers exports ``REDUCERS``, keyed by Kind; it joins the table by being
there.
"""

import importlib
import importlib.util

import pytest

from diptych.declare import reduce
from diptych.plan.nodes import Kind
from diptych.reference.judge import LISTS, REDUCERS
from diptych.testing.cases import CASES
from diptych.testing.views import TAKES

ROOMS = ("diptych.kernel", "diptych.compile.sql", "diptych.compile.online")
"""Rooms that need a row for each reducer, when they are there."""

TABLE = {
    "judge": {*REDUCERS, *LISTS},
    "declarations": {Kind(kind) for kind in reduce.KINDS},
    "random views": set(TAKES),
    "named cases": {reduction.kind for case in CASES for reduction in case.view.reductions},
}


def _exists(room: str) -> bool:
    parent = room.rpartition(".")[0]
    return (parent == "diptych" or _exists(parent)) and importlib.util.find_spec(room) is not None


@pytest.mark.parametrize("column", TABLE)
def test_no_empty_cell(column: str) -> None:
    assert TABLE[column] == set(Kind)


def test_no_empty_cell_in_the_rooms() -> None:
    found = {room: set(importlib.import_module(room).REDUCERS) for room in ROOMS if _exists(room)}
    assert found == {room: set(Kind) for room in found}


def test_every_reducer_has_a_function_for_authors() -> None:
    assert all(callable(getattr(reduce, kind.value)) for kind in Kind)
