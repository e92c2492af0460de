"""Every operation of row expressions on DuckDB against the judge's reading of it."""

import math
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diptych.compile.sql import ROWS, compile_derived
from diptych.compile.sql.expressions import LOWERED
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import EARLIEST, LATEST
from diptych.ground.values import INT64_MAX, INT64_MIN, Bool, Float64, Int64, String, Timestamp, ValueType
from diptych.plan.nodes import Derived
from diptych.reference import evaluate
from diptych.run.columns import stored_type

WHOLE = st.none() | st.integers(INT64_MIN, INT64_MAX) | st.sampled_from([0, 1, -1, 2, 3, -3, INT64_MIN, INT64_MAX])
SMALL = st.none() | st.integers(-(2**31), 2**31)
FLOAT = st.none() | st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
TRUTH = st.none() | st.booleans()
TEXT = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
INSTANT = st.none() | st.integers(EARLIEST, LATEST) | st.sampled_from([EARLIEST, LATEST, 0, -1])
ROUNDED_BY_LIBRARY = {Op.LN, Op.EXP}

FEW = settings(max_examples=settings().max_examples // 4)
"""Examples of many rows each."""

SHAPES: dict[Op, tuple[tuple[ValueType, ...], ValueType, tuple[Any, ...]]] = {
    **{op: ((Int64(), Int64()), Int64(), (SMALL, SMALL)) for op in (Op.ADD, Op.SUB, Op.MUL)},
    Op.NEG: ((Int64(),), Int64(), (SMALL,)),
    Op.ABS: ((Int64(),), Int64(), (SMALL,)),
    Op.MOD: ((Int64(), Int64()), Int64(), (WHOLE, WHOLE)),
    Op.DIV: ((Float64(), Float64()), Float64(), (FLOAT, FLOAT)),
    **{op: ((Float64(),), Float64(), (FLOAT,)) for op in (Op.FLOOR, Op.CEIL, Op.SQRT, Op.LN, Op.EXP)},
    Op.TO_FLOAT: ((Int64(),), Float64(), (WHOLE,)),
    Op.CONCAT: ((String(50), String(50)), String(100), (TEXT, TEXT)),
    Op.STARTS_WITH: ((String(50), String(50)), Bool(), (TEXT, TEXT)),
    Op.SECONDS_BETWEEN: ((Timestamp(), Timestamp()), Float64(), (INSTANT, INSTANT)),
    Op.AND: ((Bool(), Bool(), Bool()), Bool(), (TRUTH, TRUTH, TRUTH)),
    Op.OR: ((Bool(), Bool(), Bool()), Bool(), (TRUTH, TRUTH, TRUTH)),
    Op.NOT: ((Bool(),), Bool(), (TRUTH,)),
    Op.COALESCE: ((Int64(), Int64(), Int64()), Int64(), (WHOLE, WHOLE, WHOLE)),
    Op.IN: ((Int64(), Int64(), Int64()), Bool(), (SMALL, SMALL, SMALL)),
    Op.CASE: ((Bool(), Int64(), Bool(), Int64(), Int64()), Int64(), (TRUTH, WHOLE, TRUTH, WHOLE, WHOLE)),
    Op.IS_NULL: ((String(50),), Bool(), (TEXT,)),
}
COMPARISONS = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)
COMPARED = ((Int64(), WHOLE), (Float64(), FLOAT), (Bool(), TRUTH), (String(50), TEXT), (Timestamp(), INSTANT))
CALENDAR = (Op.HOUR, Op.DAY_OF_WEEK, Op.DAY_OF_MONTH, Op.MONTH, Op.YEAR)


