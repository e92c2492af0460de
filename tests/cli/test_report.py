"""``parity report``: what it writes and where, what it says, and what it makes of odd files."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from diptych.check.report import html, markdown, write
from diptych.cli import main
from diptych.cli.app import app
from tests.check.report.samples import one_point


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    write(one_point(), tmp_path / "run.json")
    return tmp_path / "run.json"


def run(*args: object) -> str:
    done = CliRunner().invoke(app, ["parity", "report", *map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_without_options_both_reports_lie_beside_the_run(saved: Path) -> None:
    for given in (saved, saved.parent):
        said = run(given)
        assert said.startswith("Training and serving differ. 1 value compared, 1 mismatch\n")
        assert (saved.parent / "report.html").read_text(encoding="utf-8") == html(one_point())
        assert (saved.parent / "report.md").read_text(encoding="utf-8") == markdown(one_point())
        (saved.parent / "report.html").unlink()


def test_only_what_is_named_is_written(saved: Path) -> None:
    said = run(saved, "--markdown", saved.parent / "comment.md")
    assert "comment.md" in said.replace("\n", "")
    assert sorted(file.name for file in saved.parent.iterdir()) == ["comment.md", "run.json"]


def test_markdown_on_standard_output_is_nothing_else(saved: Path) -> None:
    assert run(saved, "--markdown", "-") == markdown(one_point())
    assert run(saved, "--html", "-", "--json") == html(one_point())


def test_json_says_what_was_found_and_written(saved: Path) -> None:
    found = json.loads(run(saved, "--html", saved.parent / "x.html", "--json"))
    assert found == {
        "compared": 1,
        "mismatches": 1,
        "failures": ["plane_history:recency: unexplained in 1 of 1 values"],
        "passed": False,
        "html": str(saved.parent / "x.html"),
    }


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("missing.json",), "no run can be read from"),
        (("diptych.toml",), "holds no run that this version of Diptych can read"),
        (("run.json", "--html", "-", "--markdown", "-"), "cannot both go to standard output"),
        (("run.json", "--html", "no/such/folder/x.html"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_wrong_usage(
    saved: Path, args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved.parent)
    Path("diptych.toml").write_text("project = 'x'", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["--json", "parity", "report", *args])
    assert ended.value.code == 2
    assert said in json.loads(capsys.readouterr().out)["error"]["message"]
