"""Interval arithmetic is sound: whatever loads never leaves int64 and never holds an infinity unmarked."""

import decimal
import math
import operator
from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from diptych.declare.expression import parse
from diptych.declare.functions import BadExpression
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.values import INT64_MAX, INT64_MIN, Decimal, Float64, Int64, Timestamp
from diptych.plan.ranges import Interval, bound, declared
from diptych.plan.typed import Scope, type_expression

NAMES = ("a", "b", "c")
EDGES = [INT64_MIN, INT64_MIN + 1, -(2**31), -3, -1, 0, 1, 2, 7, 2**31, 2**62, INT64_MAX]
whole_numbers = st.one_of(st.sampled_from(EDGES), st.integers(-1000, 1000), st.integers(INT64_MIN, INT64_MAX))


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> str:
    """Texts of whole-number expressions over a, b and c."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from([*NAMES, "0", "1", "7", "100", "3000000000"]))
    x, y = draw(trees(depth - 1)), draw(trees(depth - 1))
    compared = draw(st.sampled_from(["<", "<=", ">", ">=", "=", "<>"]))
    return draw(
        st.sampled_from(
            [
                f"({x} + {y})",
                f"({x} - {y})",
                f"({x} * {y})",
                f"({x} % {y})",
                f"(-({x}))",
                f"abs({x})",
                f"least({x}, {y})",
                f"greatest({x}, {y}, 5)",
                f"coalesce({x}, {y})",
                f"nullif({x}, {y})",
                f"case when {x} {compared} {y} then {y} when {y} between -9 and 9 then {x} else {x} end",
                f"case when {x} {compared} 50 then {x} else {x} - 1 end",
            ]
        )
    )


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, tuple[int, int]]:
    pairs = {name: sorted((draw(whole_numbers), draw(whole_numbers))) for name in NAMES}
    return {name: (low, high) for name, (low, high) in pairs.items()}


_COMPARE = {
    Op.LT: operator.lt, Op.LE: operator.le, Op.GT: operator.gt, Op.GE: operator.ge, Op.EQ: operator.eq,
    Op.NE: operator.ne,
}  # fmt: skip
_COMPUTE = {Op.ADD: operator.add, Op.SUB: operator.sub, Op.MUL: operator.mul}


def evaluated(tree: Expression, row: Mapping[str, int | None]) -> int | bool | None:
    """The value in unbounded integers; every step that is a number must fit into 64 bits."""
    value = _evaluated(tree, row)
    if isinstance(value, int) and not isinstance(value, bool):
        assert INT64_MIN <= value <= INT64_MAX, f"{value} of {tree}"
    return value


def _evaluated(tree: Expression, row: Mapping[str, int | None]) -> int | bool | None:
    if isinstance(tree, Column):
        return row[tree.name]
    if isinstance(tree, Literal):
        assert tree.value is None or isinstance(tree.value, int)
        return tree.value
    if tree.op is Op.CASE:
        for condition, value in zip(tree.args[:-1:2], tree.args[1:-1:2], strict=True):
            if evaluated(condition, row) is True:
                return evaluated(value, row)
        return evaluated(tree.args[-1], row)
    if tree.op is Op.COALESCE:
        return next((value for argument in tree.args if (value := evaluated(argument, row)) is not None), None)
    values = [evaluated(argument, row) for argument in tree.args]
    if tree.op is Op.AND:
        return False if False in values else None if None in values else True
    if None in values:
        return None
    return _computed(tree.op, [int(value) for value in values if value is not None])


def _computed(op: Op, values: list[int]) -> int | bool | None:
    if op is Op.NEG:
        return -values[0]
    if op is Op.ABS:
        return abs(values[0])
    x, y = values
    if op is Op.MOD:
        return None if y == 0 else int(math.copysign(1, x)) * (abs(x) % abs(y))
    return _COMPARE[op](x, y) if op in _COMPARE else _COMPUTE[op](x, y)


@given(trees(), ranges(), st.data())
@example("(-(a))", {"a": (INT64_MIN, 0), "b": (0, 0), "c": (0, 0)}, None)
@example("abs(a)", {"a": (INT64_MIN, 0), "b": (0, 0), "c": (0, 0)}, None)
def test_what_loads_never_leaves_64_bits(
    text: str, given_ranges: dict[str, tuple[int, int]], data: st.DataObject | None
) -> None:
    scope = Scope(dict.fromkeys(NAMES, Int64()), "column")
    intervals = {name: Interval(low, high, whole=True) for name, (low, high) in given_ranges.items()}
    tree = type_expression(parse(text), scope)
    try:
        bounded, interval = bound(tree, intervals)
    except BadExpression:
        return
    assert data is not None, "this example must not load"
    assert interval is not None
    for _ in range(3):
        row = {}
        for name, (low, high) in given_ranges.items():
            edges = st.sampled_from([low, high, min(low + 1, high), max(high - 1, low), min(max(0, low), high)])
            row[name] = data.draw(st.one_of(st.none(), edges, st.integers(low, high)))
        value = evaluated(bounded, row)
        assert value is None or interval.low <= value <= interval.high


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("least(a, 100)", (INT64_MIN, 100)),
        ("greatest(a, 0)", (0, INT64_MAX)),
        ("least(greatest(a, -200), 2000)", (-200, 2000)),
        ("case when a between 0 and 9 then a else 0 end", (0, 9)),
        ("case when a > 100 then 100 else a end", (INT64_MIN, 100)),
        ("case when a >= 0 then a % 10 end", (0, 9)),
        ("mod(a, 7)", (-6, 6)),
        ("hour(t, 'UTC')", (0, 23)),
        ("abs(mod(a, 7)) * 2", (0, 12)),
    ],
)
def test_ranges_follow_what_a_case_says(text: str, expected: tuple[int, int]) -> None:
    types = {"a": Int64(), "t": Timestamp()}
    tree = type_expression(parse(text), Scope(types, "column"))
    interval = bound(tree, {name: declared(type_) for name, type_ in types.items()})[1]
    assert interval is not None
    assert (interval.low, interval.high) == expected


FLOATS = [
    "x + y",
    "x * y",
    "x / y",
    "x - y",
    "x / 0.5",
    "sqrt(x)",
    "floor(x) + y",
]
finite = st.floats(allow_nan=False, allow_infinity=False)


def marked(tree: Expression) -> bool:
    return isinstance(tree, Call) and (tree.op is Op.FINITE or any(marked(argument) for argument in tree.args))


@given(st.sampled_from(FLOATS), finite, finite, finite, finite, st.data())
def test_a_float_without_a_mark_is_finite(
    text: str, p: float, q: float, r: float, s: float, data: st.DataObject
) -> None:
    spans = {"x": (min(p, q), max(p, q)), "y": (min(r, s), max(r, s))}
    types = {"x": Float64(), "y": Float64()}
    intervals = {name: Interval(low, high) for name, (low, high) in spans.items()}
    bounded, interval = bound(type_expression(parse(text), Scope(types, "column")), intervals)
    assume(not marked(bounded))
    assert interval is not None
    x = data.draw(st.floats(*spans["x"]))
    y = data.draw(st.floats(*spans["y"]))
    exact: dict[str, object] = {
        "x + y": x + y, "x * y": x * y, "x / y": x / y if y else None, "x - y": x - y, "x / 0.5": x / 0.5,
        "sqrt(x)": math.sqrt(x) if x >= 0 else None, "floor(x) + y": float(math.floor(x)) + y,
    }  # fmt: skip
    value = exact.get(text)
    assert value is None or (isinstance(value, float) and interval.low <= value <= interval.high)


@pytest.mark.parametrize(
    ("text", "is_marked"),
    [
        ("x * 2", True),
        ("h * 2", False),
        ("x / h", True),
        ("h / n", False),
        ("h / 24", False),
        ("cast(n as double) / m", False),
        ("exp(h)", False),
        ("exp(x)", True),
        ("ln(x)", False),
        ("seconds_between(t, t)", False),
    ],
)
def test_marks_stand_only_where_ranges_do_not_exclude_an_infinity(text: str, is_marked: bool) -> None:
    types = {"x": Float64(), "h": Float64(ge=0.0, le=24.0), "n": Int64(), "m": Int64(), "t": Timestamp()}
    tree = type_expression(parse(text), Scope(types, "column", approximate=True))
    assert marked(bound(tree, {name: declared(type_) for name, type_ in types.items()})[0]) is is_marked


def test_a_range_of_decimals_is_of_unscaled_integers_within() -> None:
    interval = declared(Decimal(1, ge=decimal.Decimal("0.25"), le=decimal.Decimal("0.99")))
    assert interval == Interval(3, 9, whole=True)
    assert Fraction(interval.low, 10) >= Fraction(1, 4)
