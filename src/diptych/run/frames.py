"""Frames at the edges: pandas, pyarrow and polars to Arrow and back, without touching rows, order or columns."""

from typing import Any

import narwhals as nw
import pyarrow as pa

from diptych.run.errors import BadSpine


def to_arrow(frame: Any) -> pa.Table:
    """A frame of any kind as an Arrow table; a pandas index is no column."""
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    try:
        native = nw.from_native(frame, eager_only=True)
    except TypeError as error:
        kind = type(frame).__name__
        raise BadSpine(f"cannot read a {kind} as a frame; pass pandas, pyarrow or polars") from error
    if native.implementation.is_pandas():
        return pa.Table.from_pandas(frame, preserve_index=False)
    return native.to_arrow()
