"""Arrow values as Python values, also those that Python has no value for: a value shown must never raise."""

from typing import Any

import pyarrow as pa


def to_python(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values of a column; an instant outside Python's years 1 to 9999 as text, ``"<count> <unit> since 1970"``."""
    try:
        plain: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        if not pa.types.is_timestamp(column.type):
            raise
        counts = column.cast(pa.int64()).to_pylist()
        plain = [None if count is None else f"{count} {column.type.unit} since 1970" for count in counts]
    return plain


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of a table as dicts of such values."""
    columns = {name: to_python(table.column(name)) for name in table.column_names}
    return [{name: values[row] for name, values in columns.items()} for row in range(table.num_rows)]
