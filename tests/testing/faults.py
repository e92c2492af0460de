"""Faults that a target may have: the judge with one rule bent, as a target."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from diptych.plan.nodes import Reduction, View, Window
from diptych.reference import Judge
from diptych.testing.cases import Question
from diptych.testing.oracle import Answers

Rows = Sequence[Mapping[str, Any]]
Answer = Callable[[View, Rows, Sequence[Question]], Answers]


@dataclass(frozen=True)
class Faulty:
    """A target out of a function."""

    answers: Answer

    @property
    def name(self) -> str:
        return self.answers.__name__

    def answer(self, view: View, history: Rows, spine: Sequence[Question]) -> Answers:
        return self.answers(view, history, spine)

    def close(self) -> None:
        return


def as_it_is(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    judge = Judge(view, history)
    answers = [judge.answers(question.key, question.t) for question in spine]
    return {feature.name: [answer[feature.name].value for answer in answers] for feature in view.features}


def with_windows(view: View, change: Callable[[Window], Window]) -> View:
    return with_reductions(view, lambda r: replace(r, window=change(r.window)))


def with_reductions(view: View, change: Callable[[Reduction], Reduction]) -> View:
    return replace(view, reductions=tuple(change(reduction) for reduction in view.reductions))


def with_source(view: View, **changes: Any) -> View:
    return replace(view, source=replace(view.source, **changes))


def sees_its_own_instant(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    return as_it_is(view, history, [Question(key, t + 1) for key, t in spine])


def a_microsecond_long(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    return as_it_is(with_windows(view, lambda w: Window(w.length and w.length + 1, w.hop)), history, spine)


def a_microsecond_short(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    return as_it_is(with_windows(view, lambda w: Window(w.length and w.length - 1, w.hop)), history, spine)


HOPS = [n * 1_000_000 for n in (1, 10, 60, 300, 3600, 86_400, 604_800)]


def hop_of_the_next(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    def change(window: Window) -> Window:
        return window if window.hop is None else Window(window.length, HOPS[HOPS.index(window.hop) + 1])

    return as_it_is(with_windows(view, change), history, spine)


def hop_of_the_one_before(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    def change(window: Window) -> Window:
        return window if window.hop is None else Window(window.length, HOPS[HOPS.index(window.hop) - 1])

    return as_it_is(with_windows(view, change), history, spine)


def known_at_once(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    untold = [{name: value for name, value in row.items() if name != "arrived_at"} for row in history]
    return as_it_is(with_source(view, known_at=None, lateness=None, max_skew=None), untold, spine)


def counts_every_copy(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    return as_it_is(with_source(view, dedup_window=-1), history, spine)


def remembers_ids_for_ever(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    return as_it_is(with_source(view, dedup_window=2**62), history, spine)


def ties_by_arrival(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    ts = view.source.timestamp
    if ts is None:
        return as_it_is(view, history, spine)
    moved = [{**row, ts: None if row.get(ts) is None else row[ts] + i} for i, row in enumerate(history)]
    return as_it_is(view, moved, spine)


def drops_where(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    return as_it_is(with_reductions(view, lambda r: replace(r, where=None)), history, spine)


def drops_the_filter(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    return as_it_is(with_source(view, filter=None), history, spine)


def forgets_the_first_key_part(view: View, history: Rows, spine: Sequence[Question]) -> Answers:
    fewer = replace(view, entity=replace(view.entity, keys=view.entity.keys[1:]), on=view.on[1:])
    return as_it_is(fewer, history, [Question(key[1:], t) for key, t in spine])
