"""Saved runs: what is written is read back, and a file that holds something else is told apart."""

import datetime
import decimal
from pathlib import Path

import pytest

from diptych.check.findings import Cause
from diptych.check.report import BadRun, html, markdown, read, write
from tests.check.report.samples import SAMPLES, mismatch, output, run, simulated


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "hostile"])
def test_a_run_is_read_back_as_it_was(tmp_path: Path, name: str) -> None:
    made = SAMPLES[name]()
    write(made, tmp_path / "run.json")
    assert read(tmp_path / "run.json") == made
    assert read(tmp_path) == made
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_values_that_json_has_no_word_for_become_text_and_no_number_becomes_null(tmp_path: Path) -> None:
    given = [decimal.Decimal("1.50"), datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)]
    seen = mismatch("plane_history", "recency", Cause.TIE, *given)
    found = output("plane_history", "recency", 1, mismatches=1, examples=(seen,), largest_error=float("inf"))
    write(run(simulated((found,))), tmp_path / "run.json")
    [back] = read(tmp_path).findings[0].outputs
    assert (back.examples[0].offline, back.examples[0].online) == ("1.50", "2024-01-01T00:00:00Z")
    assert back.largest_error is None
    assert html(read(tmp_path))
    assert markdown(read(tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no run can be read from"),
        (b"", "holds no run that this version of Diptych can read"),
        (b"{", "holds no run that this version of Diptych can read"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"project": "x"}', "missing required field `environment`"),
    ],
)
def test_what_is_no_run_is_told(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(BadRun, match=r"run\.json") as told:
        read(tmp_path)
    assert said in str(told.value)
