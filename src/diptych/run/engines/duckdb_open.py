"""Bringing histories within reach of an embedded DuckDB: the connection, and what to select from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from diptych.run.engines.duckdb_scan import quoted
from diptych.run.errors import BadHistory
from diptych.run.frames import to_arrow
from diptych.run.location import DatabaseTable, Files, Frame, Location

_HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Opened:
    """A history within reach of a connection: what to select from, and the types of its columns."""

    relation: str
    types: Mapping[str, str]
    text: bool


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


def open_history(connection: duckdb.DuckDBPyConnection, history: Location, source: str) -> Opened:
    """Bring the history of a source within reach of the connection. Raises BadHistory."""
    text = isinstance(history, Files) and history.kind == "csv"
    try:
        relation = _relation(connection, history)
        described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    except duckdb.Error as error:
        raise BadHistory(f"source {source!r}: cannot read its history at {history}: {error}") from error
    return Opened(relation, {row[0]: row[1] for row in described}, text)


def _relation(connection: duckdb.DuckDBPyConnection, history: Location) -> str:
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
