"""``diptych explain``: both sides of a value on a real store, for people, for scripts, and out of the request log."""

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.store import FeatureStore
from tests.cli.conftest import DEFINITIONS, SETTINGS, START, Team, order_table

DERIVED = DEFINITIONS.replace(
    'derived={"double": "basket * 2"}',
    'derived={"share": "basket / spending.sum_amount_24h", "double": "basket * 2"}',
).replace('dt.sum("amount", windows=["24h"])', 'dt.sum("amount", windows=["24h"], name="sum_amount")')
LOGGED = SETTINGS.replace(
    "[environments.local.sources]",
    '[environments.local.recording]\nrequests = { path = "requests" }\n[environments.local.sources]',
)


@pytest.fixture
def shop(team: Team) -> Team:
    """Ten hours of orders, those of the first five backfilled and the rest streamed."""
    (team.folder / "diptych.toml").write_text(LOGGED, encoding="utf-8")
    team.define(text=DERIVED)
    pq.write_table(order_table(0, 20), team.folder / "data" / "orders.parquet")
    team.run("apply", "--yes", "--cut", _at(5))
    team.run("ingest", "orders", "data/orders.parquet")
    return team


def _at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def _explain(team: Team, *args: str, code: int = 0) -> Any:
    return team.json("explain", *args, code=code)


def test_both_sides_of_a_value(shop: Team) -> None:
    found = _explain(shop, "spending:count_1h", "-e", "customer=a", "--at", _at(9.5))
    assert [found[side]["value"] for side in ("law", "offline", "online")] == [1, 1, 1]
    assert found["online"]["agrees"]
    (reduction,) = found["reductions"]
    assert reduction["end"] - reduction["start"] == 3_600_000_000
    counted = [event for event in found["events"] if event["fate"] == "counted"]
    assert [event["event_id"] for event in counted] == ["18"]
    used = [record for record in found["state"]["records"] if record["fate"] == "counted"]
    assert [record["id_hash"] for record in used] == [event["id_hash"] for event in counted]
    assert found["difference"]["missing"] == []


