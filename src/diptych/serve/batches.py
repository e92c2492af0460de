"""Batches as people hand them in (dicts, pandas, pyarrow), brought past the door of their source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from diptych.admit.door import Checked, check, check_rows
from diptych.admit.identity import Positions
from diptych.ground.errors import DiptychError
from diptych.plan.nodes import Source
from diptych.rows.python import rows_of

if TYPE_CHECKING:
    import pandas as pd

Batch: TypeAlias = "pa.Table | pa.RecordBatch | pd.DataFrame | Sequence[Mapping[str, Any]]"


class IngestError(DiptychError):
    """Rows that cannot be taken in at all: an unknown source, or no identity."""


@dataclass(frozen=True, slots=True)
class Raw:
    """The rows as they came."""

    given: "pa.Table | Sequence[Mapping[str, Any]]"

    def rows(self, numbers: "np.ndarray[Any, Any]") -> list[dict[str, Any]]:
        """Some of them, by their places."""
        if isinstance(self.given, pa.Table):
            return rows_of(self.given.take(pa.array(numbers)))
        return [dict(self.given[number]) for number in numbers.tolist()]


def past_door(
    source: Source, rows: Batch, arrived_at: int | None, partition: str | None = None, offset: int = 0
) -> tuple[Checked, Raw]:
    """A batch past the door of a source; of a stream, its partition and the offset of its first row are its identity.

    Raises IngestError, and MissingColumn for a table without a declared column.
    """
    rows = _rows(source, rows)
    positions = None if partition is None else _positions(partition, offset, len(rows))
    if isinstance(rows, pa.Table):
        return check(source, rows, arrived_at=arrived_at, positions=positions), Raw(rows)
    return check_rows(source, rows, arrived_at=arrived_at, positions=positions), Raw(rows)


def _rows(source: Source, rows: Any) -> "pa.Table | Sequence[Mapping[str, Any]]":
    """The batch as a table or a list of rows; one row alone is a batch of one. Raises IngestError."""
    if isinstance(rows, pa.Table):
        return rows
    if isinstance(rows, pa.RecordBatch):
        return pa.Table.from_batches([rows])
    if isinstance(rows, Mapping):
        return [rows]
    if hasattr(rows, "iloc"):
        return pa.Table.from_pandas(rows, preserve_index=False)
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
        raise IngestError(
            f"source {source.name!r}: a batch is a list of dicts, a pandas frame or a pyarrow table, not a "
            f"{type(rows).__name__}"
        )
    wrong = [number for number, row in enumerate(rows) if not isinstance(row, Mapping)]
    if wrong:
        raise IngestError(
            f"source {source.name!r}: row {wrong[0]} of the batch is a {type(rows[wrong[0]]).__name__}, not a dict of "
            "columns; nothing of this batch was taken in"
        )
    return rows


def _positions(partition: str, offset: int, count: int) -> Positions:
    offsets = np.arange(offset, offset + count, dtype=np.int64)
    return Positions(partition, np.zeros(count, np.int64), offsets)
