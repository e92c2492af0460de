"""The door, rule by rule: what is refused, why, and that nothing is lost."""

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from diptych.admit.door import Checked, MissingColumn, check, check_rows
from diptych.admit.identity import Positions
from diptych.admit.project import project
from diptych.ground.expression import Call, Column, Literal, Op
from diptych.ground.instants import EARLIEST, HOUR
from diptych.ground.values import Bool, Int64, String, Timestamp
from diptych.plan.nodes import Field
from diptych.rows.values import arrow_type
from tests.admit.flights import COLUMNS, DELAY, GOOD, LATE, flight, source, view


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.table({n: pa.array([row.get(n) for row in rows], arrow_type(kind)) for n, kind in COLUMNS.items()})


def reasons(checked: Checked) -> list[str]:
    return checked.quarantine.column("reason").to_pylist()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"delay": "20"}, "type"),
        ({"delay": True}, "type"),
        ({"delay": 20.5}, "inexact"),
        ({"delay": 2_001}, "range"),
        ({"delay": -201}, "range"),
        ({"delay": 2**63}, "range"),
        ({"speed": float("inf")}, "infinite"),
        ({"speed": float("-inf")}, "infinite"),
        ({"origin": "LAX"}, "vocabulary"),
        ({"origin": None}, "null"),
        ({"plane": "N123456"}, "length"),
        ({"plane": "N12345é"}, "length"),
        ({"plane": "N\0"}, "nul"),
        ({"left": None}, "no_timestamp"),
        ({"landed": None}, "no_known_at"),
        ({"flight": None}, "no_event_id"),
        ({"left": dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=1)))}, "range"),
        ({"delya": 1}, "unknown_column"),
    ],
)
def test_a_bad_row_is_refused_and_its_neighbours_are_not(change: dict[str, Any], reason: str) -> None:
    checked = check_rows(source(), [flight(), flight(**change), flight()])
    assert reasons(checked) == [reason]
    assert checked.rejected == {reason: 1}
    assert checked.rows.tolist() == [0, 2]
    assert checked.offered == 3


def test_what_is_at_the_limit_passes() -> None:
    rows = [flight(delay=-200), flight(delay=2_000), flight(plane="N12345"), flight(plane=""), flight(plane="éèà")]
    assert check_rows(source(), rows).rows.tolist() == [0, 1, 2, 3, 4]


def test_quarantine_keeps_the_row_and_says_every_reason() -> None:
    bad = table(flight(), flight(delay=5_000, plane="N\0", left=None))
    checked = check(source(), bad, arrived_at=13 * HOUR)
    kept = checked.quarantine.to_pylist()
    assert len(kept) == 1
    assert {name: kept[0][name] for name in COLUMNS} == bad.slice(1).to_pylist()[0]
    assert kept[0]["reason"] == "nul"
    assert kept[0]["arrived_at"] == dt.datetime(1970, 1, 1, 13, tzinfo=dt.UTC)
    assert "plane = 'N\\x00' contains a NUL" in kept[0]["detail"]
    assert "delay = 5000 is outside the range of Int64(ge=-200, le=2000)" in kept[0]["detail"]
    assert "left is null" in kept[0]["detail"]


def test_quarantine_keeps_objects_that_no_column_can_hold() -> None:
    checked = check_rows(source(), [flight(delay="20"), flight(delay=2**70), flight(delay=b"x")])
    assert checked.quarantine.column("delay").to_pylist() == ["'20'", str(2**70), "b'x'"]


def test_a_column_named_like_one_of_quarantine_is_kept_under_another_name() -> None:
    raw = table(flight(delay=5_000)).append_column("reason", pa.array(["storm"]))
    row = check(source(), raw).quarantine.to_pylist()[0]
    assert (row["reason_given"], row["reason"]) == ("storm", "range")


def test_a_push_with_a_misspelt_name_is_told_the_right_one() -> None:
    checked = check_rows(source(), [flight(plan="N1")])
    assert "did you mean 'plane'?" in checked.quarantine.column("detail")[0].as_py()


def test_a_push_need_not_mention_what_may_be_null() -> None:
    row = {name: GOOD[name] for name in ("flight", "left", "landed", "origin")}
    assert check_rows(source(), [row]).columns["plane"].valid.tolist() == [False]


def test_a_table_may_have_more_columns_but_not_fewer() -> None:
    full = table(flight())
    assert check(source(), full.append_column("gate", pa.array([1]))).rows.tolist() == [0]
    with pytest.raises(MissingColumn, match=r"'plane' \(did you mean 'planes'\?\)"):
        check(source(), full.rename_columns(["planes" if name == "plane" else name for name in COLUMNS]))


def test_known_at_is_the_column_in_history_and_the_arrival_when_there_is_one() -> None:
    rows = table(flight(), flight(landed=None))
    assert check(source(), rows).known_at.tolist() == [12 * HOUR]
    assert check(source(), rows, arrived_at=99).known_at.tolist() == [99, 99]
    assert check(source(), rows, arrived_at=np.array([98, 99])).known_at.tolist() == [98, 99]
    assert check(source(known_at=None), rows).known_at.tolist() == [10 * HOUR, 10 * HOUR]


