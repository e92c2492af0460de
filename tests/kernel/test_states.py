"""States as bytes: what is refused, what a fold leaves alone, what a seed looks like, what the layout says."""

import random

import numpy as np
import pytest

from diptych.compile.online import (
    BeforeHorizon,
    CorruptState,
    Layout,
    Program,
    fold,
    fold_sorted,
    horizon_of,
    pack,
    read,
    warm_up,
)
from diptych.ground.values import Bool, Float64, Int64, String
from diptych.kernel import jit
from diptych.kernel import places as k
from diptych.plan.nodes import Kind, Window
from diptych.reference import Judge
from diptych.testing.build import Building, column, source
from tests.kernel.life import POOL, Dice, Entity, view_of
from tests.kernel.states import events_of, records_of

ROW = {"at": 10, "known": 10, "id": "e", "x": 1, "y": 1, "f": 1.0, "s": "a"}


def entity_of(*chosen: int, rows: int = 40) -> Entity:
    """An entity with rows at 10, 11, 12, ..."""
    entity = Entity(chosen)
    for number in range(rows):
        entity.append(ROW | {"at": 10 + number, "known": 10 + number, "id": f"e{number}"})
    return entity


def folded_at(entity: Entity, now: int, generation: int = 7) -> bytes:
    folded = fold(entity.program, entity.state, now=now, fold_lag=0, oldest_commit=None, generation=generation)
    assert folded is not None
    return folded.state


def ask(entity: Entity, state: bytes | None, t: int) -> list[list[object]]:
    return read(entity.program, [state], np.array([t])).lists()


def test_a_read_before_the_horizon_is_refused_and_at_it_is_answered() -> None:
    entity = entity_of(0, 1)
    state = folded_at(entity, 60)
    assert horizon_of(state) == 60
    with pytest.raises(BeforeHorizon, match="before the horizon"):
        ask(entity, state, 59)
    assert ask(entity, state, 60) == ask(entity, entity.state, 60)


def test_the_refusal_names_the_entity_of_the_request() -> None:
    entity = entity_of(0, 1)
    with pytest.raises(BeforeHorizon, match="entity 2 of this request"):
        read(entity.program, [None, b"", folded_at(entity, 60)], np.array([70, 70, 59]))


@pytest.mark.parametrize("cut", [1, 7, 8, 24])
def test_a_state_cut_short_is_refused(cut: int) -> None:
    entity = entity_of(0)
    for state in (entity.state[:-cut], folded_at(entity, 60)[:-cut]):
        for call in (lambda state=state: ask(entity, state, 99), lambda state=state: folded_again(entity, state)):
            with pytest.raises(CorruptState, match="is no header"):
                call()


def folded_again(entity: Entity, state: bytes) -> object:
    return fold(entity.program, state, now=99, fold_lag=0, oldest_commit=None, generation=1)


def test_two_broken_states_whose_lengths_add_up_are_refused() -> None:
    entity = entity_of(0)
    with pytest.raises(CorruptState, match="entity 1 of this request"):
        read(entity.program, [entity.state, b"1234", b"1234"], np.array([99, 99, 99]))


def test_a_state_of_another_format_is_refused() -> None:
    entity = entity_of(0)
    words = np.frombuffer(folded_at(entity, 60), dtype=np.int64).copy()
    words[k.HEADER_SHAPE] += 1 << 32
    with pytest.raises(CorruptState):
        ask(entity, words.tobytes(), 99)
    with pytest.raises(CorruptState):
        folded_again(entity, words.tobytes())


def test_a_state_made_by_appends_alone_has_no_header_and_one_that_was_folded_has() -> None:
    entity = entity_of(0)
    assert horizon_of(entity.state) is None
    header = np.frombuffer(folded_at(entity, 60, generation=-5), dtype=np.int64)[: k.HEADER_WORDS]
    assert header.tolist()[:3] == [-(2**63), -5, 60]
    assert header[k.HEADER_SHAPE] >> 32 == k.FORMAT


