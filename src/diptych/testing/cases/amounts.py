"""Cases about values: nulls, edges of every type, exactness, ties by value, overflow, defaults."""

import math
from collections.abc import Sequence
from decimal import Decimal as Number
from typing import Any

from diptych.ground.expression import Literal, Op
from diptych.ground.values import (
    INT64_MAX,
    INT64_MIN,
    Bool,
    Decimal,
    Enum,
    Float64,
    Int64,
    String,
    Timestamp,
    ValueType,
)
from diptych.plan.nodes import Kind, View, Window
from diptych.testing.build import LIFETIME, Building, call, column, mean, rate, source, std, var
from diptych.testing.cases.case import Case, Row, at_instants
from diptych.testing.cases.times import USER

EDGES = (Kind.MIN, Kind.MAX, Kind.FIRST, Kind.LAST, Kind.COUNT, Kind.DISTINCT)
ENDS = (Kind.FIRST, Kind.LAST, Kind.COUNT, Kind.DISTINCT)


def over(type_: ValueType) -> Building:
    """A building over a source with one column ``x`` of the type."""
    return Building(source({"user": String(8), "x": type_}), USER)


def of(type_: ValueType, *kinds: Kind, window: Window = LIFETIME, n: int = 0) -> View:
    """One feature for each reducer over ``x`` of the type."""
    building = over(type_)
    for kind in kinds:
        size = n if kind is Kind.LATEST else 0
        building.feature(kind.value, building.reduce(kind, window, column(building.source, "x"), n=size))
    return building.view()


def values(*xs: Any) -> list[Row]:
    """Events of the user ``a`` at 0, 1, 2, ..."""
    return [{"user": "a", "at": at, "x": x} for at, x in enumerate(xs)]


def after(name: str, view: View, history: Sequence[Row], answer: Any) -> Case:
    """A case with one question, after all events."""
    return at_instants(name, view, history, {1_000: answer})


def _means() -> Case:
    building = over(Decimal(2))
    x = column(building.source, "x")
    building.feature("mean", mean(building, x, LIFETIME)).feature("var", var(building, x, LIFETIME))
    building.feature("std", std(building, x, LIFETIME))
    history = values(Number("0.10"), None, Number("0.20"), Number("0.40"))
    # float(70) / float(3), then / 100: not the same float as 0.7 / 3
    squares = ((10 - 70 / 3) ** 2 + (20 - 70 / 3) ** 2 + (40 - 70 / 3) ** 2) / 2
    answer = ((70.0 / 3.0) / 100.0, squares / 10_000, math.sqrt(squares) / 100)
    return after("mean, variance and deviation of decimals", building.view(), history, answer)


def _rates() -> Case:
    building = over(Int64())
    late = call(Op.GT, column(building.source, "x"), Literal(15, Int64()), type_=Bool())
    building.feature("rate", rate(building, late, Window(100)))
    building.feature("defaulted", rate(building, late, Window(100)), default=-1.0)
    answers = {0: (None, -1.0), 1: (0.0, 0.0), 3: (1 / 3, 1 / 3), 103: (None, -1.0)}
    return at_instants("a rate, its null condition, and a default", building.view(), values(15, 16, None), answers)


def _moments() -> Case:
    building = over(Int64(ge=-(2**53), le=2**53))
    x = column(building.source, "x")
    building.feature("var", var(building, x, LIFETIME)).feature("std", std(building, x, LIFETIME, None), default=0.0)
    answers = {0: (None, 0.0), 1: (None, 0.0), 2: (2.0, math.sqrt(2.0)), 3: (4.0, 2.0)}
    history = values(2**53 - 4, 2**53 - 2, 2**53)
    return at_instants("sample deviation of none, one, two and three large values", building.view(), history, answers)


