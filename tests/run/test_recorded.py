"""Recorded history behind an imported one: the cut between them, columns that came later, repeats of a position."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from diptych.ground.expression import Column
from diptych.ground.values import INT64_MAX, Int64, String
from diptych.plan.nodes import Field, Kind, Source
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.engines.kernel import KernelEngine
from diptych.run.history import LocatedHistory
from diptych.run.location import Files, Frame, Location, Recorded, RecordedRows
from diptych.run.tables import Tables
from diptych.testing.build import LIFETIME, Building, source, table

SINCE, WINDOW = 1_000, 50
SALES = source({"user": String(4), "x": Int64(ge=0)}, known_at=True, event_id=True, dedup_window=WINDOW)
CLICKS = source({"user": String(4), "x": Int64(ge=0)}, known_at=True, dedup_window=WINDOW)
INSTANT = pa.timestamp("us", "UTC")


def sale(id: str | None, known: int | None, x: int = 1) -> dict[str, Any]:
    return {"user": "a", "at": 10, "id": id, "known": known, "x": x}


def taken(arrived: int, x: int = 1, offset: int | None = None, id: str | None = None) -> dict[str, Any]:
    """A recorded row, which declares to be known at once."""
    return {**sale(id or f"r{arrived}", 10, x), "arrived_at": arrived, "_partition": "p", "_offset": offset}


def recorded(rows: list[dict[str, Any]], over: Source = SALES) -> pa.Table:
    streamed = pa.array([row.get("_offset") for row in rows], pa.int64())
    partition = pa.array([None if row.get("_offset") is None else "p" for row in rows], pa.string())
    return table(over, rows).append_column("_partition", partition).append_column("_offset", streamed)


def answers(history: Location, over: Source, instants: list[int]) -> list[tuple[int, int]]:
    """How many events user a has at each instant, and their sum, by both engines."""
    building = Building(over, {"user": String(4)})
    building.feature("n", building.reduce(Kind.COUNT, LIFETIME))
    building.feature("sum", building.reduce(Kind.SUM, LIFETIME, Column("x", Int64(ge=0))))
    keys = {"row_id": list(range(len(instants))), "t": instants, "key_user": ["a"] * len(instants)}
    found = [
        engine.compute(building.view(), history, pa.table(keys)).to_pydict()
        for engine in (DuckDBEngine(threads=1), KernelEngine(threads=1))
    ]
    assert found[0] == found[1]
    return list(zip(found[0]["n"], found[0]["sum"], strict=True))


@pytest.mark.parametrize("kind", ["frame", "parquet", "csv"])
def test_what_was_imported_counts_as_far_as_it_was_known_before_the_recording(tmp_path: Path, kind: str) -> None:
    imported = table(SALES, [sale("e", 20), sale("f", SINCE - 1, 2), sale("g", SINCE, 4), sale("h", None, 8)])
    place: Files | Frame = Frame(imported)
    if kind == "parquet":
        pq.write_table(imported, tmp_path / "sales.parquet")
        place = Files(str(tmp_path / "sales.parquet"))
    if kind == "csv":
        pyarrow.csv.write_csv(imported, tmp_path / "sales.csv")
        place = Files(str(tmp_path / "sales.csv"))
    pq.write_table(recorded([taken(SINCE, 16)]), tmp_path / "part.parquet")
    rows = RecordedRows(
        (str(tmp_path / "part.parquet"),), recorded([taken(SINCE + 5, 32), taken(SINCE + 6, 64, id="f")]), SINCE
    )
    history = Recorded(lambda: rows, place)
    asked = [21, SINCE - 1, SINCE, SINCE + 1, SINCE + 6, SINCE + 7]
    assert answers(history, SALES, asked) == [(1, 1), (1, 1), (2, 3), (3, 19), (4, 51), (4, 51)]
    located = LocatedHistory({"events": history})
    building = Building(SALES, {"user": String(4)})
    view = building.feature("n", building.reduce(Kind.COUNT, LIFETIME)).view()
    events = located.events(view, INT64_MAX, 0, 1)
    assert sorted(events.known_at.tolist()) == [20, SINCE - 1, SINCE, SINCE + 5, SINCE + 6]
    assert events.rejected == {"type": 1}  # the row that says in no way when it was known
    if kind != "csv":
        whole = Tables({"events": history}, [SALES])["events"]
        assert sorted(whole["id"].to_pylist()) == sorted(["e", "f", "h", f"r{SINCE}", f"r{SINCE + 5}", "f"])


def test_nothing_recorded_yet_is_the_imported_history_or_an_empty_one() -> None:
    nothing = RecordedRows((), None, None)
    imported = table(SALES, [sale("e", 20), sale("g", SINCE, 4)])
    assert answers(Recorded(lambda: nothing, Frame(imported)), SALES, [SINCE + 1]) == [(2, 5)]
    assert answers(Recorded(lambda: nothing), SALES, [SINCE + 1]) == [(0, 0)]
    assert Tables({"events": Recorded(lambda: nothing)}, [SALES])["events"].num_rows == 0


def test_a_column_that_was_declared_later_is_null_before(tmp_path: Path) -> None:
    older = replace(SALES, columns=tuple(field for field in SALES.columns if field.name != "x"))
    pq.write_table(recorded([taken(SINCE)], older), tmp_path / "one.parquet")
    first = RecordedRows((str(tmp_path / "one.parquet"),), None, SINCE)
    assert answers(Recorded(lambda: first), SALES, [SINCE + 9]) == [(1, 0)]
    pq.write_table(recorded([taken(SINCE + 1, 4)]), tmp_path / "two.parquet")
    files = tuple(str(tmp_path / name) for name in ("one.parquet", "two.parquet"))
    both = RecordedRows(files, recorded([taken(SINCE + 2, 8)]), SINCE)
    assert answers(Recorded(lambda: both), SALES, [SINCE + 9]) == [(3, 12)]
    strict = replace(SALES, columns=(*older.columns, Field("x", Int64(ge=0, nullable=False))))
    assert answers(Recorded(lambda: both), strict, [SINCE + 9]) == [(2, 12)]


def test_a_position_that_came_twice_is_one_event_within_the_dedup_window() -> None:
    arrivals = [(0, 1), (WINDOW, 1), (2 * WINDOW + 1, 1), (3, 2), (3, 2)]
    rows = [taken(SINCE + after, x, offset) for (after, x), offset in zip(arrivals, (7, 7, 7, 8, 9), strict=True)]
    pushed = [taken(SINCE + 4, 16, None), taken(SINCE + 4, 16, None)]
    now = RecordedRows((), recorded([*rows, *pushed], CLICKS), SINCE)
    history = Recorded(lambda: now)
    asked = [SINCE + 1, SINCE + 4, SINCE + 5, SINCE + WINDOW + 1, SINCE + 2 * WINDOW + 2]
    assert answers(history, CLICKS, asked) == [(1, 1), (3, 5), (5, 37), (5, 37), (6, 38)]
    assert Tables({"events": history}, [CLICKS])["events"].num_rows == 6
