"""Reading a request log back: which services it holds, by which definitions they answered, and their rows in batches."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from diptych.ground.errors import DiptychError
from diptych.plan.serial import ManifestError
from diptych.serve.requestlog.schema import AT, DEFINITION, METADATA, REQUEST_ID, ROW, Described, decode

BATCH_ROWS = 20_000


class BadLog(DiptychError):
    """A request log that is not there, or of which a file cannot be read."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one file, and what the file says of itself: which columns are hashed, by which key, how it was sampled."""

    words: Mapping[str, Any]
    table: pa.Table

    @property
    def hashed(self) -> frozenset[str]:
        """The columns that are hashed."""
        return frozenset(self.words["hashed"]) & set(self.table.column_names)


@dataclass(frozen=True)
class LoggedService:
    """What is logged of one service as it was defined at one time."""

    folder: Path

    @cached_property
    def described(self) -> Described:
        """The service, the views behind it, and the types of the columns; raises BadLog."""
        path = self.folder / DEFINITION
        try:
            return decode(path.read_bytes())
        except (OSError, ManifestError) as error:
            raise BadLog(f"the request log has no definition that can be read at {path}: {error}") from error

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The finished files, oldest first."""
        return tuple(sorted(self.folder.glob("*.parquet")))

    def rows(self) -> int:
        """How many rows the files have; reads no row."""
        return sum(int(_opened(path).metadata.num_rows) for path in self.files)

    def batches(self, since: int | None = None, until: int | None = None) -> Iterator[Batch]:
        """The rows with ``since <= _at < until`` (microseconds), so many at a time that memory stays small."""
        for path in self.files:
            file = _opened(path)
            if not _may_hold(file, since, until):
                continue
            words = words_of(file.schema_arrow)
            for batch in file.iter_batches(BATCH_ROWS):
                table = _between(pa.Table.from_batches([batch]), since, until)
                if table.num_rows:
                    yield Batch(words, table)


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of one request, in their order."""

    service: LoggedService
    batch: Batch


def logged_services(root: Path) -> list[LoggedService]:
    """All that is logged under a folder (or under that of one service), by folder; raises BadLog where nothing is."""
    folders = sorted({path.parent for path in root.rglob(DEFINITION)})
    if not folders:
        raise BadLog(
            f"there is no request log at {root}: name its folder, or have serving write one ([environments.NAME.recording] "
            "requests)"
        )
    return [LoggedService(folder) for folder in folders]


def find(root: Path, request_id: str) -> Found | None:
    """The rows that were logged of a request; None where it was not sampled. Raises BadLog."""
    for service in logged_services(root):
        for path in reversed(service.files):
            table = _opened(path).read(columns=[REQUEST_ID])
            if pc.any(pc.equal(table[REQUEST_ID], request_id)).as_py():
                file = pq.read_table(path, filters=[(REQUEST_ID, "==", request_id)])
                return Found(service, Batch(words_of(file.schema), file.sort_by(ROW)))
    return None


def words_of(schema: pa.Schema) -> dict[str, Any]:
    """What a file says of itself."""
    words: dict[str, Any] = json.loads((schema.metadata or {}).get(METADATA, b"{}"))
    return {"hashed": [], "key": None, **words}


def _opened(path: Path) -> Any:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise BadLog(f"cannot read {path} of the request log: {error}; move it away to go on without it") from error


def _may_hold(file: Any, since: int | None, until: int | None) -> bool:
    """Whether the statistics of a file leave room for an instant in between."""
    if since is None and until is None:
        return True
    place = file.schema_arrow.get_field_index(AT)
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        names = [group.column(column).path_in_schema for column in range(group.num_columns)]
        statistics = group.column(names.index(AT)).statistics if place >= 0 else None
        if statistics is None or not statistics.has_min_max:
            return True
        low, high = (_micros(bound) for bound in (statistics.min, statistics.max))
        if (until is None or low < until) and (since is None or high >= since):
            return True
    return False


def _micros(bound: Any) -> int:
    found: int = pa.scalar(bound, pa.timestamp("us", tz="UTC")).cast(pa.int64()).as_py()
    return found


def _between(table: pa.Table, since: int | None, until: int | None) -> pa.Table:
    at = table[AT].cast(pa.int64())
    if since is not None:
        table, at = table.filter(pc.greater_equal(at, since)), at.filter(pc.greater_equal(at, since))
    return table if until is None else table.filter(pc.less(at, until))
