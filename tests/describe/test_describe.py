"""What describe says: each sentence against a definition made for it, and the empty answer against the judge."""

import json

import pytest
from hypothesis import given

import diptych as dt
from diptych.describe import Description, UnknownName, describe
from diptych.describe.cost import only
from diptych.describe.empty import empty_answer
from diptych.describe.spelling import spell_value
from diptych.ground.values import ListOf
from diptych.plan.nodes import Registry, View
from diptych.reference import Judge
from diptych.testing.views import views
from tests.operate.builders import orders, registry, spending


def said(registry: Registry, name: str, topic: str) -> list[str]:
    return [f.text for section in describe(registry, name).sections for f in section.facts if f.topic == topic]


def feature(aggregate: dt.Aggregate, topic: str, source: dt.EventSource | None = None, **view: object) -> list[str]:
    made = registry(spending([aggregate], source, **view))
    return said(made, f"spending:{made.views[0].features[0].name}", topic)


@pytest.mark.parametrize(
    ("aggregate", "words"),
    [
        (
            dt.count(windows=["24h"]),
            "24h, tail in hops of 1h: floor(t - 24h, 1h) <= ordered_at < t, in UTC; so from 24h to less than 25h",
        ),
        (dt.count(windows=["24h"], hop="exact"), "24h, exact: t - 24h <= ordered_at < t"),
        (dt.count(windows=["5s"]), "5s, exact: t - 5s <= ordered_at < t"),
        (dt.count(windows=["lifetime"]), "lifetime: ordered_at < t, without a tail"),
    ],
)
def test_windows_say_both_ends(aggregate: dt.Aggregate, words: str) -> None:
    assert feature(aggregate, "window") == [words]


@pytest.mark.parametrize(
    ("aggregate", "words"),
    [
        (dt.count(windows=["1h"]), "count(*)"),
        (dt.count("amount", where="paid", windows=["1h"]), "count(amount) filter (where paid)"),
        (dt.mean("amount * 2 + 1", windows=["1h"], name="x"), "sum(amount * 2 + 1) / count(amount * 2 + 1)"),
        (dt.mean("(amount + 1) * 2", windows=["1h"], name="x"), "sum((amount + 1) * 2) / count((amount + 1) * 2)"),
        (dt.std("amount", windows=["1h"]), "sqrt(var_samp(amount))"),
        (dt.count_distinct("customer", windows=["1h"]), "count(distinct customer)"),
        (dt.last_n("amount", n=3, windows=["1h"]), "last_n(amount, 3)"),
        (dt.recency(), "seconds_between(max(ordered_at), t)"),
        (
            dt.count(where="amount in (1, 2) and not paid", windows=["1h"]),
            "count(*) filter (where amount in (1, 2) and not paid)",
        ),
        (dt.count(where="amount is not null", windows=["1h"]), "count(*) filter (where amount is not null)"),
        (
            dt.count(where="amount - (1 - amount) > 0", windows=["1h"]),
            "count(*) filter (where amount - (1 - amount) > 0)",
        ),
        (dt.max("case when paid then amount end", windows=["1h"], name="x"), "max(case when paid then amount end)"),
        (dt.count(where="customer = 'O''Neil'", windows=["1h"]), "count(*) filter (where customer = 'O''Neil')"),
    ],
)
def test_formulas_read_like_what_was_written(aggregate: dt.Aggregate, words: str) -> None:
    assert feature(aggregate, "answers") == [words]


@pytest.mark.parametrize(
    ("aggregate", "words"),
    [
        (dt.count(windows=["1h"]), "0"),
        (dt.sum("amount", windows=["1h"]), "0"),
        (dt.mean("amount", windows=["1h"]), "null"),
        (
            dt.mean("amount", windows=["1h"], default=1.5),
            "1.5, the declared default, which stands for every null answer",
        ),
        (dt.count(windows=["1h"], default=9), "9, the declared default, which stands for every null answer"),
        (dt.last_n("amount", n=3, windows=["1h"]), "[]"),
        (dt.recency(), "null"),
    ],
)
def test_the_answer_of_an_empty_window(aggregate: dt.Aggregate, words: str) -> None:
    assert feature(aggregate, "empty window") == [words]


