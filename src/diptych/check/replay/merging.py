"""Findings of one output in several parts of a log, as one."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from diptych.check.findings import Cause, Mismatch, OutputFindings, Point
from diptych.check.measure import EXAMPLES, POINTS


def merged(parts: Sequence[OutputFindings]) -> OutputFindings:
    """One output over all parts. The typical error is the median of the parts' own, each as often as it has mismatches."""
    if len(parts) == 1:
        return parts[0]
    causes: Counter[Cause] = Counter()
    for part in parts:
        causes.update(part.causes)
    largest = [part.largest_error for part in parts if part.largest_error is not None]
    return msgspec.structs.replace(
        parts[0],
        compared=sum(part.compared for part in parts),
        mismatches=sum(part.mismatches for part in parts),
        null_offline=sum(part.null_offline for part in parts),
        null_online=sum(part.null_online for part in parts),
        causes=dict(sorted(causes.items(), key=lambda item: (-item[1], item[0]))),
        largest_error=max(largest, default=None),
        typical_error=_median(parts),
        points=_points([point for part in parts for point in part.points]),
        examples=_examples([example for part in parts for example in part.examples]),
    )


def _median(parts: Sequence[OutputFindings]) -> float | None:
    told = sorted((part.typical_error, part.mismatches) for part in parts if part.typical_error is not None)
    if not told:
        return None
    weights = np.cumsum([count for _, count in told])
    return told[int(np.searchsorted(weights, weights[-1] / 2))][0]


def _points(points: Sequence[Point]) -> tuple[Point, ...]:
    """As many as one part has, evenly over time."""
    ordered = sorted(points, key=lambda point: point.at)
    if len(ordered) <= POINTS:
        return tuple(ordered)
    return tuple(ordered[place] for place in np.linspace(0, len(ordered) - 1, POINTS).astype(int).tolist())


def _examples(examples: Sequence[Mismatch]) -> tuple[Mismatch, ...]:
    """A few of every cause."""
    by_cause: dict[Cause, list[Mismatch]] = {}
    for example in examples:
        by_cause.setdefault(example.cause, []).append(example)
    each = max(1, EXAMPLES // max(1, len(by_cause)))
    return tuple(example for group in by_cause.values() for example in group[:each])[:EXAMPLES]
