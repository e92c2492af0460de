"""Stored states explained: what is said to be used makes the answer, a sound state differs in nothing, a broken one does."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diptych.check.explain import Explanation, Fate, History, Stored, explain, state_difference
from diptych.compile.online import BeforeHorizon, Program, fold, read
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


@given(st.integers(0, 2**32), st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=4, unique=True))
def test_what_is_said_to_be_used_makes_the_answer_and_sound_states_differ_in_nothing(
    seed: int, pool: list[int]
) -> None:
    live(Explained(pool), random.Random(seed), steps=12)


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
