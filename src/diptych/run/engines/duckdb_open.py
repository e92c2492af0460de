"""Bringing histories within reach of an embedded DuckDB: the connection, and the query behind the relation ``raw``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from diptych.admit.door import says_arrival
from diptych.admit.faults import ARRIVED_AT
from diptych.plan.nodes import Source
from diptych.run.engines.duckdb_scan import quoted, scan
from diptych.run.errors import BadHistory
from diptych.run.frames import to_arrow
from diptych.run.location import DatabaseTable, Files, Frame, Location, Recorded, RecordedRows

_HISTORY, _RECORDED, _FRESH = "history", "recorded", "recorded_fresh"
PARTITION, OFFSET = "_partition", "_offset"
"""Columns of a recorded history: where a row of a stream comes from."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A history within reach of a connection: the query of its rows as declared (see ``scan``).

    ``arrived``: whether it says when each row arrived. ``rows`` is SQL of the number of rows whatever they hold.
    """

    sql: str
    arrived: bool
    rows: str


@dataclass(frozen=True, slots=True)
class _Relation:
    """What to select from, and the types of its columns; ``text``: they are all text to be parsed."""

    sql: str
    types: Mapping[str, str]
    text: bool = False


@contextmanager
def session(
    memory_limit: str | None, threads: int | None, temp_directory: str | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A fresh in-memory database in UTC, closed at the end; None leaves a setting to DuckDB."""
    given: dict[str, Any] = {
        "memory_limit": memory_limit,
        "threads": threads,
        "temp_directory": temp_directory,
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config={name: value for name, value in given.items() if value is not None})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def open_history(connection: duckdb.DuckDBPyConnection, history: Location, source: Source) -> Opened:
    """Bring the history of a source within reach of the connection. Raises BadHistory."""
    try:
        if isinstance(history, Recorded):
            return _both(connection, history, source)
        found = _described(connection, _relation(connection, history), _is_text(history))
        arrived = says_arrival(source, found.types)
        return Opened(scan(source, found.sql, found.types, text=found.text), arrived, _count(found.sql))
    except duckdb.Error as error:
        raise BadHistory(f"source {source.name!r}: cannot read its history at {history}: {error}") from error


def _both(connection: duckdb.DuckDBPyConnection, history: Recorded, source: Source) -> Opened:
    """What was recorded, behind what was imported and known before the recording began."""
    rows = history.recorded()
    if history.imported is None:
        return _recorded(connection, rows, source)
    if rows.since is None:
        return open_history(connection, history.imported, source)
    recorded = _recorded(connection, rows, source)
    before = open_history(connection, history.imported, source)
    known = source.known_at or source.timestamp
    if known is None:  # valid since always: what was imported is, and what was recorded since
        early, late = before.sql, ""
    else:
        instant = f"COALESCE({quoted(ARRIVED_AT)}, {quoted(known)})" if before.arrived else quoted(known)
        early = f"SELECT * FROM ({before.sql}) WHERE {instant} IS NULL OR {instant} < {rows.since}"
        late = f" - (SELECT COUNT(*) FROM ({before.sql}) WHERE {instant} >= {rows.since})"
    if recorded.arrived and not before.arrived:
        early = f"SELECT *, CAST(NULL AS BIGINT) AS {quoted(ARRIVED_AT)} FROM ({early})"
    return Opened(
        f"({early}) UNION ALL BY NAME ({recorded.sql})", recorded.arrived, f"{before.rows}{late} + {recorded.rows}"
    )


def _recorded(connection: duckdb.DuckDBPyConnection, rows: RecordedRows, source: Source) -> Opened:
    parts = []
    if rows.files:
        paths = ", ".join(_text(path) for path in rows.files)
        parts.append(f"SELECT * FROM read_parquet([{paths}], union_by_name = true)")
    if rows.fresh is not None:
        connection.register(_FRESH, rows.fresh)
        parts.append(f"SELECT * FROM {_FRESH}")
    if not parts:  # nothing of it counts yet
        connection.execute(f"CREATE TEMP TABLE {_RECORDED} ({quoted(ARRIVED_AT)} TIMESTAMPTZ)")
    else:
        connection.execute(f"CREATE TEMP VIEW {_RECORDED} AS {' UNION ALL BY NAME '.join(parts)}")
    found = _described(connection, _RECORDED)
    relation = unrepeated(source, _RECORDED) if OFFSET in found.types else _RECORDED
    absent = {field.name for field in source.columns} - set(found.types)  # nobody asked for it when it was taken in
    sql = scan(source, relation, found.types, text=False, absent=absent)
    return Opened(sql, says_arrival(source, found.types), _count(relation))


def unrepeated(source: Source, relation: str) -> str:
    """Recorded rows without the repeats of a stream whose positions are the ids: the rule of copies, over positions.

    Copies of a position are the same row, so their order is that in which they became known.
    """
    if source.event_id is not None:
        return relation
    same = f"PARTITION BY {quoted(PARTITION)}, {quoted(OFFSET)} ORDER BY {quoted(ARRIVED_AT)}"
    before = f"LAG(EPOCH_US({quoted(ARRIVED_AT)})) OVER ({same})"
    apart = f"EPOCH_US({quoted(ARRIVED_AT)}) - {before} > {source.dedup_window}"
    return f"(SELECT * FROM {relation} QUALIFY {quoted(OFFSET)} IS NULL OR {before} IS NULL OR {apart})"


def _described(connection: duckdb.DuckDBPyConnection, relation: str, text: bool = False) -> _Relation:
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return _Relation(relation, {row[0]: row[1] for row in described}, text)


def _is_text(history: Location) -> bool:
    return isinstance(history, Files) and history.kind == "csv"


def _count(relation: str) -> str:
    return f"(SELECT COUNT(*) FROM {relation} AS src)"


def _relation(connection: duckdb.DuckDBPyConnection, history: Files | DatabaseTable | Frame) -> str:
    match history:
        case Frame(data):
            connection.register(_HISTORY, to_arrow(data))
            return _HISTORY
        case DatabaseTable(database, table):
            connection.execute(f"ATTACH {_text(database)} AS {_HISTORY} (READ_ONLY)")
            return ".".join([_HISTORY, *(quoted(part) for part in table.split("."))])
        case Files(path) as files:
            options = ", all_varchar = true, header = true" if files.kind == "csv" else ""
            return f"read_{files.kind}({_text(path)}{options})"


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"
