"""The raw rows of one entity out of a history where it lies, as the judge takes them."""

from collections.abc import Sequence
from typing import Any

from diptych.admit.faults import ARRIVED_AT
from diptych.plan.nodes import View
from diptych.run.engines.duckdb_open import session
from diptych.run.engines.duckdb_read import Reading
from diptych.run.engines.duckdb_scan import quoted
from diptych.run.location import Location


def rows_of(view: View, history: Location, key: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows of the view's source whose key is ``key`` (text, int, bool, or int microseconds); none where a part is null.

    A part of the key that is derived excludes no row. Instants are int microseconds. Raises BadHistory.
    """
    if any(part is None for part in key):
        return []
    declared = {field.name for field in view.source.columns}
    where = " AND ".join(
        f"raw.{quoted(column)} = {_literal(part)}"
        for column, part in zip(view.on, key, strict=True)
        if column in declared
    )
    found: list[dict[str, Any]] = []
    with session(None, None, None) as connection:
        reading = Reading.of(connection, view, history)
        for batch in reading.batches(where=where):
            rows = batch.table.to_pylist()
            if batch.arrived_at is not None:
                arrivals = batch.arrived_at.tolist()
                rows = [row | {ARRIVED_AT: at} for row, at in zip(rows, arrivals, strict=True)]
            found += rows
    return found


def _literal(part: Any) -> str:
    match part:
        case str():
            escaped = part.replace("'", "''")
            return f"'{escaped}'"
        case bool():
            return "TRUE" if part else "FALSE"
        case _:
            return str(int(part))
