"""A small team's repository with a short history, and the command run in it."""

import io
import json
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.cli import main

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2024, 1, 1, tzinfo=UTC)

SETTINGS = """
project = "shop"
modules = ["feature_repo"]
[environments.local.sources]
orders = { path = "data/orders.parquet" }
"""

DEFINITIONS = """
import diptych as dt

customer = dt.Entity("customer", keys={"customer": dt.String(8)})
orders = dt.EventSource(
    "orders",
    timestamp="ordered_at",
    event_id="order_id",
    columns={
        "order_id": dt.Int64(nullable=False),
        "ordered_at": dt.Timestamp(nullable=False),
        "customer": dt.String(8),
        "amount": dt.Int64(ge=0, le=10_000),
    },
)
spending = dt.FeatureView(
    "spending",
    entity=customer,
    source=orders,
    features=[dt.count(windows=["WINDOW"]), dt.sum("amount", windows=["24h"]), dt.last("amount")],
)
risk = dt.FeatureService(
    "risk", features=[spending], request={"basket": dt.Int64(ge=0, le=1_000)}, derived={"double": "basket * 2"}
)
"""


@dataclass(frozen=True)
class Done:
    """What a call left behind."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Team:
    """A team's repository, and the command run in it: in this process, or (``process``) in one of its own."""

    folder: Path

    def run(self, *args: str, code: int = 0) -> Done:
        out, err, ended = io.StringIO(), io.StringIO(), 0
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(err):
            try:
                main(args)
            except SystemExit as exit:
                ended = exit.code if isinstance(exit.code, int) else 0
        return _checked(args, Done(ended, out.getvalue(), err.getvalue()), code)

    def process(self, *args: str, code: int = 0) -> Done:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "160", "NO_COLOR": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "diptych", *args],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return _checked(args, Done(done.returncode, done.stdout, done.stderr), code)

    def json(self, *args: str, code: int = 0) -> Any:
        """What a call reports as JSON; standard output must hold nothing else."""
        return json.loads(self.run(*args, "--json", code=code).stdout)

    def define(self, window: str = "1h", text: str = DEFINITIONS) -> None:
        (self.folder / "feature_repo" / "shop.py").write_text(text.replace("WINDOW", window), encoding="utf-8")

    def spine(self, hours: list[int], name: str = "spine.parquet", time: str = "event_timestamp") -> str:
        moments = [START + timedelta(hours=hour) for hour in hours]
        keys = ["ab"[place % 2] for place in range(len(hours))]
        table = pa.table({"customer": keys, "basket": hours, time: pa.array(moments, pa.timestamp("us", "UTC"))})
        pq.write_table(table, self.folder / name)
        return name


def _checked(args: tuple[str, ...], done: Done, code: int) -> Done:
    assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def order_table(first: int, last: int) -> pa.Table:
    """Orders of customers a and b, one each half hour."""
    numbers = range(first, last)
    moments = [START + timedelta(minutes=30 * number) for number in numbers]
    return pa.table(
        {
            "order_id": list(numbers),
            "ordered_at": pa.array(moments, pa.timestamp("us", "UTC")),
            "customer": ["ab"[number % 2] for number in numbers],
            "amount": [number % 100 for number in numbers],
        }
    )


@pytest.fixture(autouse=True)
def _wide_and_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output as where there is no terminal, wide enough that no word that a test looks for is broken."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO())


@pytest.fixture
def team(tmp_path: Path) -> Team:
    for part in ("feature_repo", "data"):
        (tmp_path / part).mkdir()
    (tmp_path / "feature_repo" / "__init__.py").touch()
    (tmp_path / "diptych.toml").write_text(SETTINGS, encoding="utf-8")
    pq.write_table(order_table(0, 200), tmp_path / "data" / "orders.parquet")
    team = Team(tmp_path)
    team.define()
    return team
