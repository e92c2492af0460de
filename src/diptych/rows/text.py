"""Text columns: Arrow strings to fixed-width bytes, each different text judged once."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from diptych.ground.values import Enum, String
from diptych.rows.misfit import Codes, Misfit
from diptych.rows.values import DataArray, dtype_of

_SAMPLE = 4096  # rows looked at to tell a column of repeated words from a column of ids


def fixed_text(kind: String | Enum, column: pa.Array) -> tuple[DataArray, Codes]:
    """The ``S{max_bytes}`` data and the verdicts of an Arrow string column, nulls taken as the empty text.

    A column of repeated words goes through its dictionary; a column of ids, where a dictionary only costs, does not.
    """
    if not pa.types.is_dictionary(column.type):
        if _mostly_different(column):
            return _pad(kind, column.cast(pa.string()))
        column = column.dictionary_encode()
    words = column.dictionary.cast(pa.string())
    # A row that is null, or whose word is, points at one more entry: the empty text.
    codes = column.indices.cast(pa.int64()).fill_null(len(words)).to_numpy(zero_copy_only=False)
    data, misfits = _pad(kind, words)
    misfits[words.is_null().to_numpy(zero_copy_only=False)] = Misfit.FITS
    table = np.append(data, np.zeros(1, data.dtype))
    return table.take(codes), np.append(misfits, np.uint8(Misfit.FITS)).take(codes)


def _mostly_different(column: pa.Array) -> bool:
    sample = column.slice(0, _SAMPLE)
    return len(column) > _SAMPLE and pc.count_distinct(sample).as_py() * 2 > len(sample)


def _pad(kind: String | Enum, words: pa.Array) -> tuple[DataArray, Codes]:
    """Every word on its own, padded with NUL to the full width; a word that does not fit becomes empty."""
    misfits = _judge(kind, words)
    width = dtype_of(kind).itemsize
    bad = misfits != Misfit.FITS
    if bad.any() or words.null_count:
        words = pc.if_else(pa.array(bad), "", words).fill_null("")
    padded = pc.ascii_rpad(words, width=width, padding="\0").cast(pa.binary())
    padded = pa.concat_arrays([padded])  # drops the offset of a slice
    data = np.frombuffer(padded.buffers()[2] or b"", dtype_of(kind), count=len(words))
    return data, misfits


def _judge(kind: String | Enum, words: pa.Array) -> Codes:
    misfits = np.zeros(len(words), np.uint8)
    present = words.is_valid()
    if isinstance(kind, Enum):
        known = pc.is_in(words, value_set=pa.array(kind.values, pa.string()))
        _mark(misfits, pc.and_not(present, known), Misfit.NOT_IN_VOCABULARY)
    else:
        _mark(misfits, pc.greater(pc.binary_length(words), kind.max_bytes), Misfit.TOO_LONG)
    _mark(misfits, pc.match_substring(words, "\0"), Misfit.HAS_NUL)
    return misfits


def _mark(misfits: Codes, where: pa.Array, misfit: Misfit) -> None:
    if pc.any(where).as_py():
        misfits[where.fill_null(False).to_numpy(zero_copy_only=False)] = misfit
