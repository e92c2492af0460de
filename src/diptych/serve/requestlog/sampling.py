"""Which requests and entities are sampled: a hash with a seed decides, so every process draws the same ones.

CRC-32 reads the bytes, because it costs next to nothing in the path of a request; two multiplications then spread it
over 64 bits, so that a share of the hashes is that share of what was hashed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import numpy.typing as npt

_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = (1 << 64) - 1
_FIRST_64, _SECOND_64 = np.uint64(_FIRST), np.uint64(_SECOND)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)
_FEW = 24
"""Rows up to which plain integers are quicker than arrays."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of all hashes, from 0 to 1, drawn with a seed."""

    share: float
    seed: int = 0
    _bound: int = field(init=False)
    _offset: int = field(init=False)

    def __post_init__(self) -> None:
        """What hashes are held against, worked out once."""
        object.__setattr__(self, "_bound", min(_MASK, int(self.share * (1 << 64))))
        object.__setattr__(self, "_offset", (self.seed + 1) * _STEP & _MASK)

    def holds(self, identity: str) -> bool:
        """Whether one identity, of a request for example, is drawn."""
        if self.share >= 1.0:
            return True
        return _spread(crc32(identity.encode()), self._offset) < self._bound

    def rows(self, keys: Sequence[Sequence[bytes | None]], count: int) -> npt.NDArray[np.int64] | None:
        """Which of ``count`` rows are drawn by their whole key: its parts are columns of bytes. None: all of them."""
        if self.share >= 1.0:
            return None
        codes = [0] * count
        for part in keys:
            codes = [crc32(b"\0" if key is None else key, code) for key, code in zip(part, codes, strict=True)]
        if count > _FEW:
            return self.of_codes(np.array(codes, np.uint64))
        offset, bound = self._offset, self._bound
        return np.array([row for row, code in enumerate(codes) if _spread(code, offset) < bound], np.int64)

    def of_codes(self, codes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """The places of the codes that are drawn."""
        if self.share >= 1.0:
            return np.arange(len(codes))
        chosen: npt.NDArray[np.int64] = np.flatnonzero(_spread_all(codes, self._offset) < np.uint64(self._bound))
        return chosen

    @staticmethod
    def code(word: bytes) -> int:
        """A 64-bit code of a word, well spread."""
        return _spread(crc32(word) | crc32(word, 0xFFFF) << 32, _STEP)

    @staticmethod
    def joined(codes: npt.NDArray[np.uint64], others: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """One code for each pair; order counts."""
        return _spread_all(codes * _FIRST_64 ^ others, _STEP)


def _spread(code: int, offset: int) -> int:
    """A 64-bit hash of a code."""
    mixed = code + offset & _MASK
    mixed = (mixed ^ mixed >> 30) * _FIRST & _MASK
    mixed = (mixed ^ mixed >> 27) * _SECOND & _MASK
    return mixed ^ mixed >> 31


def _spread_all(codes: npt.NDArray[np.uint64], offset: int) -> npt.NDArray[np.uint64]:
    """The same of many codes."""
    mixed = codes + np.uint64(offset)
    mixed = (mixed ^ mixed >> _30) * _FIRST_64
    mixed = (mixed ^ mixed >> _27) * _SECOND_64
    spread: npt.NDArray[np.uint64] = mixed ^ mixed >> _31
    return spread
