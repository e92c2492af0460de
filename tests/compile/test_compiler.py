"""What the compiler refuses, and what it leaves out when less is asked."""

import pytest

from diptych.compile.sql import CannotCompile, compile_view
from diptych.compile.sql.dialects import PROVEN, REFUSED
from diptych.compile.sql.tree import column, divided, integer, minus, plus, times
from diptych.ground.values import Int64, String
from diptych.plan.nodes import Kind
from diptych.testing.build import LIFETIME, Building, source
from tests.compile.shapes import SHAPES

VIEW = SHAPES["extremes_and_lasts"].view


@pytest.mark.parametrize("dialect", REFUSED)
def test_a_dialect_that_was_never_run_is_refused(dialect: str) -> None:
    with pytest.raises(CannotCompile, match=r"is known but was never run in the suite; proven dialects: duckdb"):
        compile_view(VIEW, dialect)


def test_an_unknown_dialect_or_feature_is_refused() -> None:
    with pytest.raises(CannotCompile, match="is not known"):
        compile_view(VIEW, "klingon")
    with pytest.raises(CannotCompile, match="has no feature 'n'; it has: max_1d, first, last, recency"):
        compile_view(VIEW, features=["n"])


def test_the_table_of_reducers_has_no_empty_cell() -> None:
    for dialect in PROVEN.values():
        assert dialect.kinds == frozenset(Kind)


def test_names_that_differ_only_by_case_are_refused() -> None:
    over = source({"user": String(4), "User": Int64()})
    building = Building(over, {"user": String(4)})
    building.feature("n", building.reduce(Kind.COUNT, LIFETIME))
    with pytest.raises(CannotCompile, match="'user' and 'User' differ only by case"):
        compile_view(building.view())


def test_only_what_is_asked_for_is_computed() -> None:
    compiled = compile_view(VIEW, features=["first"])
    assert [feature.name for feature in compiled.features] == ["first"]
    assert compiled.columns == ("row_id", "first", "overflow")
    assert "until_24h" not in compiled.sql
    assert "max_x" not in compiled.sql


def test_names_are_quoted_whatever_they_hold() -> None:
    over = source({'us"er; --': String(4), "select": Int64()})
    building = Building(over, {"group by": String(4)}, on=['us"er; --'])
    building.feature("order", building.reduce(Kind.COUNT, LIFETIME))
    text = compile_view(building.view()).sql
    assert '"us""er; --"' in text
    assert '"key_group by"' in text


def test_arithmetic_keeps_its_parentheses() -> None:
    a, b, c = (column("t", name) for name in "abc")
    assert times(minus(a, b), minus(a, b), c).sql() == '("t"."a" - "t"."b") * ("t"."a" - "t"."b") * "t"."c"'
    assert minus(a, minus(b, c)).sql() == '"t"."a" - ("t"."b" - "t"."c")'
    assert divided(plus(a, b), times(a, b)).sql() == '("t"."a" + "t"."b") / ("t"."a" * "t"."b")'
    assert minus(a, integer(-1)).sql() == '"t"."a" - (-1)'