def test_the_arrival_stands_for_a_known_at_that_may_not_be_null() -> None:
    declared = source()
    columns = [Field(f.name, Timestamp(nullable=False)) if f.name == "landed" else f for f in declared.columns]
    strict = replace(declared, columns=tuple(columns))
    rows = [flight(landed=None), flight(landed=dt.datetime(1970, 1, 2, tzinfo=dt.UTC)), flight(landed="noon")]
    checked = check_rows(strict, rows, arrived_at=99)
    assert checked.columns["landed"].data.tolist() == [99, 99]
    assert checked.rejected == {"type": 1}
    assert check_rows(strict, rows[:1]).rejected == {"null": 1}


def test_a_stream_need_not_have_the_column_that_its_arrival_replaces() -> None:
    assert check(source(), table(flight()).drop_columns(["landed"]), arrived_at=7).known_at.tolist() == [7]


def test_a_table_without_a_time_is_valid_since_always() -> None:
    checked = check(source(timestamp=None, known_at=None), table(flight()))
    assert (checked.ts.tolist(), checked.known_at.tolist()) == ([EARLIEST], [EARLIEST])


@pytest.mark.parametrize(("late", "admitted"), [(HOUR, True), (HOUR + 1, False)])
def test_lateness_is_allowed_up_to_its_limit(late: int, admitted: bool) -> None:
    checked = check_rows(source(lateness=HOUR), [flight(landed=GOOD["left"] + late)])  # type: ignore[operator]
    assert reasons(checked) == ([] if admitted else ["late"])


@pytest.mark.parametrize(("early", "admitted"), [(HOUR, True), (HOUR + 1, False)])
def test_skew_is_allowed_up_to_its_limit(early: int, admitted: bool) -> None:
    checked = check_rows(source(max_skew=HOUR), [flight(landed=GOOD["left"] - early)])  # type: ignore[operator]
    assert reasons(checked) == ([] if admitted else ["future"])


def test_naive_times_are_utc_and_zoned_ones_are_converted() -> None:
    naive = dt.datetime(2013, 3, 10, 7)
    zoned = dt.datetime(2013, 3, 10, 2, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    first, second = check_rows(source(), [flight(left=naive), flight(left=zoned)]).ts.tolist()
    assert first == second


def test_derive_reads_earlier_names_and_filter_reads_both() -> None:
    double = Call(Op.ADD, (DELAY, DELAY), Int64())
    more = Call(Op.ADD, (Column("double", Int64()), Literal(1, Int64())), Int64())
    over_40 = Call(Op.GT, (Column("more", Int64()), Literal(40, Int64())), Bool())
    over = source(derive=(("double", double), ("more", more)), filter=over_40)
    checked = check_rows(over, [flight(delay=19), flight(delay=20), flight(delay=None), flight(delay=9_999)])
    assert checked.rows.tolist() == [1]
    assert checked.columns["more"].data.tolist() == [41]
    assert (checked.filtered, checked.rejected, checked.offered) == (2, {"range": 1}, 4)


def test_nan_is_null() -> None:
    assert check_rows(source(), [flight(speed=float("nan"))]).columns["speed"].valid.tolist() == [False]


def test_an_empty_batch() -> None:
    checked = check(source(filter=LATE), table())
    assert (checked.offered, len(checked.rows), checked.quarantine.num_rows) == (0, 0, 0)
    assert len(project(view(source(), {"plane": String(6)}, ("plane",)), check_rows(source(), [])).ts) == 0


def test_a_source_without_event_id_takes_positions() -> None:
    over = source(event_id=None)
    rows = [flight(), flight(delay=9_999), flight()]
    assert check_rows(over, rows).id_hash is None
    positions = Positions("flights", np.zeros(3, np.int64), np.arange(3))
    ids = check_rows(over, rows, positions=positions).id_hash
    again = check_rows(over, rows[2:], positions=Positions("flights", np.array([0]), np.array([2]))).id_hash
    assert ids is not None
    assert again is not None
    assert len(set(ids.tolist())) == 2
    assert ids[1] == again[0]


def test_projection_takes_out_rows_without_an_entity_and_counts_them() -> None:
    over = source()
    rows = [flight(delay=9_999), flight(), flight(plane=None), flight(plane="N12345", delay=None)]
    events = project(view(over, {"tail": String(5)}, ("plane",)), check_rows(over, rows))
    assert events.rows.tolist() == [1]
    assert events.rejected == {"null_key": 1, "length": 1}
    assert events.refused.tolist() == [2, 3]
    assert events.key[0].data.dtype == np.dtype("S5")
    assert events.key[0].data.tolist() == [b"N1"]


def test_projection_evaluates_inputs_and_takes_a_null_condition_for_false() -> None:
    over = source()
    events = project(view(over, {}, ()), check_rows(over, [flight(), flight(delay=None), flight(delay=3)]))
    assert events.inputs[1].data.tolist() == [40, 0, 6]
    assert events.inputs[1].valid.tolist() == [True, False, True]
    assert events.conditions[0].tolist() == [True, False, False]
    assert events.key == ()
    assert events.rejected == {}
