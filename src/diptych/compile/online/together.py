"""Reading the states of several views in one compiled call: the quick way, which leaves faults to ``read``."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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

    def read(self, states: Sequence[bytes | None], counts: Sequence[int], instant: int) -> "Block | None":
        """The answers of each view at an instant; None where a state is corrupt or the instant before its horizon.

        ``states``: the stored bytes of every view's entities, view after view, None (or empty) where there are none;
        ``counts``: how many of them belong to each view.
        """
        joined = b"".join([state for state in states if state])
        if len(joined) % 8:
            return None
        lengths = np.array([len(state) if state else 0 for state in states], np.int64)
        words = sum([width * count for (width, _), count in zip(self.shapes, counts, strict=True)])
        marks = sum([(2 * rows + 1) * count for (_, rows), count in zip(self.shapes, counts, strict=True)])
        block = Block(self, counts, np.empty(words, np.int64), np.empty(marks, np.uint8), instant)
        whole = read_views(
            self.codes,
            self.code_ends,
            np.frombuffer(joined, np.int64),
            lengths,
            np.array(counts, np.int64),
            instant,
            block.words,
            block.marks,
        )
        return block if whole else None


@dataclass(frozen=True, eq=False)
class Block:
    """The answers of several views in one piece of memory, one view behind the other.

    Of each view ``words`` has (words of output, entities) int64, and ``marks`` (2 * answers + 1, entities) uint8: its
    rows of validity, of status, and one of faults.
    """

    together: Together
    counts: Sequence[int]
    words: npt.NDArray[np.int64]
    marks: npt.NDArray[np.uint8]
    instant: int

    @cached_property
    def answers(self) -> list[Answers]:
        """The answers of each view, as views of this memory."""
        found, word, mark = [], 0, 0
        for program, (width, rows), count in zip(
            self.together.programs, self.together.shapes, self.counts, strict=True
        ):
            marks = self.marks[mark : mark + 2 * rows * count].reshape(2, rows, count)
            words = self.words[word : word + width * count].reshape(width, count)
            found.append(Answers(program, words, marks[0], marks[1], np.full(count, self.instant, np.int64)))
            word, mark = word + width * count, mark + (2 * rows + 1) * count
        return found
