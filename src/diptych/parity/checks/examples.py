"""The smallest history behind a difference, as a test to paste: of what an engine or store gets wrong by itself.

What went wrong on the way of the events (a batch that never came, a state that expired) shows in no history of theirs;
``diptych explain`` is for that.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from diptych.check.findings import Cause, Example, Findings, Mismatch
from diptych.ground.instants import DAY
from diptych.plan.nodes import View
from diptych.reference import spoken
from diptych.testing.cases import Question
from diptych.testing.example import rows_of, value_of
from diptych.testing.oracle import Judged
from diptych.testing.paste import pasted
from diptych.testing.shrink import differs_from_judge, smallest
from diptych.testing.targets import Target

SECONDS = 8.0
"""For the smallest history of one difference; the last step that is begun may last longer."""

MOST = 3
"""Examples of one comparison: of as many causes."""

LONG = 3_000
"""Rows of one entity from which on only those near the question are looked at."""

TARGETS = {"offline": ("duckdb",), "online": ("online-folded", "online"), "both": ("duckdb", "online-folded")}
"""Which of the suite's targets may show what a side got wrong."""

RowsOf = Callable[[View, tuple[Any, ...]], Sequence[Mapping[str, Any]]]


def shown_alone(
    findings: Findings, views: Mapping[str, View], rows: RowsOf, target: Callable[[str], Target]
) -> tuple[Example, ...]:
    """An example for each of the first few causes that a target shows by itself; ``views`` are by name."""
    found = []
    for mismatch in _one_of_each_cause(findings):
        view = views[mismatch.view]
        near = _near(view, rows_of(view, rows(view, tuple(mismatch.key.values()))), mismatch.at)
        for name in TARGETS.get(mismatch.wrong, ()):
            example = smallest_of(view, mismatch, near, target(name))
            if example is not None:
                found.append(example)
                break
    return tuple(found)


def smallest_of(
    view: View, mismatch: Mismatch, rows: Sequence[Mapping[str, Any]], target: Target, ending: str = ""
) -> Example | None:
    """The smallest part of the rows on which a target differs from the judge; None where it does not differ on all.

    ``ending`` is put in front of what the pasted test expects.
    """
    feature = next(feature for feature in view.features if feature.name == mismatch.feature)
    key = tuple(value_of(mismatch.key[part.name], part.type) for part in view.entity.keys)
    question, differs = Question(key, mismatch.at), differs_from_judge(view, feature.name, target)
    small = smallest(view, rows, question, differs, seconds=SECONDS, clock=time.monotonic)
    if len(small.history) == len(rows) and not differs(list(small.history), small.question):
        return None
    verdict = Judged.of(view, small.history, [small.question]).values[feature.name][0]
    why = f"{mismatch.cause.value}: {mismatch.detail}" if mismatch.detail else mismatch.cause.value
    name = "as_copied" if ending else "example"
    code = pasted(view, feature.name, small.history, small.question, spoken(verdict, feature.type), name, why)
    return Example(
        output=mismatch.output,
        cause=mismatch.cause,
        detail=mismatch.detail,
        rows=len(small.history),
        code=code.replace("        expect=", f"{ending}        expect="),
    )


def _one_of_each_cause(findings: Findings) -> Iterator[Mismatch]:
    """One mismatch of a view's own feature for each cause, those that can be explained first."""
    by_cause: dict[Cause, Mismatch] = {}
    for output in findings.outputs:
        for mismatch in output.examples:
            if mismatch.view and mismatch.wrong:
                by_cause.setdefault(mismatch.cause, mismatch)
    ordered = sorted(by_cause.values(), key=lambda each: each.cause is Cause.UNEXPLAINED)
    yield from ordered[:MOST]


def _near(view: View, rows: list[dict[str, Any]], t: int) -> list[dict[str, Any]]:
    """Of a long history, the rows that a window may reach, and what lies just before and behind."""
    time_column = view.source.timestamp
    if len(rows) <= LONG or time_column is None:
        return rows
    reach = max((each.window.reach for each in view.reductions if each.window.length is not None), default=DAY)
    first, last = t - reach - view.source.dedup_window - DAY, t + DAY
    timed = [row for row in rows if isinstance(row.get(time_column), int)]
    return [row for row in timed if first <= row[time_column] <= last][-LONG:]
