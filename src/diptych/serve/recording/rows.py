"""From a judged batch to the rows that are recorded: all that some live door let in, as they were given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.admit.door import Checked
from diptych.plan.nodes import Source
from diptych.rows.values import Values, to_arrow
from diptych.serve.recording.recorder import RecordingError
from diptych.serve.recording.segments import ARRIVED_AT, OFFSET, PARTITION, together

_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a batch of a stream comes from: its partition and the offset of its first row."""

    partition: str
    offset: int


def recorded_rows(judged: Sequence[Checked], origin: Origin | None) -> pa.Table | None:
    """The rows that the doors let in, each of them once; None if there is none.

    ``judged`` are the verdicts of several declarations of one source on the same batch, the first of which decides what
    a column's type is where they differ in nothing but range. Rows that a ``filter`` leaves out are recorded too:
    another version may count them. Raises RecordingError.
    """
    taken = np.zeros(judged[0].offered, np.bool_)
    tables = []
    for checked in judged:
        admitted = checked.admitted
        fresh = np.flatnonzero(~taken[admitted.rows])
        if len(fresh):
            tables.append(_rows(checked, fresh, origin))
            taken[admitted.rows] = True
    if not tables:
        return None
    try:
        return together(tables)
    except pa.ArrowException as error:
        raise RecordingError(
            f"source {judged[0].source.name!r}: two live versions declare a column with types that no one file can hold "
            f"({error}); nothing of this batch was applied. Prune the version that is not served, or rename the column"
        ) from error


def _rows(checked: Checked, places: npt.NDArray[np.int64], origin: Origin | None) -> pa.Table:
    source, admitted = checked.source, checked.admitted
    _check_names(source)
    rows, known = admitted.rows[places], admitted.known_at[places]
    whole = len(rows) == checked.offered
    columns: dict[str, Any] = {
        field.name: to_arrow(field.type, _at(admitted.given[field.name], rows, whole)) for field in source.columns
    }
    columns[ARRIVED_AT] = pa.array(known).cast(_INSTANT)
    if origin is not None:
        columns[PARTITION] = pa.repeat(pa.scalar(origin.partition), len(rows))
        columns[OFFSET] = pa.array(rows + origin.offset)
    return pa.table(columns)


def _at(values: Values, rows: npt.NDArray[np.int64], whole: bool) -> Values:
    return values if whole else values.take(rows)


def _check_names(source: Source) -> None:
    own = {ARRIVED_AT, PARTITION, OFFSET} - {source.known_at}
    clash = [field.name for field in source.columns if field.name in own]
    if clash:
        raise RecordingError(
            f"source {source.name!r} declares a column {clash[0]!r}, a name that recorded history has for itself; "
            "nothing of this batch was applied. Rename the column, or take `history` out of [environments.X.recording]"
        )
