"""The search of a user's own views: reproducible, within its budget, and its finds are small."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.reference import door
from diptych.serve.stores.protocol import KeyValueStore
from diptych.testing.boundaries.pools import fits
from diptych.testing.oracle import Judged
from diptych.testing.owned import drawn, search
from diptych.testing.strategies import values_of
from diptych.testing.targets import kernel, standard_targets
from tests.testing import faults
from tests.testing.faults import Faulty
from tests.testing.repository import flights, view


@pytest.mark.parametrize("name", ["route_history", "plane_movements"])
def test_every_target_passes(name: str, store: KeyValueStore) -> None:
    for target in standard_targets(store):
        searched = search(view(name), target, seed=1, examples=20, seconds=60)
        assert searched.found == ()
        assert searched.done
        assert searched.examples >= 15
        assert searched.questions > 50


def test_a_seed_draws_the_same_examples_and_another_seed_others() -> None:
    over = view("origin_traffic")
    first = drawn(over, 7, 10).cases
    drawn.cache_clear()
    assert drawn(over, 7, 10).cases == first
    assert drawn(over, 8, 10).cases != first


def test_examples_are_not_empty() -> None:
    """Conditions are met, windows hold something: a third of the answers says something at least."""
    over = view("arrival_delays")
    told, all_of_them = 0, 0
    for case in drawn(over, 0, 20).cases:
        verdict = Judged.of(over, case.history, case.questions)
        for values in verdict.values.values():
            told += sum(value not in (None, 0, ()) for value in values)
            all_of_them += len(values)
    assert told / all_of_them > 0.2


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (faults.sees_its_own_instant, "origin_traffic"),
        (faults.a_microsecond_long, "carrier_departures"),
        (faults.known_at_once, "arrival_delays"),
        (faults.counts_every_copy, "plane_movements"),
        (faults.drops_where, "plane_history"),
    ],
)
def test_a_fault_is_found_and_what_shows_it_is_small(fault, name: str) -> None:
    over = view(name)
    searched = search(over, Faulty(fault), seed=3, examples=200, seconds=60)
    [found] = searched.found
    assert len(found.history) <= 4
    assert found.small.done
    assert found.got != found.expected
    again = search(over, Faulty(fault), seed=3, examples=200, seconds=60)
    assert again.found == searched.found


def test_as_many_features_as_are_asked_for() -> None:
    searched = search(view("origin_traffic"), Faulty(faults.sees_its_own_instant), examples=40, features=3, seconds=60)
    assert len({found.feature for found in searched.found}) == 3


def test_a_target_that_raises_is_found() -> None:
    def breaks(over, history, spine):
        if len(history) > 1:
            raise ValueError("too many")
        return faults.as_it_is(over, history, spine)

    [found] = search(view("origin_traffic"), Faulty(breaks), examples=20, seconds=60).found
    assert "too many" in found.error
    assert len(found.history) == 2


def test_seconds_are_kept() -> None:
    ticks = iter(range(10_000))
    searched = search(view("origin_traffic"), kernel(), examples=1000, seconds=4, clock=lambda: float(next(ticks)))
    assert not searched.done
    assert 0 < searched.examples <= 80


@settings(suppress_health_check=list(HealthCheck), max_examples=30)
@given(st.data())
def test_values_keep_to_what_is_declared(data: st.DataObject) -> None:
    for over in flights().views:
        for field in over.source.columns:
            assert fits(field.type, data.draw(values_of(field.type)))


def test_most_rows_pass_the_door() -> None:
    for over in flights().views:
        rows = [row for case in drawn(over, 0, 20).cases for row in case.history]
        assert len(door(over, rows).rejected) < 0.15 * len(rows)
