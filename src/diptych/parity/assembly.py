"""The end of a run: its pieces become one Run, and the Run a page, a Markdown text and a JSON file."""

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from diptych.check import report
from diptych.check.findings import Run
from diptych.parity.folder import Piece, RunFolder

_REPORTED = ("duckdb", "numba", "numpy", "pyarrow", "redis", "hypothesis")
"""Distributions whose versions a report names."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """The run, and the file of the page."""

    run: Run
    page: Path


def assemble(folder: Path, failures: Mapping[str, str], begun_at: int, seconds: float) -> Assembled | None:
    """Make the report of the pieces in ``folder``; None where no check wrote any.

    ``failures`` are texts by the checks that failed or could not be carried out; their first lines go into the run.
    ``begun_at`` is microseconds since the epoch.
    """
    kept = RunFolder(folder)
    pieces = list(kept.pieces())
    if not pieces and not failures:
        return None
    run = run_of(pieces, failures, begun_at, seconds)
    kept.path.mkdir(parents=True, exist_ok=True)
    report.write(run, folder / "run.json")
    kept.put("report.md", report.markdown(run))
    page = kept.put("report.html", report.html(run))
    kept.settle()
    return Assembled(run, page)


def run_of(pieces: Sequence[Piece], failures: Mapping[str, str], begun_at: int, seconds: float) -> Run:
    """One run out of its pieces, in an order that does not depend on which worker had which check."""
    checks = [check for piece in pieces for check in piece.checks]
    findings = [found for piece in pieces for found in piece.findings]
    suites = sorted({piece.suite for piece in pieces})
    allow = [piece.allow for piece in pieces]
    return Run(
        project=", ".join(sorted({piece.project for piece in pieces})),
        environment=", ".join(sorted({piece.environment for piece in pieces})),
        begun_at=begun_at,
        seconds=seconds,
        version=metadata.version("diptych") if _installed("diptych") else "",
        suites=tuple(suites),
        seed=pieces[0].seed if len({piece.seed for piece in pieces}) == 1 else None,
        versions=_versions(),
        checks=tuple(sorted(checks, key=lambda each: (each.kind, each.view, each.feature, each.target))),
        findings=tuple(sorted(findings, key=lambda each: (each.kind, each.name, each.begun_at))),
        failures=tuple(f"{name.rpartition('::')[2]}: {first_line(text)}" for name, text in sorted(failures.items())),
        allow={cause: share for each in allow for cause, share in each.items()},
    )


def first_line(text: str) -> str:
    """The line of a failure's text that says the most: its first, without the class of the error."""
    line = next((line for line in text.splitlines() if line.strip()), "failed")
    return line.removeprefix("E   ").removeprefix("NotEqual: ")


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in _REPORTED if _installed(name)
    }


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
