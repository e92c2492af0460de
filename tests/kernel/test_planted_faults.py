"""Every rule of the state, taken away alone, is caught by the random lives that the real thing survives."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from diptych.compile.online import Folded, Program, answers, fold, folding
from diptych.kernel import places as k
from tests.kernel.life import LAG, POOL, Entity, live, random_entity
from tests.kernel.mutants import python_kernel

LIVES = 300
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")


@dataclass(frozen=True)
class Fault:
    rule: str
    module: str
    old: str
    new: str
    dedup_window: int = 5

    def __str__(self) -> str:
        return self.rule


FAULTS = (
    Fault(
        "1 a fold takes only what is older than the duplicate window",
        "placement",
        "return min(min(horizon, now) - code[FOLD_AGE], commit)",
        "return min(min(horizon, now), commit)",
    ),
    Fault(
        "1 a fold takes only what is known before the horizon",
        "placement",
        "return min(min(horizon, now) - code[FOLD_AGE], commit)",
        "return min(now - code[FOLD_AGE], commit)",
        dedup_window=1,
    ),
    Fault(
        "1 a fold takes only what cannot be delivered again",
        "placement",
        "return min(min(horizon, now) - code[FOLD_AGE], commit)",
        "return min(horizon, now) - code[FOLD_AGE]",
    ),
    Fault(
        "1 and 4: what lies after the horizon stays raw",
        "placement",
        "elif stands and words[rows[chain[i]] + TS] >= horizon:",
        "elif False:",
        dedup_window=1,
    ),
    Fault(
        "2 every copy of a counted event goes",
        "placement",
        "fates[chain[i]] = TAKE if stands else GONE",
        "fates[chain[i]] = TAKE if stands else KEEP",
    ),
    Fault(
        "2 only if the newest copy may be taken",
        "placement",
        "may = words[rows[chain[length - 1]] + KNOWN_AT] < limit",
        "may = words[rows[chain[0]] + KNOWN_AT] < limit",
    ),
    Fault(
        "2 copies are chosen by what is known first",
        "state",
        "while place > 0 and compare_copies(code, words, rows[copy], rows[chain[place - 1]]) < 0:",
        "while place > 0 and compare_copies(code, words, rows[copy], rows[chain[place - 1]]) > 0:",
    ),
    Fault(
        "3 a tile fits the hop or is past the window",
        "placement",
        "if code[hop + 1] % size != 0 and start + size > floor_to(horizon - code[hop], code[hop + 1]):",
        "if False:",
    ),
    Fault(
        "3 a tile is past by its end, not by its start",
        "placement",
        "if code[hop + 1] % size != 0 and start + size > floor_to(horizon - code[hop], code[hop + 1]):",
        "if code[hop + 1] % size != 0 and start > floor_to(horizon - code[hop], code[hop + 1]):",
    ),
    Fault(
        "3 nothing goes before the tail of its window is past the hop",
        "placement",
        "if end > floor_to(horizon - code[hop], code[hop + 1]):",
        "if end > horizon - code[hop]:",
    ),
    Fault(
        "3 lifetime features keep what leaves the windows",
        "placement",
        "return np.int64(0) if code[LIFETIME] else np.int64(NOWHERE)",
        "return np.int64(NOWHERE)",
    ),
    Fault(
        "5 an exact window pins its records",
        "placement",
        "listed = code[red + RED_LENGTH] if code[red + RED_OP] == LATEST else matched",
        "listed = code[red + RED_LENGTH]",
    ),
    Fault(
        "5 a list pins its last n",
        "placement",
        "listed = code[red + RED_LENGTH] if code[red + RED_OP] == LATEST else matched",
        "listed = code[red + RED_LENGTH] - 1 if code[red + RED_OP] == LATEST else matched",
    ),
    Fault(
        "5 distinct pins the newest record of each value",
        "placement",
        "code[red + RED_VALUE], code[red + RED_WORDS]) == 1:",
        "code[red + RED_VALUE], code[red + RED_WORDS]) == 0:",
    ),
    Fault("5 a pinned record is marked as counted", "fold", "out[at + FLAGS] |= COUNTED", "out[at + FLAGS] |= 0"),
    Fault("6 the horizon never goes back", "fold", "horizon = max(horizon, now - lag)", "horizon = now - lag"),
    Fault("9 a read sees only what was known", "point", "if words[row + KNOWN_AT] < t:", "if True:"),
    Fault("9 a read sees only what was before it", "point", "if words[rows[i] + TS] < t:", "if True:"),
)


def lives(kind: type[Entity], pool: Sequence[int] = range(len(POOL)), count: int = LIVES) -> int | None:
    """The seed of the first life that goes wrong."""
    for seed in range(count):
        try:
            live(random_entity(kind, random.Random(seed), pool), random.Random(seed + 1))
        except AssertionError:
            return seed
    return None


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_caught(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = python_kernel(fault.module, fault.old, fault.new)
    if fault.module == "point":
        monkeypatch.setattr(answers, "read_points", planted["point"].read_points)
    else:
        monkeypatch.setattr(folding, "fold_many", planted["fold"].fold_many)
    assert lives(_with_window(fault.dedup_window)) is not None


def test_plain_python_without_a_fault_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests above would prove only that plain Python differs from the compiled loops."""
    plain = python_kernel()
    monkeypatch.setattr(answers, "read_points", plain["point"].read_points)
    monkeypatch.setattr(folding, "fold_many", plain["fold"].fold_many)
    assert lives(_with_window(5), count=15) is None
    assert lives(_with_window(1), count=15) is None


