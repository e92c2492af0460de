"""The smallest history is small, still differs, is found again, and keeps to its bounds."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.ground.instants import DAY, HOUR, MINUTE, moment
from diptych.testing.cases import Question
from diptych.testing.shrink import differs_from_judge, smallest
from tests.testing import faults
from tests.testing.faults import Faulty
from tests.testing.repository import view

NOON = 1_709_208_000_000_000
JFK = Question(("JFK",), NOON)


def flights(count: int, seed: int = 0) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "flight_id": f"f{number}",
            "departed_at": NOON - rng.randrange(2 * DAY),
            "origin": rng.choice(("JFK", "LGA", "EWR")),
            "dest": rng.choice(("BOS", "SFO")),
            "carrier": "B6",
            "tailnum": f"N{number % 40}",
            "dep_delay": rng.randrange(-10, 60),
            "distance": 100,
        }
        for number in range(count)
    ]


def test_one_event_at_the_instant_of_the_question_is_left_of_thousands() -> None:
    over = view("origin_traffic")
    own = {**flights(1)[0], "flight_id": "own", "departed_at": NOON, "origin": "JFK"}
    history = [*flights(3000), own]
    differs = differs_from_judge(over, "count_24h", Faulty(faults.sees_its_own_instant))
    found = smallest(over, history, JFK, differs, seconds=60)
    assert found.done
    assert found.tries < 120
    assert [{name: value for name, value in row.items() if value is not None} for row in found.history] == [
        {"flight_id": "e0", "departed_at": NOON, "origin": "JFK", "dest": "", "carrier": ""}
    ]


def test_a_copy_keeps_the_id_that_makes_it_one() -> None:
    over = view("origin_traffic")
    history = [{**row, "origin": "JFK"} for row in flights(40)]
    history.append({**history[7], "departed_at": history[7]["departed_at"] + MINUTE})
    differs = differs_from_judge(over, "count_24h", Faulty(faults.counts_every_copy))
    found = smallest(over, history, Question(("JFK",), max(row["departed_at"] for row in history) + 1), differs)
    assert len(found.history) <= 2
    assert len({row["flight_id"] for row in found.history}) == 1


def test_arrivals_move_to_the_event_where_they_do_not_matter() -> None:
    over = view("arrival_delays")
    rows = [
        {
            **row,
            "dest": "BOS",
            "landed_at": row["departed_at"] + 3 * HOUR,
            "arr_delay": row["dep_delay"],
            "air_time": 60,
        }
        for row in flights(12)
    ]
    differs = differs_from_judge(over, "arr_delay_max_24h", Faulty(faults.sees_its_own_instant))
    late = {**rows[0], "flight_id": "late", "departed_at": NOON, "landed_at": NOON - 5, "arr_delay": 70}
    found = smallest(over, [*rows, late], Question(("BOS",), NOON), differs)
    assert len(found.history) == 1
    assert found.history[0]["landed_at"] == found.history[0]["departed_at"] == NOON


def test_the_same_history_is_left_every_time() -> None:
    over = view("origin_traffic")
    history = [*flights(60), {**flights(1)[0], "departed_at": NOON, "origin": "JFK"}]
    differs = differs_from_judge(over, "dep_delay_max_1h", Faulty(faults.sees_its_own_instant))
    assert smallest(over, history, JFK, differs) == smallest(over, history, JFK, differs)


@given(st.sets(st.integers(0, 199), min_size=1, max_size=5), st.integers(0, 3))
def test_what_is_left_is_one_minimal_and_differs(needed: set[int], seed: int) -> None:
    over = view("origin_traffic")
    history = [{**row, "distance": number + 1} for number, row in enumerate(flights(200, seed))]

    def differs(rows: Sequence[dict[str, Any]], question: Question) -> bool:
        return {number + 1 for number in needed} <= {row["distance"] for row in rows}

    found = smallest(over, history, JFK, differs)
    assert differs(list(found.history), JFK)
    assert {row["distance"] - 1 for row in found.history} == needed
    assert all(row["dep_delay"] is None for row in found.history)


def test_rows_as_files_hold_them() -> None:
    over = view("origin_traffic")
    history = [{**row, "departed_at": moment(row["departed_at"])} for row in flights(50)]
    history.append({**history[0], "departed_at": moment(NOON), "flight_id": "own", "origin": "JFK"})
    found = smallest(over, history, JFK, differs_from_judge(over, "count_24h", Faulty(faults.sees_its_own_instant)))
    assert [row["departed_at"] for row in found.history] == [NOON]


def test_bounds_are_kept_and_what_is_left_then_still_differs() -> None:
    over = view("origin_traffic")
    history = flights(500)
    asked = 0

    def differs(rows: Sequence[dict[str, Any]], question: Question) -> bool:
        nonlocal asked
        asked += 1
        return sum(row["origin"] == "JFK" for row in rows) > 20

    found = smallest(over, history, JFK, differs, tries=9)
    assert (found.done, found.tries, asked) == (False, 9, 9)
    assert sum(row["origin"] == "JFK" for row in found.history) > 20
    ticks = iter(range(10_000))
    found = smallest(over, history, JFK, differs, seconds=5, clock=lambda: float(next(ticks)))
    assert not found.done
    assert found.tries <= 5


def test_a_target_that_raises_differs_and_the_judge_does_not() -> None:
    over = view("origin_traffic")

    def breaks(over: Any, history: Any, spine: Any) -> Any:
        if any(row["dep_delay"] == 7 for row in history):
            raise ValueError("seven")
        return faults.as_it_is(over, history, spine)

    differs = differs_from_judge(over, "count_1h", Faulty(breaks))
    history = [{**row, "dep_delay": number % 20} for number, row in enumerate(flights(100))]
    assert differs(history, JFK)
    found = smallest(over, history, JFK, differs)
    assert [row["dep_delay"] for row in found.history] == [7]
    assert not differs_from_judge(over, "count_1h", Faulty(faults.as_it_is))(history, JFK)


def test_an_error_of_the_question_is_the_callers() -> None:
    def breaks(rows: Sequence[dict[str, Any]], question: Question) -> bool:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        smallest(view("origin_traffic"), flights(3), JFK, breaks)
