"""Questions put to the sweep directly: records packed by the shortest way, gathered in an order of one's own."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diptych.compile.online import Answers, Gathering, Program, Sweep
from diptych.plan.nodes import View
from diptych.reference.door import Event, key_of
from diptych.testing.cases import Question
from tests.kernel.states import events_of, records_of, settled


def swept(view: View, history: Sequence[Mapping[str, Any]], spine: Sequence[Question], threads: int = 1) -> Answers:
    """The answers of a sweep, settled, in the order of the spine; records come in two batches, the later ones first."""
    program = Program.of(view)
    events = events_of(view, history)
    keys = list(dict.fromkeys(key_of(view, tuple(question.key)) for question in spine))
    asked = np.array([keys.index(key_of(view, tuple(question.key))) for question in spine], np.int64)
    instants = np.array([question.t for question in spine], np.int64)
    order = np.lexsort((instants, asked))
    sweep = Sweep.of(program, instants[order], np.bincount(asked, minlength=len(keys)))
    gathered = gather(program, events, keys)
    sweep.run(0, gathered, threads)
    places = np.empty(len(spine), np.int64)
    places[order] = np.arange(len(spine))
    return settled(sweep.answers.at(places))


def gather(program: Program, events: Sequence[Event], keys: Sequence[tuple[Any, ...]]) -> Gathering:
    """All events of the entities with these keys."""
    numbers = np.array([keys.index(event.key) if event.key in keys else -1 for event in events], np.int64)
    room = Gathering.of(program, np.bincount(numbers[numbers >= 0], minlength=len(keys)) + 1)  # one place too many each
    records = np.array([np.frombuffer(record, np.int64) for record in records_of(program, events)], np.int64)
    words = records.reshape(len(events), program.layout.record_words)
    half = len(events) // 2
    for batch in (slice(half, None), slice(0, half)):
        room.put(np.ascontiguousarray(words[batch].T), numbers[batch])
    return room