def test_singletons_stay_raw() -> None:
    entity = Entity((0, 3))
    for start in (24, 32, 40):
        entity.append(ROW | {"at": start, "known": start, "id": f"e{start}"})
    assert fold(entity.program, entity.state, now=46, fold_lag=0, oldest_commit=None, generation=1) is None


def test_a_late_and_a_future_record_stay_raw_until_they_may_go() -> None:
    entity = entity_of(1)
    entity.append(ROW | {"at": 45, "known": 58, "id": "late"})
    entity.append(ROW | {"at": 75, "known": 40, "id": "future"})
    first = fold(entity.program, entity.state, now=60, fold_lag=0, oldest_commit=None, generation=1)
    assert first is not None
    assert first.records == 2


def test_what_no_window_can_reach_is_gone() -> None:
    entity = entity_of(0, 1)
    folded = fold(entity.program, entity.state, now=10_000, fold_lag=0, oldest_commit=None, generation=1)
    assert folded is not None
    assert (folded.tiles, folded.records, len(folded.state)) == (0, 0, 8 * k.HEADER_WORDS)


def test_a_lifetime_needs_one_tile_for_ever() -> None:
    entity = entity_of(9, 17)
    folded = fold(entity.program, entity.state, now=10_000, fold_lag=0, oldest_commit=None, generation=1)
    assert folded is not None
    assert (folded.tiles, folded.records) == (1, 0)


def test_nothing_is_folded_that_may_be_delivered_again() -> None:
    entity = entity_of(0)
    assert fold(entity.program, entity.state, now=9_999, fold_lag=0, oldest_commit=0, generation=1) is None


def test_a_fold_keeps_the_mark_of_the_seed() -> None:
    entity = entity_of(0, 1, rows=3)
    records = np.frombuffer(entity.state, dtype=np.int64).reshape(3, -1)
    seeds = fold_sorted(
        entity.program,
        records,
        np.array([0, 3]),
        now=12,
        fold_lag=0,
        oldest_commit=None,
        generations=np.array([3]),
        seed=77,
    )
    state = seeds.state(0)
    assert seeds.states() == [state]
    words = np.frombuffer(state, dtype=np.int64)
    assert (words[k.HEADER_GENERATION], words[k.HEADER_SEED], words[k.HEADER_HORIZON]) == (3, 77, 12)
    again = fold(entity.program, state, now=10_000, fold_lag=0, oldest_commit=None, generation=4)
    assert again is not None
    assert np.frombuffer(again.state, dtype=np.int64)[k.HEADER_SEED] == 77


def test_seeds_of_many_entities_answer_like_the_judge() -> None:
    rng = random.Random(5)
    view = view_of((1, 4, 9, 13, 15, 11))
    program = Program.of(view)
    histories = [[Dice(rng).row(100 + rng.randint(0, 60)) for _ in range(rng.randint(0, 60))] for _ in range(30)]
    blobs = [b"".join(records_of(program, events_of(view, rows))) for rows in histories]
    records = np.frombuffer(b"".join(blobs), dtype=np.int64).reshape(-1, program.layout.record_words)
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in histories])])
    seeds = fold_sorted(
        program,
        records,
        offsets,
        now=165,
        fold_lag=0,
        oldest_commit=None,
        generations=np.arange(30),
        seed=1,
    )
    assert sum(map(len, seeds.states())) < len(records.tobytes())
    for t in (165, 166, 180):
        columns = read(program, seeds.states(), np.full(30, t)).lists()
        for entity, rows in enumerate(histories):
            want = [answer.value for answer in Judge(view, rows).answers((), t).values()]
            assert [_plain(column[entity]) for column in columns] == want


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def test_an_answer_is_the_same_alone_and_among_others() -> None:
    entity = entity_of(*range(len(POOL)))
    alone = ask(entity, entity.state, 40)
    many = read(
        entity.program,
        [None, entity.state, entity.state[: 2 * entity.program.layout.record_bytes]],
        np.array([5, 40, 30]),
    ).lists()
    assert [[column[1]] for column in many] == alone