def _with_window(dedup: int) -> type[Entity]:
    return type("Windowed", (Entity,), {"dedup_window": dedup})


class CommitsIgnored(Entity):
    """A folder that knows nothing of the consumer's positions."""

    def fold(self, state: bytes) -> Folded | None:
        return fold(self.program, state, now=self.now, fold_lag=LAG, oldest_commit=None, generation=1)


class NoLag(Entity):
    """A folder that trusts its clock, while hosts are up to LAG behind."""

    def fold(self, state: bytes) -> Folded | None:
        return fold(self.program, state, now=self.now, fold_lag=0, oldest_commit=self.commit, generation=1)


class _ReadsOtherwise(Entity):
    """A reader whose reducers choose records otherwise than the folder's."""

    tiled = 0

    def ask(self, t: int) -> None:
        program, self.program = self.program, self._other(self.program)
        try:
            super().ask(t)
        finally:
            self.program = program

    def _other(self, program: Program) -> Program:
        code = program.code.copy()
        for i in range(int(code[k.REDUCERS])):
            row = int(code[k.REDUCERS_AT]) + i * k.RED_ROW
            if code[row + k.RED_TILED] == self.tiled:
                code[row + k.RED_MASK] ^= k.COUNTED
        return Program(program.view, program.layout, code, program.answers)


class PinsUnread(_ReadsOtherwise):
    """Exact windows, distinct and lists leave out records that are counted in tiles."""


class CountedTwice(_ReadsOtherwise):
    """Hop windows read counted records beside the tiles that hold them."""

    tiled = 1


class HeaderLost(Entity):
    """A horizon that is forgotten between folds."""

    def fold(self, state: bytes) -> Folded | None:
        words = np.frombuffer(state, dtype=np.int64).copy()
        if len(words) and words[0] == k.NO_HEADER:
            words[k.HEADER_HORIZON] = -(2**62)
        return super().fold(words.tobytes())


@pytest.mark.parametrize("kind", [CommitsIgnored, NoLag, PinsUnread, CountedTwice, HeaderLost])
def test_a_faulty_neighbour_is_caught(kind: type[Entity]) -> None:
    assert lives(kind) is not None
