"""The questions behind a spine: its distinct (key, instant) pairs, and the way back to its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from diptych.run.columns import Array
from diptych.run.engine import INSTANT, ROW_ID, key_column


@dataclass(frozen=True, slots=True)
class Questions:
    """``table``: one row for each distinct pair, as an engine takes them; ``rows``: for each spine row, its pair's."""

    table: pa.Table
    rows: npt.NDArray[np.int64]


def questions(keys: Mapping[str, Array], instants: Array) -> Questions:
    """The distinct pairs of key parts (by their names) and int64 microseconds, N values each; nulls are equal."""
    columns = {**{key_column(name): values for name, values in keys.items()}, INSTANT: instants}
    codes = np.zeros(len(instants), np.int64)
    for values in columns.values():
        codes = _refined(codes, values)
    first = np.empty(int(codes.max(initial=-1)) + 1, np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # of several writes to one place the last stays
    chosen = pa.array(first)
    distinct = {name: values.take(chosen) for name, values in columns.items()}
    row_ids = pa.array(np.arange(len(first), dtype=np.int64))
    return Questions(pa.table({ROW_ID: row_ids, **distinct}), codes)


def _refined(codes: npt.NDArray[np.int64], values: Any) -> npt.NDArray[np.int64]:
    """Dense codes, by first appearance, that tell apart what the codes so far or the values tell apart."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    encoded = pc.dictionary_encode(values, null_encoding="encode")
    own = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    pairs = pa.array(codes * (len(encoded.dictionary) + 1) + own)
    found: npt.NDArray[np.int64] = pairs.dictionary_encode().indices.to_numpy().astype(np.int64)
    return found
