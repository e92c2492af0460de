"""What a plan says of every kind of change, and that hashes and words never disagree."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import diptych as dt
from diptych.operate.rollout.difference import diff
from diptych.operate.rollout.steps import (
    Added,
    Backfill,
    Caution,
    Changed,
    Difference,
    FeatureChange,
    Removed,
    Retouched,
    Reuse,
    Thing,
)
from diptych.operate.rollout.words import as_dict, lines
from diptych.plan.nodes import Registry
from tests.operate.builders import orders, registry, spending


def steps(old: Registry | None, new: Registry, kind: type) -> list[object]:
    return [step for step in diff(old, new).steps if isinstance(step, kind)]


def test_the_same_registry_leaves_nothing_to_do() -> None:
    plan = diff(registry(spending()), registry(spending()))
    assert plan.is_empty
    assert [str(line) for line in lines(plan)] == ["  Nothing to do: what is published is what is declared."]


def test_the_first_plan_adds_all_and_backfills_every_view() -> None:
    new = registry(spending())
    plan = diff(None, new, rows={"orders": 1200})
    assert [(s.thing, s.name) for s in plan.steps if isinstance(s, Added)] == [
        (Thing.SOURCE, "orders"),
        (Thing.ENTITY, "customer"),
        (Thing.VIEW, "spending"),
    ]
    assert plan.backfills == (Backfill("spending", new.view("spending").fingerprint, None, "orders", 1200),)
    assert "> backfill view spending from orders, 1,200 rows" in str(lines(plan)[-1])


def test_another_window_changes_the_feature_and_needs_a_backfill_beside_the_old_version() -> None:
    old, new = registry(spending()), registry(spending([dt.count(windows=["2h"], name="orders")]))
    (changed,) = steps(old, new, Changed)
    assert [(f.name, f.old, f.new) for f in changed.features] == [
        ("amount_sum_24h", "sum(amount) over 24h (Int64)", None),
        ("count_1h", "count(*) over 1h (Int64)", None),
        ("orders_2h", None, "count(*) over 2h (Int64)"),
    ]
    assert steps(old, new, Backfill) == [
        Backfill("spending", new.view("spending").fingerprint, old.view("spending").fingerprint, "orders")
    ]


def test_another_hop_says_both_ends_old_and_new() -> None:
    old = registry(spending([dt.count(windows=["1h"])]))
    new = registry(spending([dt.count(windows=["1h"], hop="exact")]))
    (changed,) = steps(old, new, Changed)
    assert changed.features == (
        FeatureChange(
            "count_1h",
            "count(*) over 1h (Int64)",
            "count(*) over 1h (Int64)",
            (
                Difference(
                    "window",
                    "1h, tail in hops of 5m: floor(t - 1h, 5m) <= ordered_at < t, in UTC; so from 1h to less than 65m",
                    "1h, exact: t - 1h <= ordered_at < t",
                ),
            ),
        ),
    )


def test_a_default_changes_the_meaning_without_a_backfill() -> None:
    old = registry(spending([dt.mean("amount", windows=["1h"])]))
    new = registry(spending([dt.mean("amount", windows=["1h"], default=0.0)]))
    (changed,) = steps(old, new, Changed)
    assert changed.features[0].differences == (
        Difference("empty window", "null", "0.0, the declared default, which stands for every null answer"),
    )
    assert steps(old, new, Backfill) == []


def test_words_for_people_change_no_meaning_and_no_state() -> None:
    old = registry(spending(owner="sales", tags={"tier": "1"}))
    new = registry(spending(owner="growth", tags={"tier": "2"}, freshness="10m", description="What they spend."))
    assert diff(old, new).steps == (
        Retouched(
            Thing.VIEW,
            "spending",
            (
                Difference("owner", "sales", "growth"),
                Difference("tag tier", "1", "2"),
                Difference("description", None, "What they spend."),
                Difference("freshness", None, "an online value should be at most 10m old"),
            ),
        ),
    )


def test_a_renamed_view_is_another_one_with_a_state_of_its_own() -> None:
    old, new = registry(spending()), registry(spending(name="purchases"))
    plan = diff(old, new)
    assert [type(step) for step in plan.steps] == [Added, Removed, Backfill]
    assert plan.steps[1] == Removed(Thing.VIEW, "spending", ("count_1h", "amount_sum_24h"))


def test_a_version_whose_state_was_kept_is_not_made_again() -> None:
    old, new = registry(spending()), registry(spending([dt.count(windows=["2h"])]))
    version = ("spending", new.view("spending").fingerprint)
    plan = diff(old, new, ready={version})
    assert plan.backfills == ()
    assert plan.steps[-1] == Reuse(*version)


def test_a_wider_column_is_told_for_the_source_and_for_the_view_that_reads_it() -> None:
    wide = {**orders().columns, "amount": dt.Int64(ge=0, le=20_000)}
    old, new = registry(spending()), registry(spending(source=orders(columns=wide)))
    words = Difference("column", "amount: Int64 from 0 to 10000", "amount: Int64 from 0 to 20000")
    assert steps(old, new, Changed)[0] == Changed(Thing.SOURCE, "orders", (words,))
    view = steps(old, new, Changed)[1]
    assert view.differences == (words,)
    assert [change.name for change in view.features] == ["amount_sum_24h"]
    assert len(steps(old, new, Backfill)) == 1


def service(view: dt.FeatureView, version: int = 1, **changed: object) -> dt.FeatureService:
    return dt.FeatureService("risk", version=version, features=[view], **changed)  # type: ignore[arg-type]


def test_a_service_that_changes_under_its_version_is_a_caution() -> None:
    one, two = spending(), spending([dt.count(windows=["2h"])])
    (caution,) = steps(registry(service(one)), registry(service(two)), Caution)
    assert caution.about == "service risk:1"
    assert "declare version=2 beside it" in caution.text


def test_a_new_version_of_a_service_beside_the_old_is_no_caution() -> None:
    view = spending()
    old, new = registry(service(view)), registry(service(view), service(view, 2, request={"basket": dt.Int64()}))
    assert diff(old, new).steps == (Added(Thing.SERVICE, "risk:2", ("2 columns",)),)


def test_a_service_that_goes_is_a_caution() -> None:
    view = spending()
    plan = diff(registry(service(view)), registry(view))
    assert plan.steps[0] == Removed(Thing.SERVICE, "risk:1")
    assert [caution.about for caution in plan.cautions] == ["service risk:1"]


def test_a_plan_as_plain_values_names_each_step() -> None:
    plain = as_dict(diff(registry(spending()), registry(spending([dt.count(windows=["2h"])]))))
    assert [step["step"] for step in plain["steps"]] == ["changed", "backfill"]
    assert plain["steps"][0]["features"][0] == {
        "name": "amount_sum_24h",
        "old": "sum(amount) over 24h (Int64)",
        "new": None,
        "differences": [],
    }


ALTERNATIVES = {
    "window": ["1h", "2h"],
    "hop": [None, "exact", "1m"],
    "input": ["amount", "amount + 1", "abs(amount)"],
    "where": [None, "paid", "amount > 5", "not paid"],
    "aggregate": ["sum", "mean", "max", "last", "first", "count", "count_distinct", "std"],
    "default": [None, 7],
    "dedup": ["1h", "2h"],
    "lateness": [None, "1h"],
    "skew": [None, "1m"],
    "filter": [None, "amount > 0"],
    "known_at": [None, "paid_at"],
    "event_id": ["order_id", None],
    "ttl": [None, "30d"],
    "amount": [dt.Int64(ge=0, le=10), dt.Int64(ge=0, le=11), dt.Int64(ge=0, le=10, nullable=False)],
    "key": [dt.String(8), dt.String(9)],
    "owner": ["a", "b"],
}


def variant(choice: dict[str, object]) -> Registry:
    columns = {**orders().columns, "amount": choice["amount"], "paid_at": dt.Timestamp()}
    source = orders(
        columns=columns,
        dedup_window=choice["dedup"],
        lateness=choice["lateness"],
        max_skew=choice["skew"],
        filter=choice["filter"],
        known_at=choice["known_at"],
        event_id=choice["event_id"],
    )
    make = getattr(dt, str(choice["aggregate"]))
    options = {name: choice[name] for name in ("where", "hop", "default")}
    feature = make(choice["input"], windows=[choice["window"]], name="x", **options)
    entity = dt.Entity("customer", keys={"customer": choice["key"]})
    return registry(
        spending(
            [feature, dt.last("amount", name="y")], source, entity=entity, owner=choice["owner"], ttl=choice["ttl"]
        )
    )


variants = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in ALTERNATIVES.items()})


@given(variants, variants)
def test_words_and_hashes_agree_about_what_changed(one: dict[str, object], other: dict[str, object]) -> None:
    """A changed hash always has words, changed words always have a changed hash, and no word is told twice."""
    old, new = variant(one), variant({**one, **dict(list(other.items())[:3])})
    before, after = old.view("spending"), new.view("spending")
    changed = [step for step in diff(old, new).steps if isinstance(step, Changed) and step.thing is Thing.VIEW]
    assert bool(changed) == ((before.fingerprint, before.meaning) != (after.fingerprint, after.meaning))
    for step in changed:
        assert step.differences or step.features
    assert bool(steps(old, new, Backfill)) == (before.fingerprint != after.fingerprint)
    if any(step.thing is Thing.VIEW for step in diff(old, new).steps if isinstance(step, Retouched)):
        assert before.metadata != after.metadata


def test_another_dedup_window_is_told_also_without_an_event_id() -> None:
    """Found by hypothesis: the hash changed, and no word did."""
    old = registry(spending(source=orders(event_id=None, dedup_window="1h")))
    new = registry(spending(source=orders(event_id=None, dedup_window="2h")))
    assert [step.differences[0].topic for step in steps(old, new, Changed)] == ["duplicates", "duplicates"]


@pytest.mark.parametrize(("name", "values"), ALTERNATIVES.items())
def test_each_single_choice_is_told(name: str, values: list[object]) -> None:
    base = {key: options[0] for key, options in ALTERNATIVES.items()}
    for value in values[1:]:
        plan = diff(variant(base), variant({**base, name: value}))
        told = [step for step in plan.steps if isinstance(step, Changed | Retouched)]
        assert told, f"{name} from {values[0]!r} to {value!r}"
        assert all(str(line) for line in lines(plan))


def test_the_order_of_declaration_is_no_change() -> None:
    one = registry(spending([dt.count(windows=["1h"]), dt.sum("amount", windows=["24h"])]))
    other = registry(spending([dt.sum("amount", windows=["24h"]), dt.count(windows=["1h"])]))
    assert diff(one, other).is_empty
    assert diff(one, replace(one, project="other")).is_empty