def _where() -> Case:
    building = over(Int64())
    x = column(building.source, "x")
    negative = call(Op.LT, x, Literal(0, Int64()), type_=Bool())
    unknown = call(Op.IS_NULL, x, type_=Bool())
    either = call(Op.OR, negative, unknown, type_=Bool())
    building.feature("negative", building.reduce(Kind.COUNT, LIFETIME, None, negative))
    building.feature("not", building.reduce(Kind.COUNT, LIFETIME, None, call(Op.NOT, negative, type_=Bool())))
    building.feature("either", building.reduce(Kind.COUNT, LIFETIME, None, either))
    building.feature("sum", building.reduce(Kind.SUM, LIFETIME, x, either))
    return after("a null where is false", building.view(), values(-1, 0, None, 5, -7), (2, 2, 3, -8))


def _overflow() -> Case:
    building = over(Int64())
    for length in (2, 3):
        building.feature(f"sum_{length}", building.reduce(Kind.SUM, Window(length), column(building.source, "x")))
    history = values(5, -5, INT64_MAX, 1, -1, INT64_MAX)
    answers = {
        2: (0, 0),
        3: (INT64_MAX - 5, INT64_MAX),
        4: (None, INT64_MAX - 4),
        5: (0, INT64_MAX),
        6: (INT64_MAX - 1, INT64_MAX),
        7: (INT64_MAX, INT64_MAX - 1),
    }
    return at_instants("overflow is judged on the window's own value", building.view(), history, answers)


def _ordered() -> Case:
    texts = ("b", "B", "\uff5e", "\U0001f600", "é", "ab", "")
    history = [{"user": "a", "at": 0, "x": text} for text in texts]
    # by bytes; UTF-16 would put the emoji before the fullwidth tilde
    answer = ("", "\U0001f600", ("é", "\uff5e", "\U0001f600"), 7)
    view = of(String(4), Kind.FIRST, Kind.LAST, Kind.LATEST, Kind.DISTINCT, n=3)
    return after("text is ordered by its UTF-8 bytes", view, history, answer)


def _timestamps() -> Case:
    view = of(Timestamp(), Kind.MIN, Kind.MAX, Kind.FIRST, Kind.LAST, Kind.COUNT, Kind.DISTINCT, Kind.LATEST, n=2)
    return after("timestamps as values", view, values(5, -7, None, 0), (-7, 5, 5, 0, 3, 3, (-7, 0)))


def _defaults() -> Case:
    building = over(Int64())
    x = column(building.source, "x")
    building.feature("max", building.reduce(Kind.MAX, Window(5), x), default=-1)
    building.feature("sum", building.reduce(Kind.SUM, Window(5), x), default=-1)
    answers = {0: (-1, 0), 1: (3, 3), 2: (3, 3), 6: (-1, 0)}
    return at_instants("a default replaces null, not zero", building.view(), values(3, None), answers)


_NAN, _INF = math.nan, math.inf
_FULL = Number("9.223372036854775807")

