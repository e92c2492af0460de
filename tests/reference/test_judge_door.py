"""What the door lets in, what it refuses and why, and which copies stand."""

import datetime as dt
import math
from decimal import Decimal as Number

import pytest

from diptych.ground.expression import Column, Op
from diptych.ground.instants import EARLIEST, LATEST
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp
from diptych.plan.nodes import Kind
from diptych.reference import Reason, Unfit, door, held, order, spoken
from tests.reference.views import call, literal, reduction, rows, source, view, x


@pytest.mark.parametrize(
    ("value", "type_", "kept"),
    [
        (True, Bool(), True),
        (-(2**63), Int64(), -(2**63)),
        (3.0, Int64(), 3),
        (math.nan, Int64(), None),
        (5, Int64(ge=5, le=5), 5),
        (math.nan, Float64(), None),
        (-0.0, Float64(), 0.0),
        (2**53, Float64(), 2.0**53),
        (Number("1.50"), Decimal(2), 150),
        (Number("1.500"), Decimal(2), 150),
        (7, Decimal(2), 700),
        (Number("NaN"), Decimal(2), None),
        (Number("-0.00"), Decimal(2), 0),
        (dt.datetime(1970, 1, 1, 0, 0, 1), Timestamp(), 1_000_000),
        (dt.datetime(1970, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), Timestamp(), 0),
        (dt.date(1970, 1, 2), Timestamp(), 86_400_000_000),
        (EARLIEST, Timestamp(), EARLIEST),
        (LATEST, Timestamp(), LATEST),
        ("", String(1), ""),
        ("éé", String(4), "éé"),
        ("x", Enum("x"), "x"),
        (None, Enum("x"), None),
    ],
)
def test_values_that_fit(value, type_, kept):
    found = held(value, type_)
    assert found == kept
    assert type(found) is type(kept)
    assert not (isinstance(found, float) and math.copysign(1, found) < 0)


@pytest.mark.parametrize(
    ("value", "type_", "reason"),
    [
        (1, Bool(), Reason.TYPE),
        (True, Int64(), Reason.TYPE),
        ("1", Int64(), Reason.TYPE),
        (1.5, Int64(), Reason.INEXACT),
        (2.0**53 + 2, Int64(), Reason.INEXACT),
        (2**63, Int64(), Reason.RANGE),
        (4, Int64(ge=5), Reason.RANGE),
        (math.inf, Float64(), Reason.INFINITE),
        (math.inf, Int64(), Reason.INFINITE),
        (2**53 + 1, Float64(), Reason.INEXACT),
        (1.1, Float64(le=1.0), Reason.RANGE),
        (1.0, Decimal(2), Reason.TYPE),
        (Number("0.125"), Decimal(2), Reason.INEXACT),
        (Number("92233720368547758.08"), Decimal(2), Reason.RANGE),
        (Number("1e30"), Decimal(2), Reason.RANGE),
        (Number("Infinity"), Decimal(2), Reason.INFINITE),
        (Number("0.51"), Decimal(2, le=Number("0.5")), Reason.RANGE),
        (EARLIEST - 1, Timestamp(), Reason.RANGE),
        (LATEST + 1, Timestamp(), Reason.RANGE),
        (1.0, Timestamp(), Reason.TYPE),
        (b"a", String(3), Reason.TYPE),
        ("ééa", String(4), Reason.LENGTH),
        ("a\0", String(4), Reason.NUL),
        ("\ud800", String(4), Reason.ENCODING),
        ("X", Enum("x"), Reason.VOCABULARY),
        (None, Enum("x", nullable=False), Reason.NULL),
        (math.nan, Float64(nullable=False), Reason.NULL),
    ],
)
def test_values_that_do_not_fit(value, type_, reason):
    with pytest.raises(Unfit) as refusal:
        held(value, type_)
    assert refusal.value.reason is reason


def test_order_puts_null_first_and_text_by_its_bytes():
    assert sorted([True, None, False], key=order) == [None, False, True]
    assert sorted(["\U0001f600", "\uff5e", "é", "a", "B"], key=order) == ["B", "a", "é", "\uff5e", "\U0001f600"]


def test_spoken_gives_decimals_back():
    assert spoken(-150, Decimal(2)) == Number("-1.50")
    assert spoken(None, Decimal(2)) is None


def test_every_row_has_exactly_one_verdict():
    over = source(
        event_id="id", dedup_window=10, lateness=100, max_skew=5, filter=call(Op.GT, x(), literal(0, Int64()))
    )
    history = [
        {"user": "a", "at": 0, "x": 1, "id": "i"},
        {"user": "a", "at": 0, "x": 1, "id": "i"},  # a copy
        {"user": "a", "at": 0, "x": 0, "id": "j"},  # filtered
        {"user": "a", "at": 0, "x": None, "id": "k"},  # filtered: null is not true
        {"user": None, "at": 0, "x": 1, "id": "l"},
        {"user": None, "at": 0, "x": 0, "id": "m"},  # filtered before its key is looked at
        {"user": "a", "at": None, "x": 1, "id": "n"},
        {"user": "a", "at": 0, "x": 1, "id": None},
        {"user": "a", "at": 0, "x": "1", "id": "o"},
        {"user": "a", "at": 0, "x": 1, "id": "p", "arrived_at": 101},
        {"user": "a", "at": 6, "x": 1, "id": "q", "arrived_at": 0},
        {"user": "a", "at": 0, "x": 1, "id": "r", "arrived_at": 100},
    ]
    verdict = door(view(reduction(Kind.COUNT), over=over), history)
    assert [event.row for event in verdict.admitted] == [0, 11]
    assert verdict.repeated == (1,)
    assert verdict.filtered == (2, 3, 5)
    assert [(rejected.row, rejected.reason, rejected.column) for rejected in verdict.rejected] == [
        (4, Reason.NULL_KEY, "user"),
        (6, Reason.NO_TIMESTAMP, "at"),
        (7, Reason.NO_EVENT_ID, "id"),
        (8, Reason.TYPE, "x"),
        (9, Reason.LATE, ""),
        (10, Reason.FUTURE, ""),
    ]


def test_a_later_derived_column_reads_an_earlier_one():
    twice = call(Op.ADD, x(), x())
    over = source(derive=(("twice", twice), ("four", call(Op.ADD, Column("twice"), Column("twice")))))
    verdict = door(view(reduction(Kind.COUNT), over=over, inputs=(Column("four"),)), rows((0, 3)))
    assert verdict.admitted[0].inputs == (12,)


def test_a_null_condition_orders_copies_like_a_false_one():
    known = call(Op.GT, x(), literal(0, Int64()))
    second = call(Op.IS_NULL, x())
    v = view(reduction(Kind.COUNT), over=source(event_id="id"), conditions=(known, second), inputs=())
    history = [{"user": "a", "at": 0, "x": None, "id": "i"}, {"user": "a", "at": 0, "x": -1, "id": "i"}]
    (stands,) = door(v, history).admitted
    assert stands.conditions == (False, False)
    assert stands.row == 1
