"""Faults: what the door holds against rows, gathered while it looks and kept with the rows in quarantine."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

BoolArray = npt.NDArray[np.bool_]
RowArray = npt.NDArray[np.int64]

REASON, DETAIL, ARRIVED_AT = "reason", "detail", "arrived_at"
"""The columns that quarantine adds to those of the original row."""

_SPELLED = 60  # characters of a value that a detail shows


class Reason(StrEnum):
    """Why a row is refused as a whole; what is wrong with one value is a ``rows.misfit.Misfit``."""

    UNKNOWN_COLUMN = "unknown_column"
    NO_TIMESTAMP = "no_timestamp"
    NO_KNOWN_AT = "no_known_at"
    NO_EVENT_ID = "no_event_id"
    LATE = "late"
    FUTURE = "future"
    NULL_KEY = "null_key"


@dataclass(slots=True)
class Faults:
    """The faults found in a batch of ``rows`` rows, in the order in which the door looked."""

    rows: int
    _found: list[tuple[RowArray, str, list[str]]] = field(default_factory=list)

    def add(self, rows: RowArray, reason: str, sentences: list[str]) -> None:
        """Holds ``reason`` against rows (their numbers), with a readable sentence for each."""
        if len(rows):
            self._found.append((rows, reason, sentences))

    def clean(self) -> BoolArray:
        """The rows that nothing is held against."""
        good = np.ones(self.rows, np.bool_)
        for rows, _, _ in self._found:
            good[rows] = False
        return good

    def verdicts(self) -> tuple[RowArray, list[str], list[str]]:
        """Rows that are refused, ascending; for each the first reason and all sentences."""
        first: dict[int, str] = {}
        said: dict[int, str] = {}
        for rows, reason, sentences in self._found:
            for row, sentence in zip(rows.tolist(), sentences, strict=True):
                first.setdefault(row, reason)
                said[row] = f"{said[row]}; {sentence}" if row in said else sentence
        order = sorted(first)
        return np.array(order, np.int64), [first[row] for row in order], [said[row] for row in order]


def quarantine(
    original: pa.Table, faults: Faults, arrived_at: npt.NDArray[np.int64] | None
) -> tuple[pa.Table, Counter[str]]:
    """The refused rows as they came, with reason, detail and arrival beside them; and the count of each reason.

    An original column that has the name of one of ours comes back as ``{name}_given``.
    """
    rows, reasons, details = faults.verdicts()
    ours = {REASON, DETAIL, ARRIVED_AT}
    names = [f"{name}_given" if name in ours else name for name in original.column_names]
    kept = original.take(pa.array(rows)).rename_columns(names)
    arrivals = pa.nulls(len(rows), pa.int64()) if arrived_at is None else pa.array(arrived_at[rows])
    kept = kept.append_column(REASON, pa.array(reasons, pa.string()))
    kept = kept.append_column(DETAIL, pa.array(details, pa.string()))
    return kept.append_column(ARRIVED_AT, arrivals.cast(pa.timestamp("us", tz="UTC"))), Counter(reasons)


def shown(values: Sequence[Any]) -> list[str]:
    """Values as a sentence shows them: short, and telling text from numbers."""
    spelled = (repr(value) for value in values)
    return [text if len(text) <= _SPELLED else text[: _SPELLED - 1] + "…" for text in spelled]
