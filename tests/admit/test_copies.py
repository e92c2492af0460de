"""Copies of one event over a whole history."""

from typing import Any

from diptych.admit.copies import Copies, copies
from diptych.admit.door import check_rows
from diptych.admit.keys import factorise
from diptych.admit.project import project
from diptych.ground.instants import HOUR
from diptych.ground.values import String
from tests.admit.flights import GOOD, flight, source, view

LANDED: Any = GOOD["landed"]


def judged(*rows: dict[str, Any], **options: Any) -> Copies:
    over = source(**options)
    checked = check_rows(over, rows)
    events = project(view(over, {"plane": String(6)}, ("plane",)), checked)
    codes, _ = factorise(events.key)
    return copies(events, codes, over.dedup_window, [checked.columns["speed"]])


def stands(*rows: dict[str, Any], **options: Any) -> list[bool]:
    return judged(*rows, **options).stands.tolist()


def test_a_copy_at_the_edge_of_the_dedup_window_is_the_same_event() -> None:
    assert stands(flight(), flight(landed=LANDED + HOUR)) == [True, False]
    assert stands(flight(), flight(landed=LANDED + HOUR + 1)) == [True, True]


def test_a_chain_of_copies_is_one_event_however_long() -> None:
    chain = [flight(landed=LANDED + step * HOUR) for step in range(4)]
    assert stands(*chain) == [True, False, False, False]


def test_order_of_arrival_in_the_table_does_not_matter() -> None:
    assert stands(flight(landed=LANDED + 5), flight()) == [False, True]


def test_of_copies_known_together_the_least_stands() -> None:
    assert stands(flight(left=9), flight(left=8)) == [False, True]
    assert stands(flight(delay=16), flight(delay=-3)) == [False, True]
    assert stands(flight(delay=16), flight(delay=None)) == [False, True]


def test_exact_repeats_leave_one() -> None:
    assert sorted(stands(flight(), flight(), flight())) == [False, False, True]


def test_identity_is_per_entity() -> None:
    assert stands(flight(), flight(plane="N2")) == [True, True]


def test_without_an_id_every_row_is_an_event() -> None:
    assert stands(flight(), flight(), event_id=None) == [True, True]


def test_counts_for_the_checks() -> None:
    found = judged(
        flight(),
        flight(landed=LANDED + 1),
        flight(landed=LANDED + 2, delay=21),
        flight(landed=LANDED + 3, left=1),
        flight(landed=LANDED + 4, speed=9.9),
        flight(landed=LANDED + 9 * HOUR),
        flight(flight="UA2"),
    )
    assert (found.repeated, found.late, found.disagreeing) == (4, 1, 3)


def test_nothing_at_all() -> None:
    assert judged().stands.tolist() == []