def test_people_read_it_also_in_a_narrow_terminal(shop: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = shop.run("explain", "spending:count_1h", "-e", "customer=a", "--at", _at(9.5)).stdout
    assert "spending:count_1h of customer=a at 2024-01-01 09:30:00Z" in wide
    assert "from 2024-01-01 08:30:00Z, inclusive, to 2024-01-01 09:30:00Z, exclusive" in wide
    assert "none: the state holds every offline event" in wide
    monkeypatch.setattr("diptych.cli.output._WIDTH_WITHOUT_TERMINAL", 50)
    narrow = shop.run("explain", "spending:count_1h", "-e", "customer=a", "--at", _at(9.5)).stdout
    assert max(map(len, narrow.splitlines())) <= 50
    assert "counted   2024-01-01 09:00:00Z" in narrow


def test_before_the_horizon_online_says_why_not(shop: Team) -> None:
    found = _explain(shop, "spending:count_1h", "-e", "customer=a", "--at", _at(3))
    assert found["offline"] == {"value": 1, "status": "PRESENT", "missing": "", "agrees": True}
    assert "can be read from its horizon 2024-01-01" in found["online"]["missing"]
    assert found["difference"] is None


def test_nothing_published_is_said_and_no_error(team: Team) -> None:
    team.define()
    pq.write_table(order_table(0, 20), team.folder / "data" / "orders.parquet")
    found = _explain(team, "spending:count_1h", "-e", "customer=a", "--at", _at(3))
    assert found["law"]["value"] == 1
    assert "nothing is published" in found["online"]["missing"]


def test_an_event_that_was_never_ingested_makes_it_exit_with_1_and_is_named(shop: Team) -> None:
    pq.write_table(order_table(0, 21), shop.folder / "data" / "orders.parquet")
    found = _explain(shop, "spending:count_1h", "-e", "customer=a", "--at", _at(10.01), code=1)
    assert (found["offline"]["value"], found["online"]["value"]) == (2, 1)
    assert [event["event_id"] for event in found["difference"]["missing"]] == ["20"]
    text = shop.run("explain", "spending:count_1h", "-e", "customer=a", "--at", _at(10.01), code=1).stdout
    assert "missing online: 20 at 2024-01-01 10:00:00Z" in text
    assert "have been consumed up to" in text


def test_a_derived_feature_is_explained_by_its_formula_and_its_inputs(shop: Team) -> None:
    args = ("share", "--service", "risk", "-e", "customer=a", "-e", "basket=9", "--at", _at(9.5))
    found = _explain(shop, *args)
    assert found["formula"] == "basket / spending__sum_amount_24h"
    assert found["request"] == {"basket": 9}
    total = found["inputs"]["spending__sum_amount_24h"]["law"]["value"]
    assert total == sum(range(0, 19, 2))
    assert [found[side]["value"] for side in ("law", "offline", "online")] == [9 / total] * 3
    assert "request input basket = 9" in shop.run("explain", *args).stdout


def test_a_derived_feature_that_reads_no_feature_needs_no_entity(shop: Team) -> None:
    found = _explain(shop, "double", "--service", "risk", "-e", "basket=9", "--at", _at(9.5))
    assert [found[side]["value"] for side in ("law", "offline", "online")] == [18] * 3
    assert found["inputs"] == {}
    with_key = _explain(shop, "double", "--service", "risk", "-e", "basket=9", "-e", "customer=a", "--at", _at(9.5))
    assert with_key["online"]["value"] == 18


def test_an_output_of_a_service_is_explained_for_the_key_of_its_role(shop: Team) -> None:
    args = ("--service", "risk", "-e", "customer=a", "--at", _at(9.5))
    for name in ("spending__count_1h", "spending:count_1h"):
        found = _explain(shop, name, *args)
        assert (found["view"], found["feature"], found["law"]["value"]) == ("spending", "count_1h", 1)


def test_a_logged_request_says_entity_and_instant_and_what_was_answered(shop: Team) -> None:
    with FeatureStore(shop.folder) as store:
        at = START + timedelta(hours=9, minutes=30)
        rows = [{"customer": "b", "basket": 1}, {"customer": "a", "basket": 9}]
        store.get_online_features("risk", rows, at=at, request_id="req-1")
    found = _explain(shop, "share", "--request", "req-1", "-e", "customer=a")
    assert found["at"] == int((START + timedelta(hours=9, minutes=30)).timestamp() * 1e6)
    assert found["logged"]["value"] == found["law"]["value"] == 0.1
    assert found["logged"]["agrees"]
    first = _explain(shop, "spending:count_1h", "--request", "req-1")
    assert (first["key"], first["logged"]["value"]) == ({"customer": "b"}, 1)
    assert "logged" in shop.run("explain", "spending:count_1h", "--request", "req-1").stdout
    message = _explain(shop, "share", "--request", "req-2", code=2)["error"]["message"]
    assert "has no request 'req-2'" in message
    message = _explain(shop, "share", "--request", "req-1", "-e", "customer=c", code=2)["error"]["message"]
    assert "it has customer=b, basket=1; customer=a, basket=9" in message


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("spending:count_2h", "-e", "customer=a"), "has no feature 'count_2h'"),
        (("count_1h", "-e", "customer=a"), 'is not of the form "view:feature"'),
        (("spending:count_1h",), "customer was not given"),
        (("spending:count_1h", "-e", "customer=much-too-long"), "does not fit"),
        (("sharing", "--service", "risk", "-e", "customer=a"), "has no column 'sharing'"),
        (("share", "--service", "risk", "-e", "customer=a"), "reads the request input 'basket'"),
        (("spending:count_1h", "--request", "x", "--at", "2024-01-01"), "leave --at and --service out"),
    ],
)
def test_wrong_questions_get_clear_answers(team: Team, args: tuple[str, ...], words: str) -> None:
    team.define(text=DERIVED)
    pq.write_table(pa.table(order_table(0, 4)), team.folder / "data" / "orders.parquet")
    assert words in _explain(team, *args, code=2)["error"]["message"]
