"""Many instants per entity, entities side by side: events gathered batch by batch, then every question answered."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock

import numpy as np
import numpy.typing as npt

from diptych.compile.online.answers import Answers
from diptych.compile.online.program import Program
from diptych.compile.online.records import pack_columns
from diptych.kernel.scatter import scatter
from diptych.kernel.sweep import sweep
from diptych.rows.values import Values

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Gathering:
    """Room for the records of n entities, of which entity e will have at most ``most[e]``."""

    program: Program
    begins: Whole
    free: Whole
    words: Whole
    _turn: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, program: Program, most: Whole) -> "Gathering":
        """Empty room."""
        ends = np.cumsum(most)
        begins = ends - most
        total = int(ends[-1]) if len(ends) else 0
        return cls(program, begins, begins.copy(), np.empty(total * program.layout.record_words, np.int64))

    def add(
        self,
        entities: Whole,
        ts: Whole,
        known_at: Whole,
        event_id: npt.NDArray[np.uint64],
        inputs: Sequence[Values],
        conditions: Sequence[npt.NDArray[np.bool_]],
    ) -> None:
        """Take in events, from any thread; ``entities``: whose each is, -1: nobody's; the rest as for ``pack``."""
        self.put(pack_columns(self.program.layout, ts, known_at, event_id, inputs, conditions), entities)

    def put(self, columns: Whole, entities: Whole) -> None:
        """Take in records as ``pack_columns`` gives them."""
        with self._turn:
            scatter(columns, entities, self.free, self.words)


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Questions about n entities: those about entity e are ``begins[e]`` to ``ends[e]`` of ``instants``, ascending."""

    program: Program
    instants: Whole
    begins: Whole
    ends: Whole
    words: Whole
    marks: npt.NDArray[np.uint8]
    answers: Answers

    @classmethod
    def of(cls, program: Program, instants: Whole, counts: Whole) -> "Sweep":
        """Questions that wait for their answers; ``counts``: how many there are about each entity."""
        rows, ends = len(program.answers), np.cumsum(counts)
        words = np.empty((len(instants), program.output_words), np.int64)
        marks = np.empty((len(instants), 2 * rows), np.uint8)
        answers = Answers(program, words.T, marks[:, :rows].T, marks[:, rows:].T, instants)
        return cls(program, instants, ends - counts, ends, words, marks, answers)

    def run(self, first: int, gathered: Gathering, threads: int) -> None:
        """Answer the questions about the entities from ``first`` on, whose records are gathered."""

        def part(begin: int, end: int) -> None:
            here = slice(first + begin, first + end)
            sweep(
                self.program.code,
                gathered.words,
                gathered.begins[begin:end],
                gathered.free[begin:end],
                self.instants,
                self.begins[here],
                self.ends[here],
                self.words,
                self.marks,
            )

        size = len(gathered.begins)
        load = gathered.free - gathered.begins + self.ends[first : first + size] - self.begins[first : first + size]
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(part, *piece) for piece in _pieces(load, 4 * threads)]:
                done.result()


def _pieces(load: Whole, count: int) -> Iterator[tuple[int, int]]:
    """Stretches of entities, at most ``count`` of them, of about the same load unless one entity has more."""
    total = np.cumsum(load)
    goals = np.arange(1, count + 1) * (int(total[-1]) if len(total) else 0) // count
    cuts = np.unique(np.concatenate([[0], np.searchsorted(total, goals) + 1, [len(load)]]))
    cuts = cuts[cuts <= len(load)].tolist()
    yield from pairwise(cuts)
