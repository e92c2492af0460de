"""How a case is put together: the cast's rows at chosen instants, with ids of their own, and questions about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diptych.ground.instants import EARLIEST, LATEST
from diptych.plan.nodes import View, Window
from diptych.reference import ARRIVED_AT
from diptych.testing.boundaries.case import BoundaryCase, Rule
from diptych.testing.boundaries.cast import Cast, Row, timed_row
from diptych.testing.cases.case import Question


@dataclass
class Script:
    """A history being written."""

    cast: Cast
    rows: list[Row] = field(default_factory=list)

    def add(
        self, ts: int, known: int | None = None, rows: Sequence[Row] | None = None, first: int | None = None
    ) -> "Script":
        """Put rows (the telling ones) at an instant, known then or at another; ``first`` is the number of the first
        one's id, a new one by default."""
        known = ts if known is None else known
        start = len(self.rows) if first is None else first
        for place, row in enumerate(self.cast.telling_at(ts, known) if rows is None else rows):
            self.rows.append(timed_row(self.cast.view, row, ts, known, start + place))
        return self

    def exactly(self, row: Row) -> "Script":
        """Put a row as it is."""
        self.rows.append(row)
        return self

    def case(
        self,
        name: str,
        about: Rule,
        rule: str,
        instants: Iterable[int],
        keys: Sequence[tuple[Any, ...]] | None = None,
        alone: bool = False,
    ) -> BoundaryCase:
        """The case that asks for the hero's entity, or for others, at each of the instants."""
        asked = sorted({at for at in instants if EARLIEST < at <= LATEST})
        rows = self.rows if is_plain(self.rows) else [_stamped(self.cast.view, row) for row in self.rows]
        questions = tuple(Question(key, at) for at in asked for key in keys or [self.cast.key])
        return BoundaryCase(name, about, rule, tuple(rows), questions, alone)


def is_plain(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether no row says by itself when it arrived."""
    return not any(ARRIVED_AT in row for row in rows)


def _stamped(view: View, row: Row) -> Row:
    """A row of a recorded history, in which every row says when it arrived."""
    known = view.source.known_at or view.source.timestamp
    return {ARRIVED_AT: None if known is None else row.get(known), **row}


@dataclass(frozen=True)
class Stage:
    """A view, its cast, and the instant ``now`` around which cases are played: an edge of every hop."""

    cast: Cast

    @property
    def view(self) -> View:
        """The view that is played."""
        return self.cast.view

    @property
    def now(self) -> int:
        """The instant at which most cases are asked, in microseconds."""
        return self.cast.anchor

    def script(self) -> Script:
        """An empty history."""
        return Script(self.cast)

    @property
    def windows(self) -> list[Window]:
        """The view's different windows that have a tail, short ones first."""
        found = {reduction.window for reduction in self.view.reductions if not reduction.window.lifetime}
        return sorted(found, key=lambda window: (window.length or 0, window.step))

    @property
    def longest(self) -> int:
        """The longest reach of a window, in microseconds."""
        return max((window.reach for window in self.windows), default=0)
