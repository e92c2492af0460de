"""Every reducer, finish, default and status, by hand."""

import math
from fractions import Fraction

import pytest

from diptych.ground.expression import Column, Op
from diptych.ground.values import INT64_MAX, Decimal, Float64, Int64, ListOf, String
from diptych.plan.nodes import REQUEST_TIME, Derived, Feature, Field, Kind, Output, Role, Service, Window
from diptych.reference import BadQuestion, Judge, Status, serve
from tests.reference.views import ask, call, literal, reduction, rows, source, value, view

T = 1_000


def over(type_):
    return source({"x": type_})


def one(kind, values, type_=None, result=None, **kw):
    type_ = type_ or Int64()
    v = view(reduction(kind, type_=result or type_, **kw), over=over(type_))
    return value(v, rows(*enumerate(values)), T)


@pytest.mark.parametrize(
    ("kind", "values", "answer"),
    [
        (Kind.COUNT, [1, None, 1], 2),
        (Kind.COUNT, [None], 0),
        (Kind.SUM, [3, None, -5], -2),
        (Kind.SUM, [], 0),
        (Kind.MIN, [3, None, -5], -5),
        (Kind.MIN, [None], None),
        (Kind.MAX, [3, None, -5], 3),
        (Kind.MAX, [], None),
        (Kind.FIRST, [None, 3, -5], 3),
        (Kind.FIRST, [], None),
        (Kind.LAST, [3, -5, None], -5),
        (Kind.LAST, [], None),
        (Kind.MOMENTS, [2, None, 4, 9], 13.0),
        (Kind.MOMENTS, [7], None),
        (Kind.MOMENTS, [7, 7], 0.0),
        (Kind.MOMENTS, [], None),
        (Kind.DISTINCT, [2, 2, None, 4], 2),
        (Kind.DISTINCT, [], 0),
    ],
)
def test_reducers_over_whole_numbers(kind, values, answer):
    assert one(kind, values) == answer


def test_count_without_input_counts_events():
    v = view(reduction(Kind.COUNT, input=None))
    assert value(v, rows((0, None), (1, 5)), T) == 2


def test_a_list_is_oldest_first_and_empty_without_values():
    v = view(reduction(Kind.LATEST, type_=ListOf(Int64(), 2), n=2))
    assert value(v, rows((2, 5), (1, 9), (0, 7), (2, -5), (3, None)), T) == (-5, 5)
    assert value(v, [], T) == ()


def test_a_float_sum_is_rounded_once():
    assert one(Kind.SUM, [1e16, 1.0, -1e16], Float64()) == 1.0
    assert one(Kind.SUM, [0.1] * 10, Float64()) == 1.0
    assert one(Kind.SUM, [], Float64()) == 0.0


def test_the_magnitude_of_a_float_sum_is_the_sum_of_magnitudes_inside_the_window():
    v = view(reduction(Kind.SUM, Window(10), Float64()), over=over(Float64()))
    answer = ask(v, rows((0, 1e9), (5, 3.0), (6, -2.0)), 11)
    assert answer.value == 1.0
    assert answer.magnitude == pytest.approx(5.0, rel=1e-6)


def test_exact_answers_have_no_magnitude():
    v = view(reduction(Kind.SUM))
    assert ask(v, rows((0, 5)), T).magnitude == 0.0


def test_a_variance_of_large_whole_numbers_is_exact():
    xs = [2**53 - 1, 2**53 - 2, -(2**53)]
    mean = Fraction(sum(xs), 3)
    assert one(Kind.MOMENTS, xs) == float(sum((x - mean) ** 2 for x in xs) / 2)


def test_overflow_is_judged_on_the_final_value_only():
    v = view(reduction(Kind.SUM))
    assert ask(v, rows((0, INT64_MAX), (1, 1), (2, -1)), T).value == INT64_MAX
    answer = ask(v, rows((0, INT64_MAX), (1, 1)), T)
    assert (answer.value, answer.status) == (None, Status.OVERFLOW)


def test_a_float_sum_beyond_float64_overflows_and_one_that_only_may_is_left_open():
    v = view(reduction(Kind.SUM, type_=Float64()), over=over(Float64()))
    assert ask(v, rows((0, 1.7e308), (1, 1.7e308)), T).status is Status.OVERFLOW
    open_ = ask(v, rows((0, 1.7e308), (1, 1.7e308), (2, -1.7e308), (3, -1.7e308)), T)
    assert (open_.value, open_.magnitude) == (0.0, math.inf)


def test_the_default_stands_for_null_but_not_for_overflow():
    feature = Feature("r0", Int64(), Column("r0", Int64()), default=-1)
    assert value(view(reduction(Kind.MAX), features=(feature,)), [], T) == -1
    assert value(view(reduction(Kind.SUM), features=(feature,)), [], T) == 0
    overflown = rows((0, INT64_MAX), (1, 1))
    assert value(view(reduction(Kind.SUM), features=(feature,)), overflown, T) is None


