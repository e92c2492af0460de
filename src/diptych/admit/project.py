"""Project admitted rows of a source onto one view: its keys, inputs and conditions, ready for state or windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.admit.door import Checked, Instants
from diptych.admit.faults import Reason
from diptych.admit.identity import Hashes
from diptych.ground.expression import columns_of
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp, ValueType
from diptych.plan.nodes import View
from diptych.rows.evaluate import evaluate, truth
from diptych.rows.misfit import Codes, Misfit
from diptych.rows.values import Values, dtype_of, stored


@dataclass(frozen=True, slots=True, eq=False)
class ViewEvents:
    """The events of one view, n of them; no key part is null.

    ``rows`` are their row numbers in the batch that was checked, ``key`` the parts in the entity's order and of its
    types, ``inputs`` and ``conditions`` those of the view (a null condition is false). ``rejected`` counts by reason
    the admitted rows that belong to no entity of this view, and ``refused`` gives their row numbers in the batch.
    """

    rows: npt.NDArray[np.int64]
    key: tuple[Values, ...]
    ts: Instants
    known_at: Instants
    id_hash: Hashes | None
    inputs: tuple[Values, ...]
    conditions: tuple[npt.NDArray[np.bool_], ...]
    rejected: Mapping[str, int]
    refused: npt.NDArray[np.int64]


def project(view: View, checked: Checked) -> ViewEvents:
    """The events of ``view`` among the admitted rows of its source."""
    rows = len(checked.rows)
    key, verdicts = _keys(view, checked)
    rejected = _count(verdicts)
    columns = checked.columns
    kept = np.flatnonzero(verdicts == Misfit.FITS) if rejected else None
    if kept is not None:
        needed = {name for tree in (*view.inputs, *view.conditions) for name in columns_of(tree)}
        columns = {name: columns[name].take(kept) for name in needed}
        key = tuple(part.take(kept) for part in key)
        rows = len(kept)
    return ViewEvents(
        rows=_of(checked.rows, kept),
        key=key,
        ts=_of(checked.ts, kept),
        known_at=_of(checked.known_at, kept),
        id_hash=None if checked.id_hash is None else _of(checked.id_hash, kept),
        inputs=tuple(evaluate(tree, columns, rows) for tree in view.inputs),
        conditions=tuple(truth(tree, columns, rows) for tree in view.conditions),
        rejected=rejected,
        refused=checked.rows[verdicts != Misfit.FITS],
    )


def _of(column: npt.NDArray[Any], kept: npt.NDArray[np.int64] | None) -> npt.NDArray[Any]:
    return column if kept is None else column[kept]


def _keys(view: View, checked: Checked) -> tuple[tuple[Values, ...], Codes]:
    """Key parts in the entity's types, and for each row what is wrong with the first part that does not fit."""
    verdicts = np.zeros(len(checked.rows), np.uint8)
    parts = []
    for part, column in zip(view.entity.keys, view.on, strict=True):
        given = checked.columns[column]
        misfits = refit(part.type, given)
        verdicts = np.where(verdicts == Misfit.FITS, misfits, verdicts)
        parts.append(Values(given.data.astype(dtype_of(part.type), copy=False), given.valid))
    return tuple(parts), verdicts


def _count(verdicts: Codes) -> dict[str, int]:
    if not verdicts.any():
        return {}
    codes, counts = np.unique(verdicts[verdicts != Misfit.FITS], return_counts=True)
    names = (Reason.NULL_KEY.value if code == Misfit.NULL else Misfit(code).reason for code in codes)
    return dict(zip(names, counts.tolist(), strict=True))


def refit(kind: ValueType, given: Values) -> Codes:
    """Whether values that were admitted under one type also fit ``kind``, of the same family; null never does."""
    misfits = np.zeros(len(given), np.uint8)
    match kind:
        case Int64(ge=ge, le=le) | Float64(ge=ge, le=le):
            _beyond(misfits, given, ge, le)
        case Decimal(_, ge, le):
            limits = (None if limit is None else stored(kind, limit) for limit in (ge, le))
            _beyond(misfits, given, *limits)
        case Enum(values):
            words = np.array([value.encode() for value in values])
            misfits[~np.isin(given.data, words)] = Misfit.NOT_IN_VOCABULARY
        case String(max_bytes):
            if given.data.dtype.itemsize > max_bytes:
                misfits[np.char.str_len(given.data) > max_bytes] = Misfit.TOO_LONG
        case Bool() | Timestamp():
            pass
    if not given.valid.all():
        misfits[~given.valid] = Misfit.NULL
    return misfits


def _beyond(misfits: Codes, given: Values, ge: Any, le: Any) -> None:
    for limit, outside in ((ge, np.less), (le, np.greater)):
        if limit is not None:
            misfits[outside(given.data, limit)] = Misfit.OUT_OF_RANGE
