"""Streams: partitions of rows with offsets, which a consumer reads on from where it stopped.

The built-in stream is a table or Parquet files in the order in which their events became known; what speaks to a
broker only has to keep the same protocol.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from diptych.ground.errors import DiptychError

BATCH_ROWS = 10_000


class BadStream(DiptychError):
    """A stream whose files cannot be read in order."""


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """Consecutive rows of one partition: the first has ``offset``, each next one more."""

    offset: int
    rows: pa.Table


class Stream(Protocol):
    """Named partitions of rows; the same offset always names the same row."""

    @property
    def partitions(self) -> Sequence[str]:
        """Names of the partitions, unique among all streams that feed a source."""
        ...

    def read(self, partition: str, offset: int) -> Iterator[StreamBatch]:
        """Batches from ``offset`` on, without gaps, until there is nothing more for now."""
        ...


@dataclass(frozen=True, slots=True)
class TableStream:
    """One partition: a table in the order of the column ``known_at`` (see ``ordered_stream``)."""

    name: str
    table: pa.Table
    known_at: str
    batch_rows: int = BATCH_ROWS

    @property
    def partitions(self) -> Sequence[str]:
        """The one partition, named like the stream."""
        return (self.name,)

    def read(self, partition: str, offset: int) -> Iterator[StreamBatch]:
        """Batches of ``batch_rows`` rows."""
        for start in range(offset, self.table.num_rows, self.batch_rows):
            yield StreamBatch(start, self.table.slice(start, self.batch_rows))

    def offset_at(self, instant: int) -> int:
        """The offset of the first row that was not known before an instant (microseconds)."""
        early = pc.less(_microseconds(self.table.column(self.known_at)), instant)
        return int(pc.sum(early).as_py() or 0)

    def before(self, instant: int) -> "TableStream":
        """The same stream as far as it was known before an instant (microseconds)."""
        return replace(self, table=self.table.slice(0, self.offset_at(instant)))


def ordered_stream(name: str, table: pa.Table, known_at: str, batch_rows: int = BATCH_ROWS) -> TableStream:
    """A table as a stream, put in the order of ``known_at`` (rows of one instant keep theirs, nulls come last)."""
    if known_at not in table.column_names:
        raise BadStream(
            f"the stream {name!r} has no column {known_at!r} to be ordered by; it has {', '.join(table.column_names)}"
        )
    order = pc.sort_indices(table, sort_keys=[(known_at, "ascending")])
    in_order = pc.all(pc.equal(order, pa.array(range(table.num_rows), pa.uint64()))).as_py()
    return TableStream(name, table if in_order else table.take(order), known_at, batch_rows)


def file_stream(name: str, files: Sequence[Path], known_at: str, batch_rows: int = BATCH_ROWS) -> TableStream:
    """Parquet or CSV files (by their suffix) as one stream in the order of ``known_at``."""
    kinds = {path.suffix.lstrip(".").lower() for path in files}
    if len(kinds) != 1 or not kinds <= {"parquet", "csv"}:
        raise BadStream(f"a stream needs files of one kind, .parquet or .csv; these are {sorted(kinds) or 'none'}")
    table = ds.dataset([str(path) for path in files], format=kinds.pop()).to_table()
    return ordered_stream(name, table, known_at, batch_rows)


def content_name(files: Sequence[Path]) -> str:
    """A name for the stream of these files by their content: the first one's stem and a hash of all their bytes."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"{files[0].stem}-{digest.hexdigest()[:12]}"


def _microseconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64())
    return column.cast(pa.int64())
