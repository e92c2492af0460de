"""The examples for continuous integration are what the services' own schemas accept, and say what the command has."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Team as Cli

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "ci"


@pytest.mark.parametrize(
    ("schema", "example"),
    [("vendor.github-workflows", "github-actions.yml"), ("vendor.gitlab-ci", "gitlab-ci.yml")],
)
def test_an_example_fits_the_published_schema(schema: str, example: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run([*command, str(EXAMPLES / example)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / "broken.yml"
    broken.write_text((EXAMPLES / example).read_text().replace("stage: test", "stage: [1]").replace("jobs:", "job:"))
    assert subprocess.run([*command, str(broken)], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("example", ["github-actions.yml", "gitlab-ci.yml"])
def test_an_example_uses_options_that_there_are(example: str, tmp_path: Path) -> None:
    text = (EXAMPLES / example).read_text()
    help_ = Cli(tmp_path).run("parity", "run", "--help").stdout
    for option in ("--profile", "--name"):
        assert option in text
        assert option in help_
    assert ".diptych/parity/ci/report.md" in text
    assert "--name ci -- -n auto" in " ".join(text.split())
