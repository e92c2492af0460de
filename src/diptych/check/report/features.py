"""What a run found out about each feature: all its columns, comparisons and checks in one row."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from diptych.check.findings import SIDES, Cause, Checked, Mismatch, OutputFindings, Point, Run

EXAMPLES = 6
"""Mismatches of one feature that a report shows."""

_NINE_DIGITS = 1e-9


@dataclass(frozen=True, slots=True)
class Cell:
    """The checks of one row on one target: cases by kind, and those that failed."""

    cases: Mapping[str, int]
    failed: tuple[Checked, ...]

    @property
    def passed(self) -> bool:
        """Whether all of them did."""
        return not self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One feature (or derived column, or a view as a whole) with what was compared and checked of it.

    ``group`` is its view, or the service of a derived column; ``name`` is empty for the checks of a whole view.
    ``cells`` are by target. ``sides`` name what was compared.
    """

    group: str
    name: str
    sides: tuple[str, str]
    anchor: str
    outputs: tuple[OutputFindings, ...] = ()
    cells: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The type of its values, where something was compared."""
        return self.outputs[0].type if self.outputs else ""

    @property
    def compared(self) -> int:
        """Values compared."""
        return sum(output.compared for output in self.outputs)

    @property
    def mismatches(self) -> int:
        """Values that differ."""
        return sum(output.mismatches for output in self.outputs)

    @property
    def equal(self) -> int:
        """Values that agree."""
        return self.compared - self.mismatches

    @property
    def nulls(self) -> tuple[int, int]:
        """Values that are null on the first side only, and on the second only."""
        outputs = self.outputs
        return sum(output.null_offline for output in outputs), sum(output.null_online for output in outputs)

    @property
    def causes(self) -> dict[Cause, int]:
        """Mismatches by cause, the commonest first."""
        return by_cause(self.outputs)

    @property
    def every_cause(self) -> tuple[Cause, ...]:
        """The causes of its mismatches, then those of its failed checks."""
        return tuple(dict.fromkeys([*self.causes, *(check.cause for check in self.failed_checks if check.cause)]))

    @property
    def largest_error(self) -> float | None:
        """The largest of all errors; None where no mismatch is of numbers."""
        return max((o.largest_error for o in self.outputs if o.largest_error is not None), default=None)

    @property
    def typical_error(self) -> float | None:
        """The typical error of its columns, each weighted by its mismatches."""
        typical = sorted((o.typical_error, o.mismatches) for o in self.outputs if o.typical_error is not None)
        half = sum(weight for _, weight in typical) / 2
        for error, weight in typical:
            half -= weight
            if half <= 0:
                return error
        return None

    @property
    def points(self) -> tuple[Point, ...]:
        """The sample of pairs, in order of time; what has no finite number is null there."""
        found = [_finite(point) for output in self.outputs for point in output.points]
        return tuple(sorted(found, key=lambda point: point.at))

    @property
    def examples(self) -> tuple[Mismatch, ...]:
        """A few mismatches: one of each cause first."""
        every = [mismatch for output in self.outputs for mismatch in output.examples]
        seen: Counter[Cause] = Counter()
        ranked = []
        for place, mismatch in enumerate(every):
            ranked.append((seen[mismatch.cause], place, mismatch))
            seen[mismatch.cause] += 1
        return tuple(mismatch for *_, mismatch in sorted(ranked, key=lambda each: each[:2])[:EXAMPLES])

    @property
    def failed_checks(self) -> tuple[Checked, ...]:
        """Its checks that failed, over all targets."""
        return tuple(check for cell in self.cells.values() for check in cell.failed)

    @property
    def wrong(self) -> bool:
        """Whether anything of it differs or failed."""
        return self.mismatches > 0 or bool(self.failed_checks)


def rows(run: Run) -> tuple[Row, ...]:
    """One row for each feature that was compared or checked: the worst first, then as they came.

    A feature that was compared under several names of the two sides has a row for each; its checks are in the one of
    the usual names where there is one, else in the first.
    """
    outputs: dict[tuple[str, str, tuple[str, str]], list[OutputFindings]] = {}
    for findings in run.findings:
        for output in findings.outputs:
            group, name = (output.view, output.feature) if output.view else (output.service, output.output)
            outputs.setdefault((group, name, findings.sides), []).append(output)
    checks: dict[tuple[str, str], list[Checked]] = {}
    for check in run.checks:
        checks.setdefault((check.view, check.feature), []).append(check)
    compared = {(group, name): named for group, name, named in reversed(outputs)}
    compared |= {(group, name): SIDES for group, name, named in outputs if named == SIDES}
    home = {feature: compared.get(feature, SIDES) for feature in checks}
    keys = dict.fromkeys([*outputs, *((*feature, named) for feature, named in home.items())])
    found = [
        Row(
            group=group,
            name=name,
            sides=named,
            anchor=f"feature-{number}",
            outputs=tuple(outputs.get((group, name, named), ())),
            cells=_cells(checks[group, name]) if home.get((group, name)) == named else {},
        )
        for number, (group, name, named) in enumerate(keys, 1)
    ]
    return tuple(sorted(found, key=lambda row: (-row.mismatches, not row.failed_checks)))


def targets(run: Run) -> tuple[str, ...]:
    """The engines and stores that checks ran against, in order of their first."""
    return tuple(dict.fromkeys(check.target for check in run.checks))


def by_cause(outputs: Iterable[OutputFindings]) -> dict[Cause, int]:
    """Mismatches of some columns by cause, the commonest first."""
    total: Counter[Cause] = Counter()
    for output in outputs:
        total.update(output.causes)
    return {cause: number for cause, number in total.most_common() if number}


def differs(point: Point) -> bool:
    """Whether a pair is a mismatch: as the comparison said, else by nine digits."""
    if point.differs is not None:
        return point.differs
    if point.offline is None or point.online is None:
        return (point.offline is None) != (point.online is None)
    return not math.isclose(point.offline, point.online, rel_tol=_NINE_DIGITS)


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most so many of the points, evenly, and the first and the last of them."""
    if len(points) <= most:
        return list(points)
    return [points[index * (len(points) - 1) // (most - 1)] for index in range(most)]


def _cells(checks: Sequence[Checked]) -> dict[str, Cell]:
    by_target: dict[str, list[Checked]] = {}
    for check in checks:
        by_target.setdefault(check.target, []).append(check)
    return {target: _cell(mine) for target, mine in by_target.items()}


def _cell(checks: Sequence[Checked]) -> Cell:
    cases: Counter[str] = Counter()
    for check in checks:
        cases[check.kind] += check.cases
    return Cell(dict(cases), tuple(check for check in checks if check.failure))


def _finite(point: Point) -> Point:
    return Point(point.at, _number(point.offline), _number(point.online), differs(point))


def _number(side: float | None) -> float | None:
    return side if side is not None and math.isfinite(side) else None
