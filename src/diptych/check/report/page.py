"""The report as one HTML page that needs nothing else: no other file, no network, no script to be read."""

import base64
import hashlib
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from diptych.check.findings import Example, Findings, Mismatch, Run, Sampling
from diptych.check.report import features, overview, words
from diptych.check.report.features import Row
from diptych.check.report.plots import ErrorPlot, ScatterPlot, Timeline, spread

DETAILED = 40
"""Features with a section of their own, the worst; the table names all."""

SHOWN = 100
"""Failures that are listed in words."""

EXAMPLES = 30
"""Minimal examples that are shown."""

LONGEST_CODE = 20_000
"""Characters of one example's code."""

OPEN = 60
"""Features that agree, up to which their table is open from the start when others differ."""


@dataclass(frozen=True, slots=True)
class Group:
    """The features of one view, with the checks of the view as a whole where there are any."""

    name: str
    whole: Row | None
    rows: tuple[Row, ...]

    @property
    def compared(self) -> int:
        """Values compared."""
        return sum(row.compared for row in self.rows)


def html(run: Run) -> str:
    """The page; everything that comes from data is escaped."""
    rows = features.rows(run)
    wrong = [row for row in rows if row.wrong]
    return (
        _environment()
        .get_template("page.html")
        .render(
            run=run,
            verdict=overview.verdict(run),
            ran=overview.ran(run),
            again=overview.AGAIN,
            tallies=overview.tallies(run.checks),
            comparisons=[findings for findings in run.findings if findings.kind != overview.COPY],
            copies=[findings for findings in run.findings if findings.kind == overview.COPY],
            causes=overview.causes(run, rows),
            targets=features.targets(run),
            wrong=wrong,
            agreeing=_groups([row for row in rows if not row.wrong]),
            detailed=[row for row in wrong if row.mismatches][:DETAILED],
            failed=[check for row in wrong for check in row.failed_checks][:SHOWN],
            examples=_examples(run),
            limits={"shown": SHOWN, "detailed": DETAILED, "examples": EXAMPLES, "open": OPEN, "code": LONGEST_CODE},
        )
    )


def _groups(rows: Sequence[Row]) -> list[Group]:
    names = dict.fromkeys(row.group for row in rows)
    return [
        Group(
            name,
            next((row for row in rows if row.group == name and not row.name), None),
            tuple(row for row in rows if row.group == name and row.name),
        )
        for name in names
    ]


def _examples(run: Run) -> list[Example]:
    """One of each cause first, so that none is left out."""
    every = [example for findings in run.findings for example in findings.examples]
    seen: dict[Any, int] = {}
    ranked = []
    for place, example in enumerate(every):
        rank = seen[example.cause] = seen.get(example.cause, -1) + 1
        ranked.append((rank, place, example))
    return [example for *_, example in sorted(ranked, key=lambda each: each[:2])]


def _error_plot(row: Row) -> Markup | None:
    return ErrorPlot.of(row.points).svg(_name(row), row.sides) if row.points else None


def _scatter_plot(row: Row) -> Markup | None:
    return ScatterPlot.of(row.points).svg(_name(row), row.sides) if row.points else None


def _timeline(findings: Findings) -> Timeline | None:
    points = [point for output in findings.outputs for point in output.points]
    return Timeline.of(points) if points else None


def _name(row: Row) -> str:
    return f"{row.group}:{row.name}"


def _skew(sampling: Sampling) -> str:
    return words.share(sampling.detectable) if sampling.detectable > 0 else "any"


def _sortable(error: float | None) -> float:
    """An error as the script sorts it; none at all is the least."""
    return -1.0 if error is None or math.isnan(error) else min(error, sys.float_info.max)


def _breakable(name: str) -> Markup:
    """A name that may go on in the next line behind each underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def _wrong_side(mismatch: Mismatch, sides: tuple[str, str]) -> str:
    named = {"offline": sides[0], "online": sides[1], "both": "both"}
    return named.get(mismatch.wrong, mismatch.wrong)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("diptych.check.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _text("table.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {
        "style": Markup(_text("style.css")),
        "script": Markup(script),
        "script_hash": f"sha256-{digest}",
        "meters": overview.meters,
        "told": overview.told,
        "sampled": overview.sampled,
        "detectable": overview.detectable,
        "skew": _skew,
        "kinds": overview.KINDS,
        "kinds_of": overview.kinds,
        "spread": spread,
        "error_plot": _error_plot,
        "scatter_plot": _scatter_plot,
        "timeline": _timeline,
        "wrong_side": _wrong_side,
    }
    environment.filters |= {
        "count": words.count,
        "counted": words.counted,
        "share": words.share,
        "seconds": words.seconds,
        "number": words.number,
        "instant": words.instant,
        "value": words.value,
        "key": words.key,
        "shortened": words.shortened,
        "name": _name,
        "breakable": _breakable,
        "sortable": _sortable,
        "zip": zip,
    }
    return environment


def _text(name: str) -> str:
    """One of the page's own files, as it stands in the page."""
    return (resources.files("diptych.check.report") / "templates" / name).read_text(encoding="utf-8").strip()
