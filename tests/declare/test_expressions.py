"""Text and operators give the same tree; what is not on the list does not load."""

import decimal
from datetime import datetime

import pytest

import diptych as dt
from diptych.declare.expression import parse
from diptych.declare.functions import FUNCTIONS, BadExpression
from diptych.declare.mistakes import DeclarationError
from diptych.ground.expression import Call, Column, Literal, Op
from diptych.ground.values import Timestamp

A, B = dt.col("a"), dt.col("b")


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("a > 15", A > 15),
        ("a + b * 2 - 1", A + B * 2 - 1),
        ("(a + b) / 2", (A + B) / 2),
        ("1 - a", 1 - A),
        ("2 / a", 2 / A),
        ("a % 7", A % 7),
        ("mod(a, 7)", A % 7),
        ("-a", -A),
        ("-5", dt.lit(-5)),
        ("abs(a)", abs(A)),
        ("a = b", A == B),
        ("a <> b", A != B),
        ("a != b", A != B),
        ("a <= 1.5", A <= 1.5),
        ("a >= 1e-7", A >= 1e-7),
        ("a and not b or a is null", (A & ~B) | A.is_null()),
        ("a is not null", A.is_not_null()),
        ("a between 1 and 2", A.between(1, 2)),
        ("a in ('x', 'y')", A.is_in("x", "y")),
        ("a not in (1, 2)", ~A.is_in(1, 2)),
        ("a in (b, 2)", A.is_in(B, 2)),
        ("case when a then 1 when b then 2 else 3 end", dt.case((A, 1), (B, 2), otherwise=3)),
        ("case when a then 1 end", dt.case((A, 1))),
        ("case a when 1 then 2 else 3 end", dt.case((A == 1, 2), otherwise=3)),
        ("cast(a as double)", A.as_float()),
        ("a::double", A.as_float()),
        ("coalesce(a, b, 0)", dt.function("coalesce", A, B, 0)),
        ("nullif(a, 0)", dt.function("nullif", A, 0)),
        ("least(a, b, 3)", dt.function("least", A, B, 3)),
        ("a || b || 'x'", dt.function("concat", A, B, "x")),
        ("hour(request_time, 'America/New_York')", dt.function("hour", dt.col("request_time"), "America/New_York")),
        ("HOUR (a, 'UTC')", dt.function("hour", A, "UTC")),
        ("a > timestamp '2013-01-01'", datetime(2013, 1, 1) < A),
        ("a > timestamp '2013-01-01T02:00:00+02:00'", datetime(2013, 1, 1) < A),
        ("origin_traffic.late_24h / 2", dt.col("origin_traffic.late_24h") / 2),
        ("a = 'it''s'", A == "it's"),
        ("a = true or a = null", (A == True) | (A == None)),  # noqa: E711, E712
        ("a /* a comment */ > 1 -- and another", A > 1),
    ],
)
def test_text_and_operators_give_one_tree(text: str, expression: dt.Expr) -> None:
    assert parse(text) == expression.tree


def test_numbers_with_a_point_are_exact_and_with_an_exponent_are_floats() -> None:
    assert parse("1.50") == Literal(decimal.Decimal("1.50"))
    assert isinstance(parse("1e3"), Literal)
    assert parse("1e3").value == 1000.0  # type: ignore[union-attr]
    assert dt.lit(decimal.Decimal("0.1")).tree == dt.lit(0.1).tree == parse("0.1")


def test_least_is_null_if_any_is_null_by_its_form() -> None:
    tree = parse("least(a, b)")
    assert isinstance(tree, Call)
    assert tree.op is Op.CASE
    assert tree.args[-1] == Literal(None)


def test_naive_timestamps_are_utc() -> None:
    assert parse("timestamp '1970-01-01T00:00:01'") == Literal(1_000_000, Timestamp())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the expression is empty"),
        ("   ", "the expression is empty"),
        ("a; drop table x", "exactly one expression, not 2"),
        ("a, b", "cannot be read"),
        ("a >", "cannot be read: something is missing after '>'"),
        ("select 1", "Select) is not supported"),
        ("(select max(a) from t)", "is not supported"),
        ("sum(a) over (partition by b)", "is not supported"),
        ("sum(a)", "is not supported"),
        ("random_thing(a)", "function 'random_thing' is not supported"),
        ("current_timestamp", "is not supported"),
        ("now()", "is not supported"),
        ("a like 'x%'", "(Like) is not supported"),
        ("a as b", "(Alias) is not supported"),
        ("1_000", "(Alias) is not supported"),
        ("*", "(Star) is not supported"),
        ("a.b.c", "is not a column"),
        ("hour(a)", "hour takes 2 arguments, not 1"),
        ("abs(a, b)", "abs takes 1 argument, not 2"),
        ("coalesce(a)", "coalesce takes 2 arguments or more, not 1"),
        ("cast(a as integer)", "cast to INT is not supported"),
        ("date '2013-01-01'", "cast to DATE is not supported"),
        ("timestamp 'yesterday'", "cannot read 'yesterday' as a timestamp"),
        ("a is true", "is not supported"),
        ("a in (select 1)", "is not supported"),
        ("a = ?", "(Placeholder) is not supported"),
        ("1e400", "1e400 is not a finite number"),
    ],
)
def test_what_is_not_on_the_list_does_not_load(text: str, message: str) -> None:
    with pytest.raises(BadExpression) as caught:
        parse(text)
    assert message in caught.value.what


def test_an_unknown_function_lists_those_that_exist() -> None:
    with pytest.raises(BadExpression) as caught:
        parse("flor(a)")
    assert caught.value.exists == tuple(sorted(FUNCTIONS))


def test_an_expression_has_no_truth() -> None:
    with pytest.raises(DeclarationError, match="no truth of its own"):
        bool(A > 1 and B > 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), decimal.Decimal("NaN")])
def test_a_constant_is_finite(value: object) -> None:
    with pytest.raises(BadExpression, match="not a finite number"):
        dt.lit(value)


def test_a_constant_is_a_value() -> None:
    with pytest.raises(DeclarationError, match="cannot be a constant"):
        dt.lit([1])


def test_a_column_is_kept_by_its_own_case() -> None:
    assert parse("Carrier") == Column("Carrier")
    assert parse('"odd name"') == Column("odd name")
