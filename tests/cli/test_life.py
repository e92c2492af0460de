"""The life of a small project, by the command alone, on a real embedded server."""

import pyarrow.parquet as pq

from tests.cli.conftest import START, Team, order_table

CUT, END = "2024-01-03T00:00:00", "2024-01-05T04:00:00"


def served(team: Team, at: str = END) -> dict[str, list[object]]:
    return team.json("get", "risk", '[{"customer": "a", "basket": 3}, {"customer": "z", "basket": 4}]', "--at", at)[
        "values"
    ]


def test_from_plan_to_the_same_value_on_both_sides(team: Team) -> None:
    plan = team.json("plan")
    assert [step["step"] for step in plan["steps"]] == ["added"] * 4 + ["backfill"]
    assert plan["steps"][-1]["rows"] == 200
    applied = team.json("apply", "--yes", "--cut", CUT)
    assert [(each["view"], each["events"]) for each in applied["applied"]["filled"]] == [("spending", 96)]
    assert team.json("plan")["empty"]

    ingested = team.json("ingest", "orders", "data/orders.parquet")
    assert ingested["events"] == 104
    assert team.json("ingest", "orders", "data/orders.parquet")["events"] == 0

    team.spine([100, 100])
    team.run("train", "risk", "spine.parquet", "--output", "out/train.parquet")
    trained = pq.read_table(team.folder / "out" / "train.parquet").to_pydict()
    online = served(team)
    # Every half hour an order, by a and b in turn: one of a's in the hour up to 04:00.
    assert online["spending__count_1h"] == [1, 0]
    for name in ("spending__count_1h", "spending__amount_sum_24h", "spending__amount_last"):
        assert online[name][0] == trained[name][0]
    assert online["double"] == [6, 8]
    assert trained["double"] == [200, 200]


def test_a_change_is_shown_applied_rolled_back_and_pruned(team: Team) -> None:
    team.run("apply", "--yes", "--cut", END)
    team.define("3h")
    shown = team.run("plan").stdout
    assert "~ view spending changes its meaning" in shown
    assert "+ count_3h = count(*) over 3h (Int64)" in shown
    assert "! service risk:1: its values change under the same version" in shown
    assert "backfill view spending from orders, 200 rows" in shown
    team.run("apply", "--yes", "--cut", END)
    assert "spending__count_3h" in served(team)
    back = team.json("rollback", "--yes")
    assert back["replaced"] != back["current"]
    assert "spending__count_1h" in served(team)
    again = team.json("apply", "--yes", "--prune")
    assert again["applied"]["filled"] == []
    assert again["pruned"]["keys"] == 2
    assert "nothing to go back to" in team.run("rollback", "--yes", code=2).stderr


def test_events_after_the_switch_reach_the_version_that_can_be_rolled_back_to(team: Team) -> None:
    team.run("apply", "--yes", "--cut", CUT)
    team.define("3h")
    team.run("apply", "--yes", "--cut", CUT)
    team.run("ingest", "orders", "data/orders.parquet")
    team.run("rollback", "--yes")
    assert served(team)["spending__count_1h"] == [1, 0]


def test_refused_rows_are_counted_and_kept(team: Team) -> None:
    team.run("apply", "--yes", "--cut", "2024-01-01")
    table = order_table(0, 10)
    bad = table.set_column(3, "amount", [[5, 6, 20_000, 7, 8, 9, 10, 11, -1, 12]])
    pq.write_table(bad, team.folder / "bad.parquet")
    done = team.json("ingest", "orders", "bad.parquet")
    assert sum(done["rejected"].values()) == 2
    folder = team.folder / ".diptych" / "local" / "quarantine"
    kept = [row for path in folder.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert len(kept) == 2
    worse = bad.set_column(3, "amount", [[-number for number in range(1, 11)]])
    pq.write_table(worse, team.folder / "worse.parquet")
    team.run("ingest", "orders", "worse.parquet", "--quarantine", "refused")
    assert sum(pq.read_table(path).num_rows for path in (team.folder / "refused").glob("*.parquet")) == 10


def test_backfill_of_what_is_filled_does_nothing_again(team: Team) -> None:
    team.run("apply", "--yes", "--cut", END)
    done = team.json("backfill")["views"]["spending"]
    assert done["resumed"] == done["buckets"]
    assert "no published view 'nope'; there are spending" in team.run("backfill", "nope", code=2).stderr


def test_values_of_an_entity_given_as_pairs(team: Team) -> None:
    team.run("apply", "--yes", "--cut", END)
    shown = team.run("get", "spending:count_1h,spending:amount_last", "customer=b", "--at", END).stdout
    assert ["spending__count_1h", "1", "PRESENT"] in [line.split() for line in shown.splitlines()]
    assert team.json("get", "spending:amount_last", "customer=zz", "--at", END)["statuses"] == {
        "spending__amount_last": ["UNSEEN_ENTITY"]
    }


def test_an_entity_is_forgotten(team: Team) -> None:
    team.run("apply", "--yes", "--cut", END)
    assert "pass --yes" in team.run("forget", "customer", "customer=b", code=2).stderr
    assert team.json("forget", "customer", "customer=b", "--yes") == {"entities": 1, "states": 1, "versions": 1}
    asked = ("get", "spending:amount_last", '[{"customer": "a"}, {"customer": "b"}]', "--at", END)
    assert team.json(*asked)["statuses"] == {"spending__amount_last": ["PRESENT", "UNSEEN_ENTITY"]}


def test_sql_is_shown_without_running_it(team: Team) -> None:
    team.spine([1])
    assert "WITH" in team.run("train", "spending:count_1h", "spine.parquet", "--show-sql").stdout
    assert "WITH" in team.json("train", "risk", "spine.parquet", "--show-sql")["sql"]


def test_a_spine_with_another_name_for_its_time(team: Team) -> None:
    team.spine([30, 31], time="asked_at")
    team.run("train", "risk", "spine.parquet", "-o", "t.parquet", "--timestamp", "asked_at")
    assert pq.read_table(team.folder / "t.parquet").num_rows == 2
    assert "event_timestamp" in team.run("train", "risk", "spine.parquet", "-o", "u.parquet", code=2).stderr
    assert not (team.folder / "u.parquet").exists()
    assert START.year == 2024
