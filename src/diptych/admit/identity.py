"""The 64-bit identity of an event: the same number for the same event id in any process, on any platform.

Text, numbers and stream positions never share an identity by accident of their bits: each carries its own tag. The
hash of a text does not depend on the declared ``max_bytes``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp, ValueType
from diptych.rows.values import Values

Hashes = npt.NDArray[np.uint64]

_TEXT, _BOOL, _WHOLE, _FLOAT, _INSTANT, _POSITION = (np.uint64(tag) for tag in range(1, 7))
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Where each row stood in its stream: identity of events whose source declares no ``event_id``."""

    topic: str
    partition: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]


def hashed(kind: ValueType, ids: Values) -> Hashes:
    """One hash an id; ids must not be null."""
    if isinstance(kind, String | Enum):
        return _text(ids.data)
    bits = ids.data.astype(np.uint64) if isinstance(kind, Bool) else ids.data.view(np.uint64)
    hashes: Hashes = _mix(_mix(_tag(kind)) ^ bits)
    return hashes


def _tag(kind: Bool | Int64 | Decimal | Timestamp | Float64) -> np.uint64:
    match kind:
        case Bool():
            return _BOOL
        case Int64() | Decimal():
            return _WHOLE
        case Timestamp():
            return _INSTANT
        case Float64():
            return _FLOAT


def hashed_positions(positions: Positions) -> Hashes:
    """One hash a row, of (topic, partition, offset)."""
    topic = _text(np.array([positions.topic.encode()]))[0]
    seed = _mix(_mix(_POSITION) ^ topic)
    hashes: Hashes = _mix(_mix(seed ^ positions.partition.view(np.uint64)) ^ positions.offset.view(np.uint64))
    return hashes


def _text(data: npt.NDArray[np.bytes_]) -> Hashes:
    """Eight bytes at a time; a word of zeros is padding, for text holds no NUL."""
    words = -(-data.dtype.itemsize // 8)
    block = data.astype(f"S{words * 8}").view("<u8").astype(np.uint64, copy=False).reshape(len(data), words)
    found = np.full(len(data), _mix(_TEXT))
    for column in range(words):
        word = np.ascontiguousarray(block[:, column])
        mixed = _mix(found ^ word)
        found = mixed if word.all() else np.where(word != 0, mixed, found)
    return found


def _mix(bits: Any) -> Any:
    """The finaliser of splitmix64, a bijection in which every bit of the input moves every bit of the output."""
    with np.errstate(over="ignore"):
        mixed: Any = bits + _STEP
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        return mixed ^ (mixed >> np.uint64(31))
