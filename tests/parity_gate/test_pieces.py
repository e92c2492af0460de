"""The small parts: budgets, instants, the folder of a run, what is made of its pieces, and what the plugin costs."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from diptych.check.findings import Cause, Checked, Findings, Mismatch, OutputFindings
from diptych.parity.assembly import assemble, first_line, run_of
from diptych.parity.budget import Budget
from diptych.parity.folder import KEPT, Piece, RunFolder
from diptych.parity.moments import moment_of
from diptych.parity.place import by_clock, named_by_clock, run_place
from diptych.parity.selection import BadSuite
from diptych.parity.summary import lines
from diptych.parity.wording import refused

PIECE = Piece(suite="parity/test_x.py::suite", project="shop", environment="local", begun_at=5, seed=3)
CHECK = Checked(kind="boundaries", view="v", feature="f", target="kernel", cases=7, seconds=0.5)


@pytest.mark.parametrize(
    ("profile", "declared", "count"), [("quick", 25, 5), ("quick", 1, 1), ("default", 25, 25), ("long", 25, 500)]
)
def test_a_profile_makes_less_or_more_but_never_nothing(profile: str, declared: int, count: int) -> None:
    assert Budget.of(profile).count(declared) == count


def test_questions_stay_within_a_budget_of_values() -> None:
    budget = Budget.of("default")
    assert budget.questions(200, width=10, values=None) == 200
    assert budget.questions(200, width=10, values=1_000) == 100
    assert budget.questions(200, width=10, values=5) == 1
    assert Budget.of("long").questions(200, width=10, values=10_000) == 1_000


@pytest.mark.parametrize(
    "when", ["2013-02-01", "2013-02-01T00:00:00Z", "2013-02-01T01:00+01:00", 1_359_676_800_000_000]
)
def test_an_instant_may_be_written_in_several_ways(when: str | int) -> None:
    assert moment_of(when, "cut") == moment_of(datetime(2013, 2, 1), "cut") == 1_359_676_800_000_000


def test_what_is_no_instant_is_refused() -> None:
    with pytest.raises(BadSuite, match="cut: 'soon' is no instant"):
        moment_of("soon", "cut")


def test_pieces_of_several_workers_come_together_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.add("gw0", replace_checks(CHECK))
    folder.add(
        "gw1", replace_checks(Checked(kind="boundaries", view="v", feature="e", target="kernel", cases=7, seconds=1))
    )
    with (folder.path / "pieces" / "gw1.jsonl").open("ab") as file:
        file.write(b'{"suite": "torn')
    assert [piece.checks[0].feature for piece in folder.pieces()] == ["f", "e"]
    run = run_of(list(folder.pieces()), {}, 1, 2.0)
    assert [check.feature for check in run.checks] == ["e", "f"]  # not in the order of workers
    assert (run.project, run.environment, run.suites, run.seed) == ("shop", "local", ("parity/test_x.py::suite",), 3)


def replace_checks(*checks: Checked) -> Piece:
    return Piece(suite=PIECE.suite, project="shop", environment="local", begun_at=5, checks=checks, seed=3)


def mismatch(**changes: object) -> Mismatch:
    values: dict[str, object] = {
        "service": "copy", "output": "v:f", "view": "v", "feature": "f", "key": {"k": np.int64(4)}, "at": 1,
        "offline": Decimal("1.50"), "online": np.float64(2.5), "cause": Cause.TIE, "detail": "as if", "wrong": "online",
    }  # fmt: skip
    return Mismatch(**(values | changes))  # type: ignore[arg-type]


def findings(*examples: Mismatch) -> Findings:
    output = OutputFindings(
        service="copy", output="v:f", view="v", feature="f", type="Decimal(2)", compared=9, mismatches=len(examples),
        causes={Cause.TIE: len(examples)} if examples else {}, examples=examples,
    )  # fmt: skip
    return Findings(
        kind="copy", name="v:f", begun_at=1, seconds=1.0, outputs=(output,), sides=("compiled", "hand-written")
    )


def test_values_that_json_has_no_word_for_are_kept_as_text(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.add("main", Piece(suite="s", project="p", environment="e", begun_at=0, findings=(findings(mismatch()),)))
    [example] = next(folder.pieces()).findings[0].outputs[0].examples
    assert (example.key, example.offline, example.online, example.cause) == ({"k": 4}, "1.50", 2.5, Cause.TIE)


def test_the_report_of_a_run_names_what_failed_and_forgets_its_pieces(tmp_path: Path) -> None:
    place = tmp_path / ".diptych" / "parity" / "ci"
    RunFolder(place).add("main", replace_checks(CHECK))
    text = "NotEqual: v:f on kernel: 1 boundary case wrong\n  the rule: ..."
    made = assemble(place, {"parity/test_x.py::suite::boundaries[v:f-kernel]": text}, 1, 2.0)
    assert made is not None
    assert made.run.failures == ("boundaries[v:f-kernel]: v:f on kernel: 1 boundary case wrong",)
    assert sorted(path.name for path in place.iterdir()) == ["report.html", "report.md", "run.json"]
    said = lines(made, tmp_path)
    assert said[0] == "boundaries: 7 cases on kernel"
    assert said[1].startswith("1 check failed")
    assert said[2] == "report: .diptych/parity/ci/report.html"
    assert assemble(tmp_path / "none", {}, 1, 2.0) is None


def test_the_first_line_of_a_failure_says_the_most() -> None:
    assert first_line("\nE   NoHistory: source 'x' has no file\nmore") == "NoHistory: source 'x' has no file"
    assert first_line("") == "failed"


def test_old_runs_are_forgotten_unless_somebody_named_them(tmp_path: Path) -> None:
    runs = [tmp_path / by_clock(datetime(2024, 1, 1, 0, minute, tzinfo=UTC)) for minute in range(KEPT + 3)]
    named = [tmp_path / "ci", tmp_path / "night-run-1"]
    for folder in (*runs, *named):
        folder.mkdir()
    RunFolder(runs[-1]).settle()
    assert list(named_by_clock(tmp_path)) == runs[3:]
    assert all(folder.is_dir() for folder in named)


def test_a_run_lies_beside_the_settings_that_stand_around(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert run_place(inner, "ci") == inner / ".diptych" / "parity" / "ci"
    (tmp_path / "diptych.toml").touch()
    assert run_place(inner, "ci") == tmp_path / ".diptych" / "parity" / "ci"


def test_a_failure_says_each_side_the_judge_and_the_cause() -> None:
    text = refused(
        findings(mismatch(key={"k": 4}, online=2.5)),
        ["copy: v:f: unexplained: 2", "copy: v:f: tie: 1 of 9 values differ"],
    )
    assert text.splitlines() == [
        "copy: v:f: tie: 1 of 9 values differ",
        "copy: v:f: unexplained: 2",
        "",
        "v:f of k=4 at 1970-01-01T00:00:00.000001Z",
        "  compiled      Decimal('1.50')",
        "  hand-written  2.5",
        "  the judge says that hand-written is wrong",
        "  cause: tie, as if",
    ]
