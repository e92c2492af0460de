"""Pasted tests are valid Python and say what was found; examples are judged target by target."""

import ast
import datetime
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from diptych.ground.instants import EARLIEST, HOUR, LATEST
from diptych.ground.values import Bool, Enum, Float64, Int64, String, Timestamp
from diptych.ground.values import Decimal as DecimalType
from diptych.plan.nodes import Kind, View, Window
from diptych.reference import door
from diptych.testing.build import Building, column, mean, source
from diptych.testing.cases import Question
from diptych.testing.example import BadExample, check_example, instant_of, rows_of, spell
from diptych.testing.oracle import Judged, differences
from diptych.testing.paste import literal, pasted
from diptych.testing.strategies import histories, spines
from diptych.testing.targets import duckdb, kernel
from diptych.testing.views import views
from tests.testing import faults
from tests.testing.faults import Faulty
from tests.testing.repository import view


def evaluated(text: str) -> dict[str, Any]:
    """What a pasted test hands to ``parity.example``, by running it."""
    told: dict[str, Any] = {}

    class Parity:
        def example(self, name: str, **given: Any) -> None:
            told.update(given, name=name)

    names: dict[str, Any] = {}
    exec(compile(text, "pasted", "exec"), names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    test(Parity())
    return told


def spoken(over: View, history: Any, question: Question, feature: str) -> Any:
    """The judge's value as a user has it."""
    narrow = replace(over, features=tuple(each for each in over.features if each.name == feature))
    verdict = Judged.of(narrow, history, [question])
    if verdict.values[feature][0] is None:
        return None
    return differences(narrow, [question], {feature: [None]}, verdict.values)[0].expected


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data(), st.booleans())
def test_a_pasted_test_evaluates_back_to_the_same_events_and_answer(data: st.DataObject, whole: bool) -> None:
    over = data.draw(views())
    history = data.draw(histories(over))
    question = data.draw(spines(over, history, min_size=1))[0]
    feature = data.draw(st.sampled_from(over.features)).name
    expect = spoken(over, history, question, feature)
    text = pasted(over, feature, history, question, expect, "found", 'a rule with "quotes" and \\', all_columns=whole)
    told = evaluated(text)
    assert told["name"] == f"{over.name}:{feature}"
    rows = rows_of(over, told["history"])
    assert door(over, rows) == door(over, history)
    if whole:
        assert [{n: repr(v) for n, v in row.items()} for row in rows] == [
            {n: repr(v) for n, v in row.items()} for row in history
        ]
    again = instant_of(told["at"])
    assert again == question.t
    if all(part is None or not isinstance(part, float) for part in question.key):
        check_example(over, feature, told["entity"], told["at"], told["history"], told["expect"], [kernel()])


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(values)
@example(["'", '"', "\"'\\", "\u2028\x00\ud800", float("-inf"), -0.0, Decimal("1E+30")])
def test_a_literal_is_read_back_as_what_it_was(value: Any) -> None:
    text = literal(value)
    text.encode("utf-8")
    back = eval(text, {"Decimal": Decimal})
    assert repr(back) == repr(value)


@given(st.integers(EARLIEST, LATEST))
@example(EARLIEST)
@example(LATEST)
@example(-1)
def test_instants_are_spelled_so_that_they_are_read_back(at: int) -> None:
    assert instant_of(spell(at)) == at


def ledger() -> View:
    over = source(
        {
            "user": String(8, nullable=False),
            "amount": DecimalType(2),
            "weight": Float64(),
            "due": Timestamp(),
            "kind": Enum("a", "b"),
            "note": String(20),
            "must": Int64(ge=3, nullable=False),
            "open": Bool(),
        },
        known_at=True,
        event_id=True,
    )
    building = Building(over, {"user": String(8)})
    building.feature("total", building.reduce(Kind.SUM, Window(HOUR), column(over, "amount")))
    building.feature("average", mean(building, column(over, "weight"), Window(HOUR)))
    building.feature("due", building.reduce(Kind.LATEST, Window(), column(over, "due"), n=2))
    return building.view("ledger")


ROWS: list[dict[str, Any]] = [
    {"user": "é", "amount": Decimal("1.50"), "weight": 0.5, "due": 10, "must": 7, "at": 5, "known": 6, "id": "e0"},
    {"user": "é", "amount": None, "weight": float("nan"), "due": LATEST, "must": 3, "at": 7, "known": 7, "id": "e1"},
]