@cache
def session() -> duckdb.DuckDBPyConnection:
    """One session for all, which is not in UTC."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/New_York'; SET threads = 1")
    return connection


def run_all(expression: Expression, rows: list[dict[str, Any]], types: dict[str, ValueType]) -> list[Any]:
    """The values on DuckDB, of many rows at once."""
    assert expression.type is not None
    sql = compile_derived([Derived("answer", expression, expression.type)], {name: name for name in types})
    columns = {name: pa.array([row[name] for row in rows], stored_type(type_)) for name, type_ in types.items()}
    session().register(ROWS, pa.table({"row_id": list(range(len(rows))), **columns}))
    return [value for _, value in sorted(session().sql(sql).fetchall(), key=lambda row: row[0])]


def run(expression: Expression, row: dict[str, Any], types: dict[str, ValueType]) -> Any:
    """The value on DuckDB, of one row."""
    return run_all(expression, [row], types)[0]


def agrees(op: Op, types: tuple[ValueType, ...], result: ValueType, values: list[tuple[Any, ...]]) -> None:
    """With columns for all rows; for the first also with literals."""
    names = [f"c{i}" for i in range(len(types))]
    declared = dict(zip(names, types, strict=True))
    rows = [dict(zip(names, row, strict=True)) for row in values]
    columns = [Column(name, type_) for name, type_ in declared.items()]
    literals = [Literal(value, type_) for value, type_ in zip(values[0], types, strict=True)]
    for arguments, asked in ((columns, rows), (literals, rows[:1]), ([columns[0], *literals[1:]], rows[:1])):
        expression = Call(op, tuple(arguments), result)
        for row, got in zip(asked, run_all(expression, asked, declared), strict=True):
            same(op, got, evaluate(expression, row))


def same(op: Op, got: Any, expected: Any) -> None:
    if op in ROUNDED_BY_LIBRARY and isinstance(expected, float):
        assert got == expected or math.isclose(got, expected, rel_tol=1e-15)
        return
    assert got == expected
    assert type(got) is type(expected)
    assert not isinstance(got, float) or math.copysign(1, got) == math.copysign(1, expected)


def rows_of(values: st.SearchStrategy[tuple[Any, ...]]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    return st.lists(values, min_size=1, max_size=30)


def test_every_operation_is_lowered() -> None:
    assert frozenset(Op) == LOWERED


@pytest.mark.parametrize("op", SHAPES, ids=str)
@FEW
@given(data=st.data())
def test_operation_agrees_with_the_judge(op: Op, data: st.DataObject) -> None:
    types, result, values = SHAPES[op]
    agrees(op, types, result, data.draw(rows_of(st.tuples(*values))))


@pytest.mark.parametrize("type_and_values", COMPARED, ids=lambda pair: type(pair[0]).__name__)
@FEW
@given(data=st.data())
def test_comparison_agrees_with_the_judge(type_and_values: tuple[ValueType, Any], data: st.DataObject) -> None:
    type_, values = type_and_values
    pairs = data.draw(rows_of(st.tuples(values, values) | values.map(lambda value: (value, value))))
    for op in COMPARISONS:
        agrees(op, (type_, type_), Bool(), pairs)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", "Europe/Berlin"])
@FEW
@given(drawn=st.lists(st.integers(0, 4_000_000_000_000_000), max_size=50))
def test_calendar_reads_the_clock_of_its_zone(zone: str, drawn: list[int]) -> None:
    changes = [1_362_898_800_000_000, 1_383_458_400_000_000, 951_782_400_000_000, 1_711_846_800_000_000]
    instants = [*drawn, *changes, *(change - 1 for change in changes)]
    for op in CALENDAR:
        expression = Call(op, (Column("c0", Timestamp()), Literal(zone, String(32))), Int64())
        rows = [{"c0": instant} for instant in instants]
        assert run_all(expression, rows, {"c0": Timestamp()}) == [evaluate(expression, row) for row in rows]


@pytest.mark.parametrize("instant", [EARLIEST, EARLIEST + 1, -1, 0, LATEST])
def test_calendar_at_the_ends_of_time_in_utc(instant: int) -> None:
    for op in CALENDAR:
        expression = Call(op, (Column("c0", Timestamp()), Literal("UTC", String(32))), Int64())
        assert run(expression, {"c0": instant}, {"c0": Timestamp()}) == evaluate(expression, {"c0": instant})


@pytest.mark.parametrize("places", [-18, -2, 0, 1, 2, 18])
@FEW
@given(x=st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0))
def test_shift_and_finite(places: int, x: float) -> None:
    shifted = Call(Op.SHIFT, (Column("c0", Float64()), Literal(places, Int64())), Float64())
    expression = Call(Op.FINITE, (shifted,), Float64())
    assert run(expression, {"c0": x}, {"c0": Float64()}) == evaluate(expression, {"c0": x})


@FEW
@given(x=st.none() | st.integers(-(10**9), 10**9), places=st.integers(1, 9))
def test_rescale(x: int | None, places: int) -> None:
    expression = Call(Op.RESCALE, (Column("c0", Int64()), Literal(places, Int64())), Int64())
    assert run(expression, {"c0": x}, {"c0": Int64()}) == evaluate(expression, {"c0": x})


@pytest.mark.parametrize(
    ("value", "expected"), [(math.inf, None), (-math.inf, None), (math.nan, None), (1.5, 1.5), (-0.0, 0.0)]
)
def test_finite_is_null_for_what_is_not_a_number(value: float, expected: float | None) -> None:
    got = run(Call(Op.FINITE, (Column("c0", Float64()),), Float64()), {"c0": value}, {"c0": Float64()})
    assert got == expected
    assert expected is None or math.copysign(1, got) == 1.0


@FEW
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))
@example(text="it's")
@example(text="\\n'\"--/* */")
@example(text="\n\t\\")
def test_text_literals_arrive_as_they_are(text: str) -> None:
    expression = Call(Op.CONCAT, (Literal(text, String(50)), Column("c0", String(50))), String(100))
    assert run(expression, {"c0": "!"}, {"c0": String(50)}) == text + "!"


def test_whole_literals_do_not_overflow_in_a_smaller_type() -> None:
    two_billion = Literal(2_000_000_000, Int64())
    expression = Call(Op.ADD, (two_billion, two_billion), Int64())
    assert run(expression, {}, {}) == 4_000_000_000
