"""A small team's repository, and pytest run in it as the team would: in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from diptych.parity.suite import Suite
from diptych.parity.workbench import Workbench
from tests.cli.conftest import DEFINITIONS, SETTINGS, order_table

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """What a run left behind."""

    code: int
    text: str


@dataclass(frozen=True)
class Team:
    """A repository, and commands in it."""

    folder: Path

    def suite(self, text: str, name: str = "test_parity.py") -> None:
        """Write a module of the parity folder."""
        (self.folder / "parity").mkdir(exist_ok=True)
        (self.folder / "parity" / name).write_text(f"from diptych import parity\n\n{text}\n", encoding="utf-8")

    def pytest(self, *args: str) -> Done:
        """pytest with the plugin as it is installed: found by its name."""
        plugins = ["-p", "diptych.parity.plugin", "-p", "no:cacheprovider", "-p", "no:asyncio"]
        return self._run("-m", "pytest", *plugins, *args)

    def diptych(self, *args: str) -> Done:
        """The command."""
        return self._run("-m", "diptych", *args)

    def found(self, run: str) -> Any:
        """What a named run wrote down."""
        return json.loads((self.folder / ".diptych" / "parity" / run / "run.json").read_text())

    def _run(self, *args: str) -> Done:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "160", "NO_COLOR": "1"}
        environment.pop("PYTEST_ADDOPTS", None)
        done = subprocess.run(
            [sys.executable, *args], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        return Done(done.returncode, done.stdout + done.stderr)


def found_shop(folder: Path) -> None:
    """Write a small shop's definitions, settings and history."""
    for part in ("feature_repo", "data"):
        (folder / part).mkdir()
    (folder / "feature_repo" / "__init__.py").touch()
    (folder / "feature_repo" / "shop.py").write_text(DEFINITIONS.replace("WINDOW", "1h"), encoding="utf-8")
    (folder / "diptych.toml").write_text(SETTINGS, encoding="utf-8")
    pq.write_table(order_table(0, 200), folder / "data" / "orders.parquet")


@pytest.fixture
def team(tmp_path: Path) -> Team:
    found_shop(tmp_path)
    return Team(tmp_path)


@dataclass
class Benches:
    """Opens suites over the team's repository in this process."""

    folder: Path
    opened: list[Workbench]

    def __call__(self, suite: Suite) -> Workbench:
        """The suite, opened until the test ends."""
        bench = Workbench(suite, self.folder, None, "default")
        self.opened.append(bench)
        return bench


@pytest.fixture
def bench(team: Team) -> Iterator[Benches]:
    benches = Benches(team.folder, [])
    yield benches
    for each in benches.opened:
        each.__exit__(None, None, None)
