"""The rows of one entity where the history lies: the right ones, for every type that a key part may have."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import diptych as dt
from diptych.declare.project import Project
from diptych.ground.instants import instant
from diptych.plan.nodes import View
from diptych.plan.resolve import resolve
from diptych.run.engines.duckdb_rows import rows_of
from diptych.run.location import Files, Frame

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
KEYS = {
    "text": dt.String(8),
    "whole": dt.Int64(),
    "truth": dt.Bool(),
    "when": dt.Timestamp(),
    "kind": dt.Enum("a", "b"),
}


def view_over(*names: str, derived: str | None = None) -> View:
    source = dt.EventSource(
        "events",
        timestamp="at",
        event_id="id",
        columns={"id": dt.Int64(), "at": dt.Timestamp(), "price": dt.Decimal(2), **KEYS},
        derive={"big": "whole > 10"},
    )
    keys = {name: KEYS[name] for name in names} | ({"big": dt.Bool()} if derived else {})
    entity = dt.Entity("entity", keys=keys)
    view = dt.FeatureView("view", entity=entity, source=source, features=[dt.count(windows=["1h"]), dt.last("price")])
    return resolve([view], Project("p", ("x",))).views[0]


def row(number: int, **given: Any) -> dict[str, Any]:
    plain = {"text": "it's", "whole": number, "truth": number % 2 == 0, "when": NOON, "kind": "a", "price": None}
    return {"id": number, "at": NOON} | plain | given


ROWS = [row(0), row(1, text="it"), row(20, kind="b"), row(3, text=None)]


@pytest.mark.parametrize(
    ("names", "key", "ids"),
    [
        (("text",), ("it's",), [0, 20]),
        (("whole",), (20,), [20]),
        (("truth",), (False,), [1, 3]),
        (("when",), (instant(NOON),), [0, 1, 3, 20]),
        (("text", "kind"), ("it's", "b"), [20]),
        (("text", "kind"), ("it's", None), []),
        (("text",), ("nobody",), []),
        ((), (), [0, 1, 3, 20]),
    ],
)
def test_the_rows_of_a_key(names: tuple[str, ...], key: tuple[Any, ...], ids: list[int], tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS, schema=_schema())
    pq.write_table(table, tmp_path / "events.parquet")
    for location in (Frame(table), Files(str(tmp_path / "events.parquet"))):
        found = rows_of(view_over(*names), location, key)
        assert sorted(each["id"] for each in found) == ids
        assert {each["at"] for each in found} <= {instant(NOON)}


def test_a_derived_part_excludes_nothing() -> None:
    found = rows_of(
        view_over("text", derived="big"), Frame(pa.Table.from_pylist(ROWS, schema=_schema())), ("it's", True)
    )
    assert sorted(each["id"] for each in found) == [0, 20]


def test_arrivals_come_with_the_rows() -> None:
    table = pa.Table.from_pylist([row(0)], schema=_schema()).append_column(
        "arrived_at", pa.array([NOON], pa.timestamp("us", "UTC"))
    )
    assert rows_of(view_over("text"), Frame(table), ("it's",))[0]["arrived_at"] == instant(NOON)


def _schema() -> pa.Schema:
    moments = pa.timestamp("us", "UTC")
    return pa.schema(
        [
            ("id", pa.int64()), ("at", moments), ("text", pa.string()), ("whole", pa.int64()), ("truth", pa.bool_()),
            ("when", moments), ("kind", pa.string()), ("price", pa.decimal128(9, 2)),
        ]
    )  # fmt: skip
