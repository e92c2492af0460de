"""Where the history of a source is: files, a table of a database, a frame in memory, or what ingestion records."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from diptych.run.errors import BadHistory

FORMATS = ("parquet", "csv")


@dataclass(frozen=True, slots=True)
class Files:
    """Parquet or CSV files at a path; a glob is fine. ``format`` None: by the path's ending."""

    path: str
    format: str | None = None

    @property
    def kind(self) -> str:
        """``parquet`` or ``csv``; BadHistory if neither."""
        found = self.format or Path(self.path.removesuffix(".gz")).suffix.lstrip(".").lower()
        if found not in FORMATS:
            raise BadHistory(f"cannot tell how to read {self.path!r}: set format to one of {', '.join(FORMATS)}")
        return found


@dataclass(frozen=True, slots=True)
class DatabaseTable:
    """A table or view of a DuckDB database file, which is opened for reading only."""

    database: str
    table: str


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame in memory: pandas, pyarrow or polars."""

    data: Any


@dataclass(frozen=True, slots=True)
class RecordedRows:
    """What ingestion has recorded of a source: Parquet files, and rows that are in none yet.

    ``since`` (microseconds) is when that began; None: nothing was recorded.
    """

    files: tuple[str, ...]
    fresh: pa.Table | None
    since: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A history that ingestion records, behind an imported one as far as that was known before the recording began.

    ``recorded`` is asked each time the history is opened; where there is neither, the history is empty. Rows of a
    stream have the columns ``_partition`` and ``_offset``.
    """

    recorded: Callable[[], RecordedRows]
    imported: "Files | DatabaseTable | Frame | None" = None


Location: TypeAlias = Files | DatabaseTable | Frame | Recorded
