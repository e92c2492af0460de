"""What the hashes of a view depend on, and what they do not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import diptych as dt
from diptych.plan import serial
from diptych.plan.resolve import resolve
from tests.plan.declared import AIRPORT, COLUMNS, FEATURES, PROJECT, planned, source, view

BASE = planned(*FEATURES)


@given(st.permutations(FEATURES))
def test_the_order_of_features_changes_no_hash(features: list[dt.Aggregate]) -> None:
    plan = planned(*features)
    assert (plan.fingerprint, plan.meaning, plan.metadata) == (BASE.fingerprint, BASE.meaning, BASE.metadata)
    assert (plan.inputs, plan.conditions, plan.reductions) == (BASE.inputs, BASE.conditions, BASE.reductions)


@given(st.permutations(list(COLUMNS)))
def test_the_order_of_columns_changes_no_hash(names: list[str]) -> None:
    plan = planned(*FEATURES, source=source(columns={name: COLUMNS[name] for name in names}))
    assert plan == BASE


@given(st.integers(2, 400), st.integers(2, 400))
def test_another_window_is_another_state(hours: int, others: int) -> None:
    one = planned(dt.count(windows=[f"{hours}h"], name="n"))
    other = planned(dt.count(windows=[f"{others}h"], name="n"))
    assert (one.fingerprint == other.fingerprint) == (hours == others)


CHANGED: dict[str, tuple[dict[str, Any], tuple[bool, bool, bool]]] = {
    "owner": ({"owner": "ops"}, (True, True, False)),
    "description": ({"description": "words"}, (True, True, False)),
    "tags": ({"tags": {"a": "b"}}, (True, True, False)),
    "freshness": ({"freshness": "10m"}, (True, True, False)),
    "owner of the source": ({"source": source(owner="data")}, (True, True, False)),
    "time to live": ({"ttl": "90d"}, (False, False, True)),
    "key column": ({"on": {"airport": "dest"}}, (False, False, True)),
    "dedup window": ({"source": source(dedup_window="1h")}, (False, False, True)),
    "lateness": ({"source": source(lateness="1h")}, (False, False, True)),
    "known at": ({"source": source(known_at=None)}, (False, False, True)),
    "event id": ({"source": source(event_id=None)}, (False, False, True)),
    "filter": ({"source": source(filter="not diverted")}, (False, False, True)),
    "meaning of a derived column": ({"source": source(derive={"late": "arr_delay > 30"})}, (False, False, True)),
    "a derived column that is not read": (
        {"source": source(derive={"late": "arr_delay > 15", "early": "arr_delay < 0"})},
        (True, True, True),
    ),
    "range of a column": (
        {"source": source(columns=COLUMNS | {"arr_delay": dt.Int64(ge=-100, le=2_000)})},
        (False, False, True),
    ),
    "vocabulary": (
        {"source": source(columns=COLUMNS | {"origin": dt.Enum("EWR", "JFK", "LGA", "HPN")})},
        (False, False, True),
    ),
    "another column at the door": ({"source": source(columns=COLUMNS | {"gate": dt.String(4)})}, (False, False, True)),
    "type of the key": ({"entity": dt.Entity("airport", keys={"airport": dt.String(4)})}, (False, False, True)),
    "name of the entity": ({"entity": replace(AIRPORT, name="place")}, (True, True, False)),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_changes_which_hash(name: str) -> None:
    changes, same = CHANGED[name]
    plan = planned(*FEATURES, **changes)
    assert (
        plan.fingerprint == BASE.fingerprint,
        plan.meaning == BASE.meaning,
        plan.metadata == BASE.metadata,
    ) == same


def test_names_and_defaults_are_meaning_and_not_state() -> None:
    one, renamed = planned(dt.last("carrier")), planned(dt.last("carrier", name="latest"))
    defaulted = planned(dt.last("carrier", default="AA"))
    assert one.fingerprint == renamed.fingerprint == defaulted.fingerprint
    assert len({one.meaning, renamed.meaning, defaulted.meaning}) == 3


def test_hashes_are_those_of_yesterday() -> None:
    """A change here moves every state in the world: raise FORMAT and say so."""
    plan = planned(dt.count(windows=["1h"]), dt.mean("arr_delay", windows=["24h"]))
    assert (serial.FORMAT, plan.fingerprint, plan.meaning) == (1, "1e01620583031aca", "08a750d07300a7a5")


def test_a_service_has_a_hash_of_what_it_answers() -> None:
    def hashed(minutes: int, owner: str) -> str:
        traffic = view(dt.count(where=f"arr_delay > {minutes}", windows=["1h"]))
        service = dt.FeatureService("model", features=[traffic], owner=owner)
        return resolve([service], PROJECT).services[0].fingerprint

    assert hashed(15, "a") == hashed(15, "b")
    assert hashed(15, "a") != hashed(16, "a")
