"""The text of each interesting shape is kept, and each kept text gives the answers that were read off by hand.

After a change that is meant, write the files anew: ``DIPTYCH_WRITE_GOLDEN=1 python -m pytest tests/compile``.
"""

import os
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from diptych.compile.sql import compile_view
from diptych.run.engines.duckdb_scan import scan
from diptych.testing.build import table
from tests.compile.shapes import SHAPES, Shape

GOLDEN = Path(__file__).parent / "golden"


def spine_of(shape: Shape) -> pa.Table:
    rows, instants = list(range(len(shape.spine))), [t for _, t in shape.spine]
    keys = {"key_user": pa.array([user for user, _ in shape.spine], pa.string())} if shape.view.entity.keys else {}
    return pa.table({"row_id": rows, "t": pa.array(instants, pa.int64()), **keys})


def rounded(answers: tuple[Any, ...]) -> list[Any]:
    """Floats to 12 digits, all else as it is."""
    return [float(f"{value:.12g}") if isinstance(value, float) else value for value in answers]


@pytest.mark.parametrize("name", SHAPES)
def test_text_is_as_it_was(name: str) -> None:
    path, text = GOLDEN / f"{name}.sql", compile_view(SHAPES[name].view).sql + "\n"
    if os.environ.get("DIPTYCH_WRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("name", SHAPES)
def test_kept_text_gives_the_answers(name: str, zone: str) -> None:
    shape = SHAPES[name]
    history = table(shape.view.source, shape.history)
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{zone}'; SET threads = 1")
        connection.register("history", history)
        types = {row[0]: row[1] for row in connection.execute("DESCRIBE history").fetchall()}
        reading = scan(shape.view.source, "history", types, text=False)
        connection.execute(f'CREATE TEMP VIEW "raw" AS {reading}')
        connection.register("spine_keys", spine_of(shape))
        rows = sorted(connection.sql((GOLDEN / f"{name}.sql").read_text()).fetchall())
    assert [rounded(row[1:-1]) for row in rows] == [rounded(answer) for answer in shape.answers]
    assert {row[-1] for row in rows} == {None}
