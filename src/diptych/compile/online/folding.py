"""Folding states: what a writer swaps in for a long state, and what a backfill seeds."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from diptych.compile.online.answers import CorruptState
from diptych.compile.online.program import Program
from diptych.ground.values import INT64_MAX
from diptych.kernel import places as k
from diptych.kernel.fold import fold_many

Words = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Folded:
    """A state to swap in: its bytes, its horizon (no read before it), and how many tiles and raw records it has."""

    state: bytes
    horizon: int
    tiles: int
    records: int


def fold(
    program: Program,
    state: bytes,
    *,
    now: int,
    fold_lag: int,
    oldest_commit: int | None,
    generation: int,
) -> Folded | None:
    """The state, folded; None where a fold would not make it shorter.

    ``now``: the server's clock. ``fold_lag``: more than the clocks of hosts differ by. ``oldest_commit``: the oldest
    instant at which any partition of the source last committed its position (None: nothing is ever delivered
    again). ``generation``: a fresh random int64. Raises CorruptState.
    """
    words = _words(program, state)
    commit = INT64_MAX if oldest_commit is None else oldest_commit
    offsets, generations = np.array([0, len(words)]), np.array([generation])
    folded, _ = fold_many(program.code, words, offsets, now, fold_lag, commit, generations, 0)
    if len(folded) == 0:
        return None
    tiles = int(folded[k.HEADER_SHAPE]) & 0xFFFFFFFF
    raw = len(folded) - k.HEADER_WORDS - tiles * program.layout.tile_words
    horizon = int(folded[k.HEADER_HORIZON])
    return Folded(folded.tobytes(), horizon, tiles, raw // program.layout.record_words)


@dataclass(frozen=True, slots=True, eq=False)
class Seeds:
    """States of many entities: entity i has the words from ``offsets[i]`` to ``offsets[i + 1]``."""

    words: Words
    offsets: Words

    def state(self, entity: int) -> bytes:
        """The bytes of one entity's state."""
        return self.words[self.offsets[entity] : self.offsets[entity + 1]].tobytes()

    def states(self) -> list[bytes]:
        """The bytes of every entity's state."""
        joined, ends = self.words.tobytes(), (self.offsets * 8).tolist()
        return [joined[begin:end] for begin, end in pairwise(ends)]


def fold_sorted(
    program: Program,
    records: Words,
    offsets: Words,
    *,
    now: int,
    fold_lag: int,
    oldest_commit: int | None,
    generations: Words,
    seed: int,
) -> Seeds:
    """The folded states of many entities out of their raw records, for a backfill.

    ``records``: (n, layout.record_words) from ``pack``, entity after entity, in any order inside an entity.
    ``offsets``: (entities + 1,) rows where each begins. ``now``: the cut of the backfill; ``fold_lag`` is 0 when
    nothing known before the cut can still arrive. ``oldest_commit``: what is known from then on may be delivered
    again and stays raw. ``generations``: (entities,) random int64. ``seed``: the backfill's mark, not 0, in every
    header.
    """
    assert seed != 0
    commit = INT64_MAX if oldest_commit is None else oldest_commit
    words = np.ascontiguousarray(records).reshape(-1)
    starts = np.ascontiguousarray(offsets, dtype=np.int64) * program.layout.record_words
    joined, ends = fold_many(program.code, words, starts, now, fold_lag, commit, generations, seed)
    return Seeds(joined, ends)


def _words(program: Program, state: bytes) -> Words:
    view, layout = program.view.name, program.layout
    if len(state) % 8 == 0:
        words = np.frombuffer(state, dtype=np.int64)
        if _is_whole(program, words):
            return words
    raise CorruptState(
        f"view {view}: a stored state has {len(state)} bytes, which is no header, tiles of {layout.tile_bytes} and "
        f"records of {layout.record_bytes} bytes; forget that entity or backfill the view again"
    )


def _is_whole(program: Program, words: Words) -> bool:
    if len(words) == 0 or words[0] != k.NO_HEADER:
        return len(words) % program.layout.record_words == 0
    if len(words) < k.HEADER_WORDS or int(words[k.HEADER_SHAPE]) >> 32 != k.FORMAT:
        return False
    tiles = int(words[k.HEADER_SHAPE]) & 0xFFFFFFFF
    raw = len(words) - k.HEADER_WORDS - tiles * program.layout.tile_words
    return raw >= 0 and raw % program.layout.record_words == 0
