"""Reading the states of several views in one compiled call: the quick way, which leaves faults to ``read``."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diptych.compile.online.answers import Answers
from diptych.compile.online.program import Program
from diptych.kernel.request import read_views


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Programs that are read together, their codes joined; ``shapes``: words of output and answers of each."""

    programs: tuple[Program, ...]
    shapes: tuple[tuple[int, int], ...]
    codes: npt.NDArray[np.int64]
    code_ends: npt.NDArray[np.int64]

    @classmethod
    def of(cls, programs: Sequence[Program]) -> "Together":
        """Programs of one or more views."""
        ends = np.cumsum([len(program.code) for program in programs], dtype=np.int64)
        shapes = tuple((program.output_words, len(program.answers)) for program in programs)
        return cls(tuple(programs), shapes, np.concatenate([program.code for program in programs]), ends)

    def read(self, states: Sequence[bytes | None], counts: Sequence[int], instant: int) -> list[Answers] | None:
        """The answers of each view at an instant; None where a state is corrupt or the instant before its horizon.

        ``states``: the stored bytes of every view's entities, view after view, None (or empty) where there are none;
        ``counts``: how many of them belong to each view.
        """
        joined = b"".join([state for state in states if state])
        if len(joined) % 8:
            return None
        lengths = np.array([len(state) if state else 0 for state in states], np.int64)
        instants = np.full(len(states), instant, np.int64)
        sizes = list(zip(self.shapes, counts, strict=True))
        out = np.empty(sum([words * count for (words, _), count in sizes]), np.int64)
        marks = np.empty(sum([(2 * rows + 1) * count for (_, rows), count in sizes]), np.uint8)
        words = np.frombuffer(joined, np.int64)
        if not read_views(self.codes, self.code_ends, words, lengths, np.array(counts), instants, out, marks):
            return None
        answers, word, mark, entity = [], 0, 0, 0
        for program, ((width, rows), count) in zip(self.programs, sizes, strict=True):
            mine = marks[mark : mark + 2 * rows * count].reshape(2, rows, count)
            block = out[word : word + width * count].reshape(width, count)
            answers.append(Answers(program, block, mine[0], mine[1], instants[entity : entity + count]))
            word, mark, entity = word + width * count, mark + (2 * rows + 1) * count, entity + count
        return answers
