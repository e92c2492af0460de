"""Every operation of row expressions, by hand, with nulls and edges."""

import datetime as dt
import math
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.ground.expression import Column, Op
from diptych.ground.instants import DAY, EARLIEST, LATEST, instant
from diptych.reference import evaluate
from tests.reference.views import call, literal

ROWS = [
    (Op.ADD, (2, 3), 5),
    (Op.SUB, (2, 3), -1),
    (Op.MUL, (2.5, -2.0), -5.0),
    (Op.NEG, (3,), -3),
    (Op.ABS, (-3.5,), 3.5),
    (Op.MOD, (7, 3), 1),
    (Op.MOD, (-7, 3), -1),
    (Op.MOD, (7, -3), 1),
    (Op.MOD, (-(2**63), -1), 0),
    (Op.MOD, (7, 0), None),
    (Op.DIV, (1.0, 4.0), 0.25),
    (Op.DIV, (1.0, 0.0), None),
    (Op.DIV, (0.0, 0.0), None),
    (Op.FLOOR, (-1.5,), -2.0),
    (Op.CEIL, (-1.5,), -1.0),
    (Op.CEIL, (-0.5,), 0.0),
    (Op.FLOOR, (1e300,), 1e300),
    (Op.SQRT, (2.25,), 1.5),
    (Op.SQRT, (-1.0,), None),
    (Op.LN, (1.0,), 0.0),
    (Op.LN, (0.0,), None),
    (Op.LN, (-1.0,), None),
    (Op.EXP, (0.0,), 1.0),
    (Op.EXP, (1000.0,), math.inf),
    (Op.FINITE, (math.inf,), None),
    (Op.FINITE, (math.nan,), None),
    (Op.FINITE, (1.0,), 1.0),
    (Op.TO_FLOAT, (2**53 + 1,), 2.0**53),
    (Op.SHIFT, (7.0, 2), 0.07),
    (Op.SHIFT, (7.0, -2), 700.0),
    (Op.RESCALE, (-7, 3), -7000),
    (Op.EQ, ("a", "a"), True),
    (Op.NE, (1, 2), True),
    (Op.LT, ("\uff5e", "\U0001f600"), True),
    (Op.LE, (False, True), True),
    (Op.GT, ("é", "z"), True),
    (Op.GE, (1.0, 1.0), True),
    (Op.IN, (1, 2, 1), True),
    (Op.IN, (3, 2, 1), False),
    (Op.IN, (3, 2, None), None),
    (Op.IN, (2, 2, None), True),
    (Op.IN, (None, 2, None), None),
    (Op.AND, (False, None), False),
    (Op.AND, (True, None), None),
    (Op.AND, (True, True), True),
    (Op.OR, (True, None), True),
    (Op.OR, (False, None), None),
    (Op.OR, (False, False), False),
    (Op.NOT, (True,), False),
    (Op.IS_NULL, (None,), True),
    (Op.IS_NULL, (0,), False),
    (Op.COALESCE, (None, 2, 3), 2),
    (Op.COALESCE, (None, None), None),
    (Op.CASE, (None, 1, True, 2, 3), 2),
    (Op.CASE, (False, 1, None, 2, 3), 3),
    (Op.CASE, (True, None, 3), None),
    (Op.CONCAT, ("é", ""), "é"),
    (Op.STARTS_WITH, ("éa", "é"), True),
    (Op.STARTS_WITH, ("", "a"), False),
    (Op.SECONDS_BETWEEN, (-1, 500_000), 0.500001),
    (Op.SECONDS_BETWEEN, (5, 4), -1e-06),
    (Op.HOUR, (-1, "UTC"), 23),
    (Op.HOUR, (0, "America/New_York"), 19),
    (Op.DAY_OF_WEEK, (0, "UTC"), 4),
    (Op.DAY_OF_WEEK, (3 * DAY, "UTC"), 7),
    (Op.DAY_OF_MONTH, (-1, "UTC"), 31),
    (Op.MONTH, (31 * DAY, "UTC"), 2),
    (Op.YEAR, (-1, "UTC"), 1969),
    (Op.YEAR, (EARLIEST, "UTC"), 1),
    (Op.YEAR, (EARLIEST, "America/New_York"), 0),
    (Op.YEAR, (LATEST, "UTC"), 9999),
    (Op.YEAR, (LATEST, "Asia/Kolkata"), 10_000),
    (Op.DAY_OF_WEEK, (LATEST, "UTC"), 5),
]
NULLABLE = (Op.AND, Op.OR, Op.IN, Op.IS_NULL, Op.COALESCE, Op.CASE)


@pytest.mark.parametrize(("op", "args", "answer"), ROWS, ids=lambda value: str(value))
def test_operation(op, args, answer):
    found = evaluate(call(op, *(literal(arg) for arg in args)), {})
    assert found == answer
    assert type(found) is type(answer)
    assert not (isinstance(found, float) and math.copysign(1, found) < 0 and found == 0)


def test_every_operation_is_in_the_table():
    assert {op for op, _, _ in ROWS} == set(Op)


@pytest.mark.parametrize(("op", "args", "answer"), ROWS, ids=lambda value: str(value))
def test_a_null_argument_gives_null(op, args, answer):
    if op in NULLABLE:
        return
    for place in range(len(args)):
        with_null = [literal(None if i == place else arg) for i, arg in enumerate(args)]
        assert evaluate(call(op, *with_null), {}) is None


def test_columns_are_read_by_name():
    assert evaluate(call(Op.ADD, Column("a"), Column("b")), {"a": 1, "b": 2}) == 3
    assert evaluate(Column("a"), {"a": None}) is None


def test_a_zero_is_never_negative():
    assert math.copysign(1, evaluate(call(Op.MUL, literal(-1.0), literal(0.0)), {})) == 1


@pytest.mark.parametrize(
    ("utc", "hour"),
    [
        ((2024, 3, 10, 6, 59, 59), 1),
        ((2024, 3, 10, 7, 0, 0), 3),
        ((2024, 11, 3, 5, 0, 0), 1),
        ((2024, 11, 3, 6, 0, 0), 1),
        ((2024, 11, 3, 7, 0, 0), 2),
    ],
)
def test_the_clock_of_new_york_jumps(utc, hour):
    at = instant(dt.datetime(*utc))
    assert evaluate(call(Op.HOUR, literal(at), literal("America/New_York")), {}) == hour


@given(st.integers(EARLIEST + 2 * DAY, LATEST - 2 * DAY), st.sampled_from(("UTC", "America/New_York", "Asia/Kolkata")))
def test_calendar_agrees_with_python_where_python_can(at, zone):
    local = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=at)).astimezone(zoneinfo.ZoneInfo(zone))
    asked = {op: evaluate(call(op, literal(at), literal(zone)), {}) for op in (Op.YEAR, Op.MONTH, Op.DAY_OF_MONTH)}
    assert asked == {Op.YEAR: local.year, Op.MONTH: local.month, Op.DAY_OF_MONTH: local.day}
    assert evaluate(call(Op.DAY_OF_WEEK, literal(at), literal(zone)), {}) == local.isoweekday()
    assert evaluate(call(Op.HOUR, literal(at), literal(zone)), {}) == local.hour
