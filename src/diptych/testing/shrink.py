"""The smallest history that still shows a difference: fewer rows, then simpler ones.

Bounded by tries and by seconds, and deterministic but for the clock: what is left when a bound is hit still differs.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diptych.plan.nodes import View
from diptych.testing.boundaries.cast import identifier, own_columns
from diptych.testing.boundaries.pools import filling, fits
from diptych.testing.cases.case import Question
from diptych.testing.example import rows_of
from diptych.testing.narrow import only
from diptych.testing.oracle import Judged, differences
from diptych.testing.targets.target import Target

Row = dict[str, Any]
Differs = Callable[[Sequence[Row], Question], bool]


@dataclass(frozen=True, slots=True)
class Smallest:
    """What is left. ``done`` is False where a bound was hit before nothing more could be taken away."""

    history: tuple[Row, ...]
    question: Question
    tries: int
    done: bool


class _Enough(Exception):
    """Internal: a bound was hit."""


@dataclass
class _Search:
    differs: Differs
    question: Question
    rows: list[Row]
    tries: int
    deadline: float
    clock: Callable[[], float]
    tried: int = 0
    seen: set[str] = field(default_factory=set)

    def takes(self, rows: list[Row]) -> bool:
        """Go on with these rows if they still differ."""
        said = repr(rows)
        if said in self.seen:
            return False
        if self.tried >= self.tries or self.clock() > self.deadline:
            raise _Enough
        self.seen.add(said)
        self.tried += 1
        if not self.differs(rows, self.question):
            return False
        self.rows = rows
        return True


def smallest(
    view: View,
    history: Sequence[Mapping[str, Any]],
    question: Question,
    differs: Differs,
    *,
    tries: int = 500,
    seconds: float = 20.0,
    clock: Callable[[], float] = time.monotonic,
) -> Smallest:
    """The smallest history found for which ``differs`` still holds; it must hold for the history given.

    Instants in rows may be datetimes; in what is left, and in what is tried, they are int microseconds.
    Rows are taken away first (those of other entities and outside every window at once), then columns are emptied or
    given the simplest value, then ids are told apart and arrivals moved to the event's own time. An exception of
    ``differs`` is the caller's.
    """
    search = _Search(differs, question, rows_of(view, history), tries, clock() + seconds, clock)
    done = True
    try:
        for guess in reversed([*_guesses(view, search.rows, question)]):  # the smallest first: a history may be long
            if search.takes(guess):
                break
        before = None
        while before != search.rows:
            before = search.rows
            _fewer(search)
            _simpler(view, search)
    except _Enough:
        done = False
    return Smallest(tuple(search.rows), question, search.tried, done)


def differs_from_judge(view: View, feature: str, target: Target) -> Differs:
    """Whether a target answers one feature otherwise than the judge; that it raises is a difference too."""
    narrow = only(view, feature)

    def differs(history: Sequence[Row], question: Question) -> bool:
        verdict = Judged.of(narrow, history, [question])
        try:
            answers = target.answer(narrow, history, [question])
        except Exception:
            return True
        return bool(differences(narrow, [question], answers, verdict.values, verdict.magnitudes))

    return differs


def _guesses(view: View, rows: list[Row], question: Question) -> Iterator[list[Row]]:
    """What is most likely all that matters: the entity's own rows, those before the question, those in a window."""
    source = view.source
    if all(name in row for name in view.on for row in rows):
        rows = [row for row in rows if tuple(row[name] for name in view.on) == question.key]
        yield rows
    if source.timestamp is None:
        return
    timed = [row for row in rows if isinstance(row.get(source.timestamp), int)]
    longest = max((r.window.reach for r in view.reductions if not r.window.lifetime), default=None)
    for reach in (longest, None if longest is None else longest // 24):
        if reach is not None:
            near = range(question.t - reach - source.dedup_window, question.t + 1)
            yield [row for row in timed if row[source.timestamp] in near]


def _fewer(search: _Search) -> None:
    """Delta debugging over rows: take away halves, quarters, and so on down to single rows."""
    size = max(1, len(search.rows) // 2)
    while search.rows:
        start = 0
        while start < len(search.rows):
            if not search.takes(search.rows[:start] + search.rows[start + size :]):
                start += size
        if size == 1:
            return
        size = max(1, size // 2)


def _simpler(view: View, search: _Search) -> None:
    """Each column of all rows at once, then row by row."""
    own = own_columns(view)
    for declared in view.source.columns:
        if declared.name in own or declared.name in view.on:
            continue
        for value in _simple(declared.type):
            if _set(search, range(len(search.rows)), declared.name, value):
                break
        else:
            for place in range(len(search.rows)):
                any(_set(search, [place], declared.name, value) for value in _simple(declared.type))
    _plainer_ids(view, search)
    _prompt(view, search)


def _simple(type_: Any) -> list[Any]:
    return [value for value in ((None,) if type_.nullable else ()) + (filling(type_),) if fits(type_, value)]


def _set(search: _Search, places: Sequence[int], name: str, value: Any) -> bool:
    changed = [
        {**row, name: value} if place in places and _costs(row.get(name)) > _costs(value) else row
        for place, row in enumerate(search.rows)
    ]
    return changed != search.rows and search.takes(changed)


def _costs(value: Any) -> int:
    """How much there is to read: a null costs nothing, a simple value little."""
    return 0 if value is None else 1 if value in (0, "", False) else 2


def _plainer_ids(view: View, search: _Search) -> None:
    """Ids of few letters, first all different (then no row is a copy), else those that are equal kept equal."""
    name = view.source.event_id
    if name is None or name in view.on:
        return
    declared = next(each for each in view.source.columns if each.name == name)
    own = [{**row, name: identifier(declared, place)} for place, row in enumerate(search.rows)]
    if own != search.rows and search.takes(own):
        return
    numbers: dict[Any, int] = {}
    for row in search.rows:
        numbers.setdefault(row.get(name), len(numbers))
    same = [
        row if row.get(name) is None else {**row, name: identifier(declared, numbers[row[name]])} for row in search.rows
    ]
    if same != search.rows:
        search.takes(same)


def _prompt(view: View, search: _Search) -> None:
    """Events known at their own time."""
    ts, known = view.source.timestamp, view.source.known_at
    if ts is None or known is None:
        return
    for place, row in enumerate(search.rows):
        if row.get(known) != row.get(ts) and row.get(ts) is not None:
            rows = list(search.rows)
            rows[place] = {**row, known: row[ts]}
            search.takes(rows)