def test_null_is_told_from_empty():
    v = view(reduction(Kind.MOMENTS))
    assert ask(v, rows((0, 5)), T).status is Status.NULL
    assert ask(v, rows((0, None)), T).status is Status.EMPTY_WINDOW


def mean_view(type_):
    total, number = Column("r0", type_), Column("r1", Int64())
    ratio = call(Op.DIV, total, call(Op.TO_FLOAT, number))
    if not isinstance(type_, Float64):
        ratio = call(Op.DIV, call(Op.TO_FLOAT, total), call(Op.TO_FLOAT, number))
    if isinstance(type_, Decimal):
        ratio = call(Op.SHIFT, ratio, literal(type_.scale))
    parts = (reduction(Kind.SUM, type_=type_), reduction(Kind.COUNT, type_=Int64()))
    return view(*parts, over=over(type_), features=(Feature("r0", Float64(), ratio),))


def test_the_mean_of_decimals_divides_and_then_scales():
    import decimal

    history = rows(*((at, decimal.Decimal(n).scaleb(-2)) for at, n in enumerate((1, 2, 5))))
    got = value(mean_view(Decimal(2)), history, T)
    assert got == (8.0 / 3.0) / 100.0
    assert got != 0.08 / 3.0


def test_the_mean_of_a_whole_sum_beyond_two_to_the_53_rounds_the_sum_first():
    xs = [2**60, 1, 1]
    assert value(mean_view(Int64()), rows(*enumerate(xs)), T) == float(2**60 + 2) / 3.0


def test_the_error_of_a_mean_of_floats_is_the_error_of_its_sum_over_its_count():
    answer = ask(mean_view(Float64()), rows((0, 4.0), (1, -4.0)), T)
    assert answer.value == 0.0
    assert answer.magnitude == pytest.approx(4.0, rel=1e-6)


def test_a_comparison_of_close_float_sums_allows_any_answer():
    close = call(Op.GT, Column("r0", Float64()), literal(0.3, Float64()))
    v = view(reduction(Kind.SUM, type_=Float64()), over=over(Float64()), features=(Feature("r0", Float64(), close),))
    assert ask(v, rows((0, 0.1), (1, 0.2)), T).magnitude == math.inf


def test_finishes_see_the_time_of_the_request():
    v = view(reduction(Kind.COUNT), features=(Feature("r0", Int64(), Column(REQUEST_TIME)),))
    assert value(v, [], 123) == 123


def test_a_key_that_does_not_fit_its_type_is_an_error():
    judge = Judge(view(reduction(Kind.COUNT)), [])
    with pytest.raises(BadQuestion, match="entity 'user'"):
        judge.answer("r0", (1,), T)
    with pytest.raises(BadQuestion, match="length"):
        judge.answer("r0", ("abcdefghi",), T)


def test_a_service_answers_roles_and_derived_columns():
    v = view(reduction(Kind.SUM))
    share = call(Op.DIV, call(Op.TO_FLOAT, Column("sender__r0")), call(Op.TO_FLOAT, Column("receiver__r0")))
    service = Service(
        "s",
        1,
        roles=(Role("sender", "v", ("from",), ("r0",)), Role("receiver", "v", ("to",), ("r0",))),
        outputs=(Output("sender__r0", "sender", "r0", Int64()), Output("receiver__r0", "receiver", "r0", Int64())),
        request=(Field("amount", Float64()),),
        derived=(
            Derived("share", share, Float64()),
            Derived("double", call(Op.ADD, Column("amount"), Column("amount")), Float64()),
        ),
    )
    judges = {"v": Judge(v, [*rows((0, 3)), *rows((0, 4), user="b")])}
    row = {"from": "a", "to": "b", "amount": 1.5}
    answers = serve(service, judges, row, T)
    assert {name: answer.value for name, answer in answers.items()} == {
        "sender__r0": 3,
        "receiver__r0": 4,
        "share": 0.75,
        "double": 3.0,
    }
    empty = serve(service, judges, {"from": "a", "to": None, "amount": None}, T)
    assert [empty[name].value for name in ("receiver__r0", "share", "double")] == [0, None, None]
    assert empty["receiver__r0"].status is Status.NULL_KEY
    assert empty["share"].status is Status.NULL
    with pytest.raises(BadQuestion, match="request input 'amount'"):
        serve(service, judges, row | {"amount": math.inf}, T)


def test_ties_by_value_of_text():
    v = view(reduction(Kind.LAST, type_=String(8)), over=over(String(8)))
    assert value(v, rows((0, "\uff5e"), (0, "\U0001f600"), (0, "z")), T) == "\U0001f600"
