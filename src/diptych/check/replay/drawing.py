"""Which rows of a log are compared: a share of its requests or entities by a hash with a seed, reproducible."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.serve.requestlog.reading import Batch
from diptych.serve.requestlog.sampling import Share
from diptych.serve.requestlog.schema import REQUEST_ID


@dataclass(slots=True)
class Drawing:
    """Draws rows batch by batch, and knows how many distinct entities it saw and drew."""

    share: Share
    by: str
    keys: Sequence[str]
    rows: int = 0
    drawn: int = 0
    _seen: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    _taken: list[npt.NDArray[np.uint64]] = field(default_factory=list)

    def of(self, batch: Batch) -> Batch:
        """The rows of a batch that are drawn."""
        table = batch.table
        identities = _identities(table, self.keys)
        if self.by == "entity":
            chosen = self.share.of_codes(identities)
        else:
            ids = table[REQUEST_ID].combine_chunks().dictionary_encode()
            held = np.array([self.share.holds(each) for each in ids.dictionary.to_pylist()], np.bool_)
            chosen = np.flatnonzero(held[ids.indices.to_numpy()])
        self.rows += table.num_rows
        self.drawn += len(chosen)
        self._seen.append(np.unique(identities))
        self._taken.append(np.unique(identities[chosen]))
        if len(self._seen) > 64:
            self._seen, self._taken = [self._distinct(self._seen)], [self._distinct(self._taken)]
        return batch if len(chosen) == table.num_rows else Batch(batch.words, table.take(pa.array(chosen)))

    @property
    def entities(self) -> int:
        """Distinct entities among the rows that were drawn: whole keys of a request."""
        return len(self._distinct(self._taken))

    @property
    def entities_seen(self) -> int:
        """Distinct entities among all rows."""
        return len(self._distinct(self._seen))

    @staticmethod
    def _distinct(parts: list[npt.NDArray[np.uint64]]) -> npt.NDArray[np.uint64]:
        found: npt.NDArray[np.uint64] = np.unique(np.concatenate(parts)) if parts else np.empty(0, np.uint64)
        return found


def _identities(table: pa.Table, keys: Sequence[str]) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of the whole key of every row, of the words in which the log has it."""
    codes = np.zeros(table.num_rows, np.uint64)
    for name in keys:
        encoded = table[name].combine_chunks().dictionary_encode()
        words = [b"\0" if word is None else str(word).encode() for word in encoded.dictionary.to_pylist()]
        hashes = np.array([*map(Share.code, words), Share.code(b"\0")], np.uint64)
        places = encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        codes = Share.joined(codes, hashes[places])
    return codes
