"""Raw records out of arrays: the bytes that an ``APPEND`` adds to the state of an entity."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from diptych.compile.online.layout import FLAG_BITS, InputPlace, Layout
from diptych.ground.values import Enum, Float64, String
from diptych.kernel import places as k
from diptych.rows.values import Values

Words = npt.NDArray[np.int64]
_SIGN = np.uint64(1 << 63)
_MOST = np.int64(2**63 - 1)


def pack(
    layout: Layout,
    ts: Words,
    known_at: Words,
    event_id: npt.NDArray[np.int64] | npt.NDArray[np.uint64],
    inputs: Sequence[Values],
    conditions: Sequence[npt.NDArray[np.bool_]],
) -> Words:
    """The raw records of n events as (n, layout.record_words) words; ``.tobytes()`` of a row is what to append.

    ``ts`` and ``known_at`` are instants, ``event_id`` 64-bit hashes. ``inputs`` and ``conditions`` are in the order of
    the view's; a condition is true or not (null is not). Rows must have passed the door: text fits its type.
    """
    return np.ascontiguousarray(pack_columns(layout, ts, known_at, event_id, inputs, conditions).T)


def pack_columns(
    layout: Layout,
    ts: Words,
    known_at: Words,
    event_id: npt.NDArray[np.int64] | npt.NDArray[np.uint64],
    inputs: Sequence[Values],
    conditions: Sequence[npt.NDArray[np.bool_]],
) -> Words:
    """The raw records of n events word by word, (layout.record_words, n): the transpose of ``pack``."""
    columns = np.empty((layout.record_words, len(ts)), dtype=np.int64)
    columns[k.TS] = ts
    columns[k.KNOWN_AT] = known_at
    columns[k.EVENT_ID] = event_id.view(np.int64)
    columns[k.FLAGS : k.FLAGS + layout.flag_words] = 0
    for place, values in zip(layout.inputs, inputs, strict=True):
        if place.flag is not None:
            columns[place.offset : place.offset + place.words] = _encode(place, values)
            _set_flags(columns, place.flag, values.valid)
    for flag, truth in zip(layout.conditions, conditions, strict=True):
        _set_flags(columns, flag, truth)
    return columns


def flag_place(flag: int) -> tuple[int, int]:
    """(flag word, bit) of the flag of that number."""
    return flag // FLAG_BITS, flag % FLAG_BITS + 1


def sortable_text(texts: npt.NDArray[np.bytes_], words: int) -> Words:
    """Zero-padded UTF-8 as (n, words) int64 words whose signed order is the order of the bytes."""
    padded = np.ascontiguousarray(texts).astype(f"S{8 * words}")
    big_endian = padded.view(">u8").reshape(len(texts), words)
    flipped: Words = (big_endian.astype(np.uint64) ^ _SIGN).view(np.int64)
    return flipped


def plain_text(texts: npt.NDArray[np.bytes_], words: int) -> Words:
    """Zero-padded UTF-8 as (n, words) int64 words in memory order, the form of results."""
    return np.ascontiguousarray(texts).astype(f"S{8 * words}").view(np.int64).reshape(len(texts), words)


def sortable_float(bits: Words) -> Words:
    """Float bits as words whose signed order is the order of the numbers; its own inverse."""
    return bits ^ ((bits >> 63) & _MOST)


def _set_flags(columns: Words, flag: int, where: npt.NDArray[np.bool_]) -> None:
    word, bit = flag_place(flag)
    columns[k.FLAGS + word] |= where.astype(np.int64) << bit


def _encode(place: InputPlace, values: Values) -> Words:
    """(place.words, n) sortable words; zero where null, so that copies compare by what they say."""
    match place.type:
        case String() | Enum():
            words = sortable_text(values.data, place.words).T
        case Float64():
            clean = np.where(values.valid, values.data, 0.0) + 0.0
            words = sortable_float(clean.view(np.int64)).reshape(1, -1)
        case _:
            words = values.data.astype(np.int64, copy=False).reshape(1, -1)
    return words if values.valid.all() else np.where(values.valid, words, np.int64(0))
