"""The last words of a run on the terminal."""

from collections import Counter
from pathlib import Path

from diptych.check.findings import Run
from diptych.parity.assembly import Assembled


def lines(assembled: Assembled, here: Path) -> list[str]:
    """What was compared, what failed, and where the report is."""
    run = assembled.run
    page = assembled.page
    shown = page.relative_to(here) if page.is_relative_to(here) else page
    return [*_compared(run), verdict(run), f"report: {shown}"]


def verdict(run: Run) -> str:
    """One sentence."""
    if run.failures:
        count = len(run.failures)
        return f"{count} check{'s' if count > 1 else ''} failed: training and serving are not proved equal"
    return "training and serving are equal"


def _compared(run: Run) -> list[str]:
    found = []
    for findings in run.findings:
        name = findings.kind if findings.kind == findings.name else f"{findings.kind} {findings.name}"
        found.append(f"{name}: {findings.compared:,} values compared, {findings.mismatches:,} differ")
    cases: Counter[str] = Counter()
    targets: dict[str, set[str]] = {}
    for check in run.checks:
        cases[check.kind] += check.cases
        targets.setdefault(check.kind, set()).add(check.target)
    for kind, count in sorted(cases.items()):
        found.append(f"{kind}: {count:,} cases on {', '.join(sorted(targets[kind]))}")
    return found
