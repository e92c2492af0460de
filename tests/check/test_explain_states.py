"""Stored states explained: what is said to be used makes the answer; only broken states differ from the events."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.check.explain import Explanation, Fate, History, Stored, explain, sentences, state_difference
from diptych.compile.online import Program, fold, read
from diptych.compile.online.unpack import unpack
from diptych.kernel import places as k
from tests.check.lives import Lived
from tests.kernel.life import POOL, Row, live


class Explained(Lived):
    """An entity whose every question is explained as well."""

    def ask(self, t: int) -> None:
        super().ask(t)
        t = max(t, self.horizon if self.horizon is not None else t)
        for feature in self.view.features:
            explained = self.explain(feature.name, t)
            assert explained.online.agrees is True
            assert explained.difference is not None
            assert explained.difference.empty, explained.difference
            assert explained.difference.copies == ()
            assert all(each.online == each.law or each.kind in ("sum", "moments") for each in explained.reductions)
            used = self.only_used(explained)
            assert self.answer(used, feature.name, t) == self.answer(self.state, feature.name, t)

    def explain(self, feature: str, t: int) -> Explanation:
        return explain(self.view, feature, (), t, History(self.rows), stored=Stored(self.view, self.state))

    def answer(self, state: bytes, feature: str, t: int) -> Any:
        place = [each.name for each in self.view.features].index(feature)
        return read(self.program, [state], np.array([t])).decode(place)

    def only_used(self, explained: Explanation) -> bytes:
        """The header, and exactly the tiles and the records that are said to be used."""
        if explained.state is None:
            return b""
        tiles = {tile.place for tile in explained.state.tiles if tile.fate is Fate.COUNTED}
        records = {record.place for record in explained.state.records if record.fate is Fate.COUNTED}
        return rebuilt(self.program, self.state, sorted(tiles), sorted(records))


def rebuilt(program: Program, state: bytes, tiles: list[int], records: list[int]) -> bytes:
    """A state of some tiles and some records of another."""
    words = np.frombuffer(state, np.int64)
    parts = unpack(program.layout, state)
    first = 0 if parts.header is None else k.HEADER_WORDS
    raw = first + len(parts.tiles) * program.layout.tile_words
    header = words[:first].copy()
    if parts.header is not None:
        header[k.HEADER_SHAPE] = (k.FORMAT << 32) | len(tiles)
    all_tiles = words[first:raw].reshape(-1, program.layout.tile_words)
    all_records = words[raw:].reshape(-1, program.layout.record_words)
    kept = [header, *(all_tiles[place] for place in tiles), *(all_records[place] for place in records)]
    return b"".join(part.tobytes() for part in kept)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=4, unique=True))
def test_what_is_said_to_be_used_makes_the_answer_and_sound_states_differ_in_nothing(
    seed: int, pool: list[int]
) -> None:
    live(Explained(pool), random.Random(seed), steps=12)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=4, unique=True))
def test_a_state_unpacked_holds_what_was_packed(seed: int, pool: list[int]) -> None:
    entity = Lived(pool)
    live(entity, random.Random(seed), steps=8)
    parts = unpack(entity.program.layout, entity.state)
    everything = list(range(len(parts.tiles))), list(range(len(parts.records)))
    assert rebuilt(entity.program, entity.state, *everything) == entity.state
    sent = {(row["at"], row["known"], row["x"]) for row in entity.rows}
    where = next((n for n, tree in enumerate(entity.view.inputs) if getattr(tree, "name", "") == "x"), None)
    for record in parts.records:
        assert (record.ts, record.known_at) in {(at, known) for at, known, _ in sent}
        if where is not None:
            assert (record.ts, record.known_at, record.inputs[where]) in sent


def told(*chosen: int, rows: int = 40) -> Lived:
    """An entity with an event at 10, 11, 12, ..., each known at once."""
    entity = Lived(chosen)
    for number in range(rows):
        entity.append(event(10 + number))
    return entity


def event(at: int, **other: Any) -> Row:
    return {"at": at, "known": at, "id": f"e{at}", "x": 1, "y": 1, "f": 1.0, "s": "a"} | other


def folded(entity: Lived, state: bytes, now: int = 60) -> bytes:
    done = fold(entity.program, state, now=now, fold_lag=0, oldest_commit=None, generation=7)
    assert done is not None
    return done.state


def without(entity: Lived, at: int) -> bytes:
    """The appended records without that of one event."""
    return b"".join(entity.record(row) for row in entity.rows if row["at"] != at)


def compared(entity: Lived, state: bytes | None, t: int = 60) -> Any:
    return state_difference(entity.view, (), t, History(entity.rows), state)


COUNT_SMALL, COUNT_WIDE, SUM_EVER, EXACT_COUNT, DISTINCT_TEXT, LAST_TEXTS = 0, 1, 4, 11, 13, 15


def test_sound_states_differ_in_nothing() -> None:
    for chosen in ((COUNT_SMALL, COUNT_WIDE), (SUM_EVER,), (COUNT_WIDE, EXACT_COUNT, DISTINCT_TEXT, LAST_TEXTS)):
        entity = told(*chosen)
        assert compared(entity, entity.state).empty
        assert compared(entity, folded(entity, entity.state)).empty


def test_a_raw_record_that_is_gone_is_named() -> None:
    entity = told(COUNT_WIDE)
    found = compared(entity, without(entity, 45), t=51)
    assert [(each.event_id, each.ts) for each in found.missing] == [("e45", 45)]
    assert not found.empty
    assert found.missing[0].why == "the state was never folded and has no record of it"


def test_a_record_that_no_fold_may_have_taken_is_missed_behind_a_tile_too() -> None:
    entity = told(COUNT_WIDE, rows=45)
    found = compared(entity, folded(entity, without(entity, 54), now=55), t=55)
    assert [each.event_id for each in found.missing] == ["e54"]
    assert found.missing[0].why == "no record holds it, and it is too new for a tile"
    assert found.tiles == ()


def test_nothing_is_missed_that_no_window_can_see() -> None:
    entity = told(COUNT_WIDE)
    assert compared(entity, None, t=10_000).empty
    assert len(compared(entity, None, t=50).missing) == 26  # from floor(50 - 24, 8) = 24 to 49


def test_a_record_that_a_fold_lost_is_named_by_its_tile() -> None:
    entity = told(COUNT_WIDE)
    found = compared(entity, folded(entity, without(entity, 44)))
    (tile,) = found.tiles
    assert (tile.start, tile.end) == (40, 48)
    assert tile.partials == {"count()": (7, 8)}
    assert "e44" in tile.members
    assert found.missing == ()


def test_a_record_that_a_fold_took_twice_is_named_by_its_tile() -> None:
    entity = told(COUNT_WIDE)
    doubled = entity.state + entity.record(event(44, id="again"))
    (tile,) = compared(entity, folded(entity, doubled)).tiles
    assert tile.partials == {"count()": (9, 8)}


def test_an_event_both_in_its_tile_and_raw_is_named_as_raw_beside_it() -> None:
    entity = told(COUNT_WIDE)
    state = folded(entity, entity.state) + entity.record(event(44))
    (tile,) = compared(entity, state).tiles
    assert tile.partials == {"count()": (8, 7)}
    assert tile.also_raw == ("e44",)


def test_a_base_tile_is_held_against_all_that_is_older() -> None:
    entity = told(SUM_EVER, COUNT_SMALL)
    sound = folded(entity, entity.state, now=90)
    assert unpack(entity.program.layout, sound).tiles[0].start is None
    assert compared(entity, sound, t=90).empty
    (tile,) = compared(entity, folded(entity, without(entity, 20), now=90), t=90).tiles
    assert (tile.start, tile.size, tile.end) == (None, 0, None)
    assert tile.partials["sum(y)"] == (39, 40)


def test_a_wrong_value_is_named_even_where_the_count_is_right() -> None:
    entity = told(COUNT_WIDE, 3)
    state = without(entity, 44) + entity.record(event(44, x=3))
    assert [each.what for each in compared(entity, state).disagreeing] == ["x is 1 offline, 3 online"]
    (tile,) = compared(entity, folded(entity, state)).tiles
    assert tile.partials == {"sum(x)": (10, 8)}


def test_an_event_with_another_time_online_is_named() -> None:
    entity = told(COUNT_WIDE)
    state = without(entity, 44) + entity.record(event(44, known=49))
    (found,) = compared(entity, state).disagreeing
    assert found.event_id == "e44"
    assert "known_at is 1970-01-01 00:00:00.000044Z offline, 1970-01-01 00:00:00.000049Z online" in found.what


def test_a_record_that_offline_does_not_know_is_named() -> None:
    entity = told(COUNT_WIDE)
    found = compared(entity, entity.state + entity.record(event(47, id="stranger")))
    assert [(each.ts, each.place) for each in found.unknown] == [(47, 40)]
    assert not found.empty


def test_a_doubled_raw_record_is_named_and_harmless_while_its_id_drops_it() -> None:
    entity = told(COUNT_WIDE)
    once_more = compared(entity, entity.state + entity.record(event(47)))
    assert [(each.event_id, each.stands) for each in once_more.copies] == [("e47", False)]
    assert once_more.empty
    later = compared(entity, entity.state + entity.record(event(47, known=47 + Lived.dedup_window + 1)))
    assert [(each.event_id, each.stands) for each in later.copies] == [("e47", True)]
    assert not later.empty


def test_a_difference_is_told_in_sentences() -> None:
    entity = told(COUNT_WIDE)
    broken = folded(entity, without(entity, 44)) + entity.record(event(47, id="stranger"))
    unknown, tile = sentences(compared(entity, broken))
    assert unknown.text.startswith("unknown offline: ")
    assert tile.text == "tile at 1970-01-01 00:00:00.000040Z +8us: count() is 7, its 8 events give 8"
    (copy,) = sentences(compared(entity, entity.state + entity.record(event(47))))
    assert (copy.harmless, copy.text.partition(":")[0]) == (True, "delivered again, and dropped by its id")
    (lost,) = sentences(compared(entity, None, t=11))
    assert lost.text.startswith("missing online: e10 at 1970-01-01 00:00:00.000010Z")


@pytest.mark.parametrize(
    ("number", "reader"),
    [
        (EXACT_COUNT, "an exact window of 6us"),
        (DISTINCT_TEXT, "a count of different values"),
        (LAST_TEXTS, "a list of the last 2"),
    ],
)
def test_a_raw_record_that_is_needed_beside_its_tile_is_missed(number: int, reader: str) -> None:
    entity = told(COUNT_WIDE, number, rows=50)
    sound = folded(entity, entity.state, now=70)
    parts = unpack(entity.program.layout, sound)
    if number == EXACT_COUNT:  # the window must still reach what was counted
        sound = folded(entity, entity.state, now=64)
        parts = unpack(entity.program.layout, sound)
    pinned = [record.place for record in parts.records if record.counted]
    assert pinned
    kept = [record.place for record in parts.records if record.place != pinned[-1]]
    t = 64 if number == EXACT_COUNT else 70
    assert compared(entity, sound, t=t).empty
    found = compared(entity, rebuilt(entity.program, sound, list(range(len(parts.tiles))), kept), t=t)
    assert [each.ts for each in found.missing] == [parts.records[pinned[-1]].ts]
    assert found.missing[0].why == f"{reader} needs its raw record, and there is none"
    assert found.tiles == ()


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=4, unique=True), st.data())
def test_whatever_record_or_tile_is_lost_that_changes_an_answer_is_named(
    seed: int, pool: list[int], data: st.DataObject
) -> None:
    entity = Lived(pool)
    live(entity, random.Random(seed), steps=10)
    parts = unpack(entity.program.layout, entity.state)
    tiles, records = list(range(len(parts.tiles))), list(range(len(parts.records)))
    lost = data.draw(st.sampled_from(["record", "tile", "twice"]))
    if lost == "tile" and tiles:
        tiles.remove(data.draw(st.sampled_from(tiles)))
    elif lost == "twice" and tiles:
        tiles.append(data.draw(st.sampled_from(tiles)))
        tiles.sort()
    elif records:
        records.remove(data.draw(st.sampled_from(records)))
    broken = rebuilt(entity.program, entity.state, tiles, records)
    t = max(entity.now, entity.horizon or entity.now) + data.draw(st.integers(0, 10))
    before, after = (read(entity.program, [state], np.array([t])) for state in (entity.state, broken))
    if before.lists() != after.lists():
        assert not compared(entity, broken, t).empty
