"""Several views read in one call answer as each of them alone."""

import numpy as np
import pytest

from diptych.admit.door import check
from diptych.admit.project import project
from diptych.compile.online import Program, fold, pack, read
from diptych.compile.online.together import Together
from diptych.ground.instants import DAY
from diptych.testing.build import table
from tests.serve.shop import START, by_user, by_user_and_shop, rows

AT = START + 3 * DAY
VIEWS = (by_user(), by_user_and_shop())


def states_of(program: Program, seed: int) -> list[bytes | None]:
    """Some entities' raw states, a folded one, an empty one, and none."""
    events = project(program.view, check(program.view.source, table(program.view.source, rows(60, seed))))
    assert events.id_hash is not None
    records = pack(program.layout, events.ts, events.known_at, events.id_hash, events.inputs, events.conditions)
    states: list[bytes | None] = [part.tobytes() for part in np.array_split(records, 5)]
    folded = fold(program, records.tobytes(), now=AT, fold_lag=0, oldest_commit=None, generation=1)
    assert folded is not None
    return [*states, folded.state, b"", None]


@pytest.mark.parametrize("counts", [(8, 8), (8, 0), (0, 8), (0, 0), (1, 5)])
def test_the_answers_are_those_of_each_view_alone(counts: tuple[int, int]) -> None:
    programs = [Program.of(view) for view in VIEWS]
    states = [
        states_of(program, seed)[:count] for seed, (program, count) in enumerate(zip(programs, counts, strict=True))
    ]
    together = Together.of(programs).read([state for part in states for state in part], counts, AT)
    assert together is not None
    for program, part, found in zip(programs, states, together.answers, strict=True):
        alone = read(program, part, np.full(len(part), AT))
        assert found.program is program
        np.testing.assert_array_equal(found.words, alone.words)
        np.testing.assert_array_equal(found.valid, alone.valid)
        np.testing.assert_array_equal(found.status, alone.status)
        np.testing.assert_array_equal(found.instants, alone.instants)


@pytest.mark.parametrize("damage", [b"1234567", bytes(8)])
@pytest.mark.parametrize("view", [0, 1])
def test_a_state_that_is_no_state_gives_nothing(damage: bytes, view: int) -> None:
    programs = [Program.of(view) for view in VIEWS]
    states = [states_of(program, 0) for program in programs]
    states[view][2] = (states[view][2] or b"") + damage
    assert Together.of(programs).read([*states[0], *states[1]], (8, 8), AT) is None


def test_two_broken_lengths_do_not_make_one_whole_state() -> None:
    program = Program.of(VIEWS[0])
    first, second, *_ = states_of(program, 0)
    assert first is not None
    assert second is not None
    assert Together.of([program]).read([first + bytes(3), second + bytes(5)], (2,), AT) is None


def test_an_instant_before_a_horizon_gives_nothing() -> None:
    program = Program.of(VIEWS[0])
    states = states_of(program, 0)
    assert Together.of([program]).read(states, (8,), AT - 1) is None
    assert Together.of([program]).read([state for state in states if state is not states[5]], (7,), AT - 1) is not None
