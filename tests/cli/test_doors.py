"""How the command behaves at its edges: help, exit codes, errors, JSON, and how long it takes to say what it can do."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from diptych.cli.app import app, hoisted
from diptych.cli.entities import entity_rows
from diptych.cli.session import UsageError, instant_of
from diptych.plan.loading import load_registry
from tests.cli.conftest import DEFINITIONS, ROOT, Team


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    for command in ("init", "plan", "apply", "rollback", "backfill", "ingest", "train", "get", "forget", "describe"):
        assert command in shown


def test_the_command_imports_nothing_heavy() -> None:
    heavy = ("duckdb", "numba", "redis", "pyarrow", "pandas", "sqlglot")
    code = f"import sys, diptych.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "src", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_is_quick(team: Team) -> None:
    """Half a second of a processor that has nothing else to do; the least of three, for a busy machine."""
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        team.process("--help")
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < 1.5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["plan", "--json"], ["--json", "plan"]),
        (["plan", "--repo", "x", "--debug"], ["--repo", "x", "--debug", "plan"]),
        (["get", "a", "--environment=ci", "k=v"], ["--environment=ci", "get", "a", "k=v"]),
        (["get", "--", "--json"], ["get", "--", "--json"]),
        (["plan", "--repo"], ["--repo", "plan"]),
    ],
)
def test_global_options_stand_anywhere(given: list[str], expected: list[str]) -> None:
    assert hoisted(given) == expected


def test_every_mistake_is_told_at_once_with_place_and_hint(team: Team) -> None:
    wrong = DEFINITIONS.replace('dt.sum("amount"', 'dt.sum("amont"').replace('"WINDOW"', '"1 fortnight"')
    team.define(text=wrong)
    told = team.run("plan", code=2).stderr
    assert "2 mistakes" in told
    assert "feature_repo/shop.py:" in told
    assert "did you mean 'amount'?" in told
    assert "Traceback" not in told
    plain = team.json("plan", code=2)["error"]
    assert [mistake["where"].partition(":")[0] for mistake in plain["mistakes"]] == ["feature_repo/shop.py"] * 2
    assert "Traceback" in team.run("plan", "--debug", code=2).stderr


def test_a_process_ends_with_the_exit_code_and_keeps_its_two_outputs_apart(team: Team) -> None:
    team.define(text=DEFINITIONS.replace('dt.sum("amount"', 'dt.sum("amont"').replace('"WINDOW"', '"1h"'))
    told = team.process("plan", code=2)
    assert told.stdout == ""
    assert "did you mean 'amount'?" in told.stderr
    plain = team.process("plan", "--json", code=2)
    assert json.loads(plain.stdout)["error"]["type"] == "RegistryError"
    assert plain.stderr == ""


def test_no_project_is_a_wrong_call(tmp_path: Path) -> None:
    assert "no diptych.toml" in Team(tmp_path).run("plan", code=2).stderr


def test_an_unreachable_store_has_its_own_exit_code(team: Team) -> None:
    with (team.folder / "diptych.toml").open("a", encoding="utf-8") as file:
        file.write('[environments.far]\nonline = { url = "redis://127.0.0.1:1/0" }\n')
    assert team.json("plan", "--environment", "far", code=3)["error"]["exit_code"] == 3
    assert "diptych.toml has no environment 'near'" in team.run("plan", "--environment", "near", code=2).stderr


def test_nobody_is_asked_where_nobody_is(team: Team) -> None:
    assert "--yes" in team.run("apply", code=2).stderr
    assert team.json("plan")["current"] is None


def test_ingesting_before_anything_is_published_is_refused(team: Team) -> None:
    assert "run `diptych apply`" in team.run("ingest", "orders", "data/orders.parquet", code=2).stderr


def test_describe_needs_no_store(team: Team) -> None:
    plain = team.json("describe", "spending:count_1h")
    assert plain["kind"] == "feature"
    shown = team.run("describe", "spending", "--no-sql").stdout
    assert "one customer" in shown
    assert "SELECT" not in shown
    assert not (team.folder / ".diptych").exists()
    assert "did you mean 'spending'?" in team.run("describe", "spendng", code=2).stderr


@pytest.mark.parametrize("text", ["tomorrow", "2024-13-01", ""])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        instant_of(text, "--at")


def test_times_are_utc_unless_they_say_otherwise() -> None:
    assert instant_of("1970-01-01", "--at") == 0
    assert instant_of("1970-01-01T01:00:00+01:00", "--at") == 0
    assert instant_of(None, "--at") is None


def test_entities_become_the_declared_types(team: Team) -> None:
    made = load_registry(team.folder).registry
    assert entity_rows(made, ["customer=7", "basket=3"]) == [{"customer": "7", "basket": 3}]
    assert entity_rows(made, ['{"customer": "a",', '"basket": 3}']) == [{"customer": "a", "basket": 3}]
    assert entity_rows(made, ["customer=", "basket="]) == [{"customer": "", "basket": None}]
    for words in (["customer"], ["=a"], ["[1]"], ["{"], ["basket=three"]):
        with pytest.raises(UsageError):
            entity_rows(made, words)


def test_init_lays_down_the_repository_and_overwrites_nothing(tmp_path: Path) -> None:
    team = Team(tmp_path)
    made = team.json("init", "new", "--no-data")
    assert made["laid_down"] == ["feature_repo", "transforms", "parity", "diptych.toml"]
    assert made["next"][0] == "cd new"
    for part in ("feature_repo/airports.py", "transforms/delays.py", "diptych.toml"):
        assert (tmp_path / "new" / part).read_text() == (ROOT / part).read_text()
    (tmp_path / "new" / "feature_repo" / "airports.py").write_text("ours")
    assert "already holds" in team.run("init", "new", code=2).stderr
    assert (tmp_path / "new" / "feature_repo" / "airports.py").read_text() == "ours"


def test_a_fresh_repository_goes_all_the_way(tmp_path: Path) -> None:
    """The real one: init with its data, plan, apply up to a cut, ingest a source, ask."""
    team = Team(tmp_path)
    made = json.loads(team.process("init", "--json").stdout)
    assert made["data"]
    assert "diptych plan" in made["next"][0]
    assert len([step for step in team.json("plan")["steps"] if step["step"] == "backfill"]) == 8
    applied = team.json("apply", "--yes", "--cut", "2013-12-31")["applied"]
    assert len(applied["filled"]) == 8
    done = team.json("ingest", "departures", "data/flights/departures.parquet")
    assert 700 < done["events"] < 1_500
    asked = team.process("get", "ramp_board", "origin=JFK", "carrier=B6", "--at", "2014-01-01T05:30:00", "--json")
    found = json.loads(asked.stdout)
    assert found["values"]["origin__recency"][0] > 0
    assert found["statuses"]["origin__recency"] == ["PRESENT"]