def test_what_a_source_declares_is_said() -> None:
    columns = {**orders().columns, "paid_at": dt.Timestamp()}
    source = orders(
        columns=columns,
        known_at="paid_at",
        dedup_window="2h",
        lateness="3h",
        max_skew="4m",
        filter="amount > 1",
        derive={"big": "amount > 99"},
    )
    made = registry(spending([dt.count(where="big", windows=["1h"])], source, owner="sales", freshness="5m", ttl="30d"))
    name = "spending:count_1h"
    assert "known at paid_at in history" in said(made, name, "seen when")[0]
    assert "at most 2h after the copy before it" in said(made, name, "duplicates")[0]
    assert "more than 3h after its timestamp goes to quarantine" in said(made, name, "late events")[0]
    assert "more than 4m ahead" in said(made, name, "late events")[0]
    assert said(made, name, "filter") == ["only events for which amount > 1 is true"]
    assert said(made, name, "reads") == ["big = amount > 99", "amount: Int64 from 0 to 10000"]
    assert said(made, name, "owner") == ["sales"]
    assert said(made, name, "freshness") == ["an online value should be at most 5m old"]
    assert said(made, name, "time to live") == ["30d: what would be a lifetime is a window of that length"]


def test_a_table_without_a_time_is_true_since_always() -> None:
    source = dt.EventSource("people", timestamp=None, columns={"customer": dt.String(8), "age": dt.Int64()})
    made = registry(spending([dt.last("age")], source))
    assert said(made, "spending:age_last", "window") == [
        "lifetime: every row, since rows without a time are true since always"
    ]
    assert said(made, "spending:age_last", "events") == ["people, true since always"]


def test_bytes_are_numbers_beside_their_words() -> None:
    made = registry(spending([dt.count(windows=["1h"]), dt.sum("amount", windows=["24h"])]))
    facts = {f.topic: f.value for section in describe(made, "spending:amount_sum_24h").sections for f in section.facts}
    assert facts["one event"] == 8
    assert facts["one tile"] is not None
    assert facts["one tile"] >= 8


def test_an_exact_window_says_what_it_pins() -> None:
    (pin,) = feature(dt.count(windows=["24h"], hop="exact"), "keeps raw events")
    assert pin.startswith("count(*) keeps every event of the last 24h, for an exact tail, ")


def test_the_description_is_json_and_text_and_holds_the_sql() -> None:
    description = describe(registry(spending()), "spending:count_1h")
    assert json.loads(json.dumps(description.as_dict()))["name"] == "spending:count_1h"
    assert "SELECT" in description.statements[0].sql
    assert "tail in hops" in description.text()
    assert max(map(len, description.text(sql=False, width=80).splitlines())) <= 80


def test_views_and_services_are_described_by_their_parts() -> None:
    view = spending()
    inputs, derived = {"basket": dt.Int64(ge=0)}, {"d": "basket / spending.count_1h"}
    made = registry(dt.FeatureService("risk", version=2, features=[view], request=inputs, derived=derived))
    assert said(made, "spending", "count_1h") == ["count(*) over 1h (Int64)"]
    for name in ("risk", "risk:2"):
        assert said(made, name, "spending") == ["spending, by customer: 2 features"]
        assert said(made, name, "basket") == ["Int64 from 0"]
        assert said(made, name, "d") == ["basket / spending__count_1h (Float64)"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("spnding", "did you mean 'spending'"),
        ("spending:count_2h", "did you mean 'count_1h'"),
        ("spending__nothing", "has no feature 'nothing'; exists: amount_sum_24h, count_1h"),
    ],
)
def test_an_unknown_name_says_what_exists(name: str, told: str) -> None:
    with pytest.raises(UnknownName, match=told):
        describe(registry(spending()), name)


def test_the_real_repository_is_described_whole(flights: Registry) -> None:
    names = [view.name for view in flights.views] + [service.name for service in flights.services]
    names += [f"{view.name}:{each.name}" for view in flights.views for each in view.features]
    for name in names:
        description = describe(flights, name)
        assert isinstance(description, Description)
        assert all(fact.text for section in description.sections for fact in section.facts)
        assert not any(statement.refused for statement in description.statements)


@given(views())
def test_the_empty_answer_is_the_judges(view: View) -> None:
    judge = Judge(view, [])
    key = [None] * len(view.entity.keys)
    for each in view.features:
        told = empty_answer(view, each)
        value = judge.answer(each.name, key, 0).value
        if isinstance(each.type, ListOf):
            assert told == "[]"
        elif told != "depends on the instant of the request":
            assert told.partition(", the declared default")[0] == spell_value(value, each.type)


@given(views())
def test_a_feature_alone_answers_what_it_answers_among_others(view: View) -> None:
    key = [None] * len(view.entity.keys)
    for each in view.features:
        alone = only(view, (each,))
        assert Judge(alone, []).answer(each.name, key, 0) == Judge(view, []).answer(each.name, key, 0)
