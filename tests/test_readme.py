"""The README says only what is true: its Python runs, on the repository and the history that it speaks of."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diptych.demo.history import write_flight_history
from diptych.parity.planning import checks
from diptych.parity.workbench import Workbench

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for part in ("feature_repo", "transforms"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "diptych.toml", tmp_path)
    write_flight_history(tmp_path / "data" / "flights")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_runs_and_the_two_sides_are_there(repository: Path) -> None:
    names: dict[str, Any] = {}
    for block in BLOCKS[:2]:
        exec(compile(block, "README.md", "exec"), names)
    assert names["plane_history"].name == "plane_history"
    train = names["train"]
    assert train.loc[0, "plane_movements__hops_24h"] >= 0
    assert train["plane_history__arr_delay_mean_7d"].notna().all()


def test_the_gate_names_what_is_different_about_the_copy(repository: Path) -> None:
    *_, block = BLOCKS
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    few = [replace(copy, questions=40) for copy in names["suite"].copies]
    suite = replace(names["suite"], boundaries=False, properties=False, simulate=None, copies=few)
    with Workbench(suite, repository, None, "default") as bench:
        [check] = checks(bench)
        check.ready(bench)
        failure = check.run(bench).failure
    assert "other definition" in failure, failure
    assert "as if the window of 24h were 23h" in failure, failure


def test_every_link_leads_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