def test_a_pasted_test_reads_well() -> None:
    text = pasted(ledger(), "total", ROWS, Question(("é",), 9), Decimal("1.50"), "late event", "an event counts once")
    assert (
        text
        == '''from decimal import Decimal


def test_ledger_total_late_event(parity):
    """An event counts once."""
    parity.example(
        "ledger:total",
        entity={"user": "é"},
        at="1970-01-01T00:00:00.000009Z",
        history=[
            {
                "user": "é",
                "amount": Decimal("1.50"),
                "weight": 0.5,
                "due": "1970-01-01T00:00:00.000010Z",
                "at": "1970-01-01T00:00:00.000005Z",
                "known": "1970-01-01T00:00:00.000006Z",
                "id": "e0",
            },
            {
                "user": "é",
                "weight": float("nan"),
                "due": "9999-12-31T23:59:59.999999Z",
                "at": "1970-01-01T00:00:00.000007Z",
                "known": "1970-01-01T00:00:00.000007Z",
                "id": "e1",
            },
        ],
        expect=Decimal("1.50"),
    )
'''
    )
    assert ast.parse(text)


def test_what_gets_a_row_refused_is_shown_though_no_feature_reads_it() -> None:
    rows = [{**ROWS[0], "must": 2}, {**ROWS[0], "note": "x" * 21}]
    text = pasted(ledger(), "total", rows, Question(("é",), 9), Decimal("0.00"))
    assert '"must": 2' in text
    assert "x" * 21 in text
    assert "note" not in text.split('"must": 2')[0]


def test_an_example_in_the_words_of_people() -> None:
    at = datetime.datetime(1970, 1, 1, 0, 0, 0, 9, tzinfo=datetime.UTC)
    rows: list[Mapping[str, Any]] = [
        {**ROWS[0], "due": datetime.datetime(1970, 1, 1, 0, 0, 0, 10), "at": "1970-01-01T01:00:00.000005+01:00"},
        ROWS[1],
    ]
    for feature, expect in (
        ("total", Decimal("1.5")),
        ("average", 0.5),
        ("due", ["1970-01-01T00:00:00.000010Z", LATEST]),
    ):
        check_example(ledger(), feature, {"user": "é"}, at, rows, expect, [duckdb(), kernel()])


def test_a_wrong_answer_names_target_value_and_expectation() -> None:
    targets = [Faulty(faults.as_it_is), Faulty(faults.counts_every_copy)]
    rows = [ROWS[0], {**ROWS[0], "known": 7}]
    with pytest.raises(AssertionError) as caught:
        check_example(ledger(), "total", {"user": "é"}, 9, rows, Decimal("1.50"), targets)
    assert str(caught.value) == (
        "ledger:total of {'user': 'é'} at 1970-01-01T00:00:00.000009Z: counts_every_copy answers Decimal('3.00'), "
        "expected Decimal('1.50')"
    )
    with pytest.raises(AssertionError, match=r"expected 9; as it is defined now it is Decimal\('1.50'\)"):
        check_example(ledger(), "total", {"user": "é"}, 9, rows, 9, targets[:1])


def test_a_target_that_raises_is_named() -> None:
    def breaks(over: Any, history: Any, spine: Any) -> Any:
        raise ValueError("out of order")

    with pytest.raises(AssertionError, match="breaks raised ValueError: out of order"):
        check_example(ledger(), "total", {"user": "é"}, 9, ROWS, 0, [Faulty(breaks)])


@pytest.mark.parametrize(
    ("feature", "entity", "at", "words"),
    [
        ("sum", {"user": "é"}, 9, "has no feature 'sum'; it has total, average, due"),
        ("total", {"shop": 1}, 9, "has the keys user; the example gives shop"),
        ("total", {"user": "é"}, "tomorrow", "'tomorrow' is no instant"),
    ],
)
def test_an_example_that_cannot_be_read(feature: str, entity: Any, at: Any, words: str) -> None:
    with pytest.raises(BadExample, match=words):
        check_example(ledger(), feature, entity, at, ROWS, 0, [kernel()])


def test_an_example_of_the_team() -> None:
    flight = {"flight_id": "a", "origin": "JFK", "dest": "BOS", "carrier": "B6", "departed_at": "2013-02-03T09:00:00Z"}
    check_example(
        view("origin_traffic"), "count_24h", {"airport": "JFK"}, "2013-02-03T10:00:00.000001Z",
        [flight, {**flight, "flight_id": "b"}, {**flight, "flight_id": "a"}], 2, [duckdb(), kernel()],
    )  # fmt: skip