NUMBERS: tuple[Case, ...] = (
    _means(),
    _rates(),
    _moments(),
    _where(),
    _overflow(),
    _ordered(),
    _timestamps(),
    _defaults(),
    after(
        "nan is null, negative zero is zero, infinity is refused",
        of(Float64(), *EDGES, Kind.SUM),
        values(_NAN, -0.0, 0.0, _INF, 1.5, -_INF),
        (0.0, 1.5, 0.0, 1.5, 3, 2, 1.5),
    ),
    after("a lone negative zero", of(Float64(), Kind.MIN, Kind.LAST, Kind.SUM), values(-0.0), (0.0, 0.0, 0.0)),
    after("nothing but nan", of(Float64(), *EDGES, Kind.SUM), values(_NAN, _NAN), (None, None, None, None, 0, 0, 0.0)),
    after(
        "the edges of int64",
        of(Int64(), *EDGES),
        values(INT64_MIN, INT64_MAX, 0, -1),
        (INT64_MIN, INT64_MAX, INT64_MIN, -1, 4, 4),
    ),
    after(
        "the edges of float64",
        of(Float64(), *EDGES),
        values(1.7976931348623157e308, 5e-324, -1.7976931348623157e308),
        (-1.7976931348623157e308, 1.7976931348623157e308, 1.7976931348623157e308, -1.7976931348623157e308, 3, 3),
    ),
    after(
        "decimals at full scale, and one unit beyond",
        of(Decimal(18), *EDGES, Kind.SUM),
        values(_FULL, -_FULL - Number("1e-18"), Number("1e-18"), _FULL + Number("1e-18")),
        (INT64_MIN, INT64_MAX, INT64_MAX, 1, 3, 3, 0),
    ),
    after(
        "decimals without a fraction",
        of(Decimal(0), *EDGES, Kind.SUM),
        values(Number(7), Number(-7), Number(7)),
        (-7, 7, 7, 7, 3, 2, 7),
    ),
    after(
        "values outside a range refuse the row, its edges do not",
        of(Int64(ge=-2, le=2), Kind.SUM, Kind.COUNT),
        values(-3, -2, 2, 3, 2),
        (2, 3),
    ),
    after(
        "floats and decimals outside a range",
        of(Decimal(1, ge=Number("-0.5"), le=Number("0.5")), Kind.SUM, Kind.COUNT),
        values(Number("0.5"), Number("0.6"), Number("-0.5"), Number("-0.6"), Number("0.1")),
        (1, 3),
    ),
    after(
        "a null where none may be",
        of(Int64(nullable=False), Kind.SUM, Kind.COUNT),
        values(1, None, 2),
        (3, 2),
    ),
    after(
        "empty, longest, too long and non-ASCII text, and NUL",
        of(String(4), *ENDS, Kind.LATEST, n=9),
        values("", "abcd", "éé", "ééa", "\U0001f600", "abcde", "a\0", None),
        ("", "\U0001f600", 4, 4, ("", "abcd", "éé", "\U0001f600")),
    ),
    after(
        "text outside the vocabulary",
        of(Enum("x", "né", "z"), *ENDS),
        values("né", "y", "z", "", "x", "n"),
        ("né", "x", 3, 3),
    ),
    after(
        "false before true at one instant",
        of(Bool(), *ENDS, Kind.LATEST, n=2),
        [{"user": "a", "at": 0, "x": x} for x in (True, None, False, True)],
        (False, True, 3, 2, (True, True)),
    ),
    at_instants(
        "a list: oldest first, ties by value, nulls skipped, empty when nothing is there",
        of(Int64(), Kind.LATEST, window=Window(3), n=3),
        [{"user": "a", "at": at, "x": x} for at, x in ((2, 9), (0, 5), (1, None), (2, -9), (1, 4), (2, 9))],
        {0: (), 1: (5,), 2: (5, 4), 3: (-9, 9, 9), 5: (-9, 9, 9), 6: ()},
    ),
    at_instants(
        "distinct values come and go with the window",
        of(Int64(), Kind.DISTINCT, window=Window(3)),
        values(1, 2, 1, 1, 3),
        {1: 1, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 1, 8: 0},
    ),
    at_instants(
        "min and max forget what has left the window",
        of(Int64(), Kind.MIN, Kind.MAX, window=Window(2)),
        values(9, -9, 1, 2),
        {1: (9, 9), 2: (-9, 9), 3: (-9, 1), 4: (1, 2), 5: (2, 2), 6: (None, None)},
    ),
    at_instants(
        "a float sum is no difference of running sums",
        of(Float64(), Kind.SUM, window=Window(2)),
        values(1e18, 1.0, 0.25, 0.5),
        {2: 1e18 + 1.0, 3: 1.25, 4: 0.75, 5: 0.5, 6: 0.0},
    ),
    at_instants(
        "a variance knows nothing of what has left the window, nor of a large mean",
        of(Float64(), Kind.MOMENTS, window=Window(3)),
        values(1e12, 1e9, 1e9 + 1, 1e9 + 2, 1.0, 2.0),
        {1: None, 4: 1.0, 7: 0.5, 8: None},
    ),
)
