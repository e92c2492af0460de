"""Where rejected rows go, so that nothing that was delivered is lost: a folder of Parquet files, or only counts.

A rejected row may hold anything, so it is kept as JSON text beside the reason.
"""

import datetime
import decimal
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

SEGMENT_ROWS = 10_000

_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("rejected_at", pa.timestamp("us", tz="UTC")),
        ("row", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row that the door refused: why, in one word and in a sentence, when (microseconds), and the row as JSON."""

    source: str
    reason: str
    detail: str
    rejected_at: int
    row: str


class Quarantine(Protocol):
    """Takes rejected rows."""

    def put(self, rows: Sequence[Rejected]) -> None:
        """Keep the rows, durably when this returns; the same rows may be put again after a crash."""
        ...


class CountsOnly:
    """Keeps no row: the counts by reason in the result of ingestion are all there is."""

    def put(self, rows: Sequence[Rejected]) -> None:
        """Let the rows go."""


@dataclass(slots=True)
class ParquetQuarantine:
    """A folder of Parquet segments ``rejected-{process}-{number}.parquet``.

    Each ``put`` writes the whole current segment aside and renames it over the old one, so a reader or a crash finds
    either all rows of a call or none; past ``segment_rows`` rows the next segment begins. Processes never share one.
    """

    folder: Path
    segment_rows: int = SEGMENT_ROWS
    _segment: pa.Table = field(default_factory=_SCHEMA.empty_table)
    _number: int = 0
    _writer: str = field(default_factory=lambda: secrets.token_hex(4))

    def put(self, rows: Sequence[Rejected]) -> None:
        """Keep the rows, durably when this returns."""
        if not rows:
            return
        if self._segment.num_rows >= self.segment_rows:
            self._segment = _SCHEMA.empty_table()
            self._number += 1
        segment = pa.concat_tables([self._segment, _table(rows)])
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"rejected-{self._writer}-{self._number:06d}.parquet"
        aside = path.with_suffix(".writing")
        with aside.open("wb") as file:
            pq.write_table(segment, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        _sync_folder(self.folder)
        self._segment = segment


def as_json(row: dict[str, object]) -> str:
    """A row as one line of JSON; what JSON cannot hold is written as text."""
    return json.dumps(row, ensure_ascii=False, default=_spell, sort_keys=True)


def _spell(value: object) -> str:
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    return repr(value)


def _table(rows: Sequence[Rejected]) -> pa.Table:
    columns = {name: [getattr(row, name) for row in rows] for name in _SCHEMA.names}
    return pa.table(columns, schema=_SCHEMA)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
