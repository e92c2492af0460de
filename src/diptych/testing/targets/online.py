"""The online side as targets: what real ingestion appends to a real store and a real reader answers.

Each history goes into a corner of its own, which is deleted afterwards, so targets may share a server with anybody.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pyarrow as pa

from diptych.compile.online import BeforeHorizon
from diptych.ground.errors import DiptychError
from diptych.plan.nodes import View
from diptych.serve.consume import Consumer
from diptych.serve.folding import Folder
from diptych.serve.stores.protocol import KeyValueStore
from diptych.serve.stream import TableStream
from diptych.testing.build import table
from diptych.testing.cases.case import Question
from diptych.testing.oracle import Answers, Row
from diptych.testing.targets.corner import Corner, in_order, known

BATCH_ROWS = 4
"""Rows that a stream hands over at a time: few, so that an entity's events come in several batches."""


class AnswerChanged(DiptychError):
    """An instant that was answered in two ways."""


@dataclass(frozen=True, slots=True)
class Online:
    """All of a history is ingested, then every question is asked; nothing is folded."""

    store: KeyValueStore
    name: str = "online"

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        """See Target."""
        rows = in_order(view, history)
        with _corner(view, self.store, history, None) as corner:
            if corner.ingestor.replay:
                _feed(corner, table(view.source, rows))
            else:
                _live(corner, rows, 0, len(rows))
            return _answers(view, len(spine), [_ask(corner, spine, places) for places in _by_instant(spine)])

    def close(self) -> None:
        """The store is its owner's."""


@dataclass(frozen=True, slots=True)
class OnlineFolded:
    """Each question is asked when all that was known before it is in, and every append may fold.

    In the end every question is asked again: what came and was folded since must not change its answer, unless it lies
    before the horizon, and then the read must be refused. A changed answer raises AnswerChanged.

    With ``pushed``, and where rows say when they arrived, events come live, each at the instant at which history knew it,
    and every state is folded before every question.
    """

    store: KeyValueStore
    pushed: bool = False
    name: str = field(default="online-folded")

    def answer(self, view: View, history: Sequence[Row], spine: Sequence[Question]) -> Answers:
        """See Target."""
        rows = in_order(view, history)
        folder = Folder(self.store, None, 0, 0, worthwhile=1.0)  # type: ignore[arg-type]  # lends its settings only
        with _corner(view, self.store, history, folder, pushed=self.pushed) as corner:
            whole = table(view.source, rows)
            instants = [known(view, row) or 0 for row in rows]
            found, done = [], 0
            for places in _by_instant(spine):
                t = spine[places[0]].t
                upto = done
                while upto < len(rows) and instants[upto] < t:
                    upto += 1
                if corner.ingestor.replay:
                    if upto > done:
                        _feed(corner, whole.slice(0, upto))
                else:
                    _live(corner, rows, done, upto)
                    corner.fold(now=t)
                done = upto
                found.append(_ask(corner, spine, places))
            for places, before in found:
                _ask_again(corner, spine, places, before)
            return _answers(view, len(spine), found)

    def close(self) -> None:
        """The store is its owner's."""


_ADDING = 1e-6

_Found = tuple[list[int], dict[str, Any]]


@contextmanager
def _corner(
    view: View, store: KeyValueStore, history: Sequence[Row], folder: Folder | None, *, pushed: bool = False
) -> Iterator[Corner]:
    """A corner for a history: replayed, unless rows say when they arrived and can be pushed then."""
    live = pushed or (view.source.event_id is not None and any("arrived_at" in row for row in history))
    corner = Corner.of(view, store, replay=not live, folder=folder)
    try:
        yield corner
    finally:
        corner.clear()


def _feed(corner: Corner, rows: pa.Table) -> None:
    stream = TableStream("stream", rows, "", BATCH_ROWS)
    Consumer(corner.ingestor, corner.view.source.name, stream).run()


def _live(corner: Corner, rows: Sequence[Row], begin: int, end: int) -> None:
    """Rows from ``begin`` to before ``end``, each at the instant at which it was known: pushed where they have an id,
    else out of a stream, whose positions are ids."""
    for instant, same in groupby(rows[begin:end], lambda row: known(corner.view, row) or 0):
        corner.clock.now = instant
        arrived = list(same)
        begin += len(arrived)
        if corner.view.source.event_id is None:
            corner.stream(rows, begin)
        else:
            corner.push(*arrived)


def _by_instant(spine: Sequence[Question]) -> list[list[int]]:
    """Places of the spine by instant, in the order of time."""
    order = sorted(range(len(spine)), key=lambda place: spine[place].t)
    return [list(places) for _, places in groupby(order, lambda place: spine[place].t)]


def _ask(corner: Corner, spine: Sequence[Question], places: list[int]) -> _Found:
    return places, corner.ask_all([spine[place].key for place in places], spine[places[0]].t)


def _ask_again(corner: Corner, spine: Sequence[Question], places: list[int], before: dict[str, Any]) -> None:
    try:
        _, after = _ask(corner, spine, places)
    except BeforeHorizon:
        return
    for name, answers in before.items():
        for place, one, other in zip(places, answers.to_pylist(), after[name].to_pylist(), strict=True):
            if one != other and not _near(one, other):
                question = spine[place]
                raise AnswerChanged(
                    f"{name} of {question.key} at {question.t} was {one!r}, and {other!r} after later events and folds: "
                    "a read before the horizon must be refused, and any other must answer as before"
                )


def _near(one: Any, other: Any) -> bool:
    """Whether two floats differ only by the order in which they were added up."""
    floats = isinstance(one, float) and isinstance(other, float)
    return floats and (one == other or abs(one - other) <= _ADDING * max(abs(one), abs(other)))


def _answers(view: View, count: int, found: Sequence[_Found]) -> Answers:
    """The answers in the order of the spine."""
    order = [place for places, _ in found for place in places]
    back = pa.array(sorted(range(count), key=lambda row: order[row]), pa.int64())
    return {
        feature.name: pa.concat_arrays([part[feature.name] for _, part in found]).take(back) if found else []
        for feature in view.features
    }
