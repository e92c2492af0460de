"""Where the history of a source is: files, a table of a database, or a frame in memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

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


Location: TypeAlias = Files | DatabaseTable | Frame
