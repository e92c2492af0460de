"""Frames at the edges: pandas, pyarrow and polars to Arrow, and columns of Arrow put beside a frame's own.

A frame's own columns are never converted unless they are asked for, so nothing odd in them is touched.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from diptych.run.columns import Array
from diptych.run.errors import BadSpine


def to_arrow(frame: Any) -> pa.Table:
    """A frame of any kind as an Arrow table; a pandas index is no column."""
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if isinstance(frame, pd.DataFrame):
        return pa.Table.from_pandas(frame, preserve_index=False)
    return _native(frame).to_arrow()


def names(frame: Any) -> list[str]:
    """The frame's columns."""
    if isinstance(frame, pa.Table):
        return list(frame.column_names)
    return [str(name) for name in frame.columns] if isinstance(frame, pd.DataFrame) else list(_native(frame).columns)


def pick(frame: Any, wanted: Sequence[str]) -> pa.Table:
    """Some columns of a frame, each of which must be there once, as an Arrow table."""
    if isinstance(frame, pa.Table):
        return frame.select(list(wanted))
    if isinstance(frame, pd.DataFrame):
        return pa.Table.from_pandas(frame[list(wanted)], preserve_index=False)
    return _native(frame).select(list(wanted)).to_arrow()


def rows(frame: Any) -> int:
    """How many rows a frame has."""
    return int(frame.num_rows) if isinstance(frame, pa.Table) else len(frame)


def beside(frame: Any, columns: Mapping[str, Array]) -> pd.DataFrame:
    """A frame as pandas (with the index it has, if it is one) and Arrow columns to its right.

    Whole numbers and truth values with nulls in them become pandas' nullable types, never floats or objects.
    """
    left = frame if isinstance(frame, pd.DataFrame) else to_arrow(frame).to_pandas()
    right = {name: _series(column, left.index) for name, column in columns.items()}
    both: pd.DataFrame = pd.concat([left, pd.DataFrame(right, index=left.index)], axis=1)
    return both


def _series(column: Array, index: pd.Index) -> pd.Series:
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()} if column.null_count else {}
    series: pd.Series = pa.table({"column": column}).to_pandas(types_mapper=nullable.get)["column"]
    series.index = index
    return series


def _native(frame: Any) -> nw.DataFrame[Any]:
    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError as error:
        kind = type(frame).__name__
        raise BadSpine(f"cannot read a {kind} as a frame; pass pandas, pyarrow or polars") from error