def test_no_entity_at_all() -> None:
    answers = read(entity_of(0, 13, 15).program, [], np.empty(0, dtype=np.int64))
    assert answers.lists() == [[], [], []]


def test_null_keys_have_their_own_status() -> None:
    answers = read(entity_of(0).program, [None, None], np.array([5, 5]), null_keys=[1])
    assert answers.status.tolist() == [[k.UNSEEN_ENTITY, k.NULL_KEY]]


def test_lists_as_columns() -> None:
    entity = entity_of(15, 16)
    answers = read(entity.program, [entity.state, None, entity.state], np.array([40, 40, 11]))
    lists = answers.to_lists(0)
    assert lists.offsets.tolist() == [0, 2, 2, 3]
    assert lists.values.data.tolist() == [b"a", b"a", b"a"]


def test_the_position_of_a_stream_is_one_event_however_late_it_comes_again() -> None:
    over = source({"x": Int64()}, event_id=False, dedup_window=1)
    building = Building(over, {})
    program = Program.of(building.feature("n", building.reduce(Kind.COUNT)).view())
    first, again = (
        pack(program.layout, np.array([t]), np.array([t]), np.array([42]), [], []).tobytes() for t in (1, 10**9)
    )
    assert read(program, [first + again], np.array([2 * 10**9])).lists() == [[1]]


def test_a_layout_of_more_flags_than_a_word_holds() -> None:
    names = {f"c{number:03}": Int64() for number in range(150)}
    over = source(names, event_id=True)
    building = Building(over, {})
    for name in names:
        building.feature(name, building.reduce(Kind.SUM, Window(12, 4), column(over, name)))
    view = building.view()
    program = Program.of(view)
    assert program.layout.flag_words == 3
    rows = [
        {"at": t, "id": f"e{t}"} | {name: None if (t + n) % 3 else n * t for n, name in enumerate(names)}
        for t in range(12)
    ]
    entity = b"".join(records_of(program, events_of(view, rows)))
    want = [answer.value for answer in Judge(view, rows).answers((), 12).values()]
    assert [column[0] for column in read(program, [entity], np.array([12])).lists()] == want


def test_what_the_layout_says_of_itself() -> None:
    over = source({"x": Int64(ge=0, le=9), "y": Int64(), "f": Float64(), "s": String(9), "b": Bool()}, event_id=True)
    building = Building(over, {})
    x, y, s, b = (column(over, name) for name in ("x", "y", "s", "b"))
    building.feature("small", building.reduce(Kind.SUM, Window(12, 4), x))
    building.feature("large", building.reduce(Kind.SUM, Window(12, 4), y))
    building.feature("last", building.reduce(Kind.LAST, Window(), s, b))
    building.feature("when", building.reduce(Kind.MAX, Window(), column(over, "at")))
    building.feature("exact", building.reduce(Kind.COUNT, Window(60_000_000)))
    building.feature("different", building.reduce(Kind.DISTINCT, Window(12, 4), s))
    layout = Layout.of(building.view())
    assert layout.record_bytes == 8 * (3 + 1 + 1 + 1 + 2)  # the event's time has no word of its own
    assert layout.tile_bytes == 8 * (2 + 1 + 1 + 2 + (1 + 2) + 1)
    assert layout.record_dtype().itemsize == layout.record_bytes
    assert layout.tile_dtype().itemsize == layout.tile_bytes
    assert layout.hops == ((12, 4),)
    assert layout.keeps_lifetime
    assert layout.reach is None
    pins = layout.pins()
    assert len(pins) == 2
    assert any("count has an exact window, so it keeps every record of the last 1m" in line for line in pins)
    assert any("distinct_of" in line and "newest record" in line for line in pins)


def test_compiled_loops_are_stale_when_any_source_of_the_kernel_changes() -> None:
    from diptych.kernel.fold import fold_many
    from diptych.kernel.point import read_points

    for entry in (read_points, fold_many):
        assert entry._cache._cache_file._source_stamp == jit._stamp()


def test_warming_up_is_safe_to_repeat() -> None:
    warm_up()
    warm_up()
