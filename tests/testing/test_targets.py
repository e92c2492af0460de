"""Targets answer in the order of the spine, leave nothing behind, and fold where they say so."""

from collections.abc import Sequence

import pytest

from diptych.ground.instants import DAY, HOUR
from diptych.ground.values import Int64, String
from diptych.plan.nodes import Kind, View, Window
from diptych.serve.request import BadRequest
from diptych.serve.stores.protocol import Swap
from diptych.serve.stores.valkey import ValkeyStore
from diptych.testing.build import Building, column, source
from diptych.testing.cases import Question
from diptych.testing.oracle import judged
from diptych.testing.targets import Online, OnlineFolded, standard_targets


def counted() -> View:
    over = source({"user": String(4), "x": Int64()}, event_id=True, known_at=True)
    building = Building(over, {"user": String(4)})
    building.feature("n", building.reduce(Kind.COUNT, Window(DAY, HOUR)))
    building.feature("sum", building.reduce(Kind.SUM, Window(DAY, HOUR), column(over, "x")))
    building.feature("last", building.reduce(Kind.LATEST, Window(DAY), column(over, "x"), n=2))
    return building.view()


HISTORY = [
    {"user": f"u{n % 2}", "x": n, "at": n * HOUR, "known": n * HOUR + (n % 3) * HOUR, "id": f"e{n}"} for n in range(40)
]
SPINE = [Question((f"u{n % 3}",), t * HOUR + 1) for n, t in enumerate((30, 2, 41, 30, 7, 41, 41, 30, 90))]
SPINE += [SPINE[0], Question((None,), 5 * HOUR)]


class Watched(ValkeyStore):
    """A real store that counts the folds that are swapped in."""

    swapped = 0

    def swap_many(self, swaps: Sequence[Swap], *, timeout: float | None = None) -> list[bool]:
        done = super().swap_many(swaps, timeout=timeout)
        self.swapped += sum(done)
        return done


def test_every_target_answers_in_the_order_of_the_spine(store: ValkeyStore) -> None:
    names = []
    for target in [*standard_targets(store), OnlineFolded(store, pushed=True, name="pushed")]:
        judged(counted(), HISTORY, SPINE, target.answer(counted(), HISTORY, SPINE))
        names.append(target.name)
        target.close()
    assert names == ["duckdb", "kernel", "online", "online-folded", "pushed"]


def test_no_questions_and_no_history(store: ValkeyStore) -> None:
    for target in standard_targets(store):
        judged(counted(), HISTORY, [], target.answer(counted(), HISTORY, []))
        judged(counted(), [], SPINE, target.answer(counted(), [], SPINE))


def test_nothing_is_left_in_the_store(store: ValkeyStore) -> None:
    before = set(store.scan(b""))
    for target in standard_targets(store):
        target.answer(counted(), HISTORY, SPINE)
    assert set(store.scan(b"")) == before

    with pytest.raises(BadRequest, match="user"):
        Online(store).answer(counted(), HISTORY, [Question((5,), HOUR)])
    assert set(store.scan(b"")) == before


def test_only_the_folded_target_folds(store: ValkeyStore) -> None:
    watched = Watched(store.address, read_timeout=10, write_timeout=10)
    try:
        Online(watched).answer(counted(), HISTORY, SPINE)
        assert watched.swapped == 0
        OnlineFolded(watched).answer(counted(), HISTORY, SPINE)
        assert watched.swapped > 5
    finally:
        watched.close()
