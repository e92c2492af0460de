"""Python objects as typed columns: what a push, a request or a notebook hands over, judged like any file.

The rules are those of ``fit.from_arrow``: a mixture is sorted by what each object is, and each sort is fitted as one
Arrow column. A numpy scalar counts as the Python object it says, ``pandas.NaT`` and a NaN decimal as null.
"""

import datetime
import decimal
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from diptych.ground.instants import EARLIEST, LATEST, instant
from diptych.ground.values import INT64_MAX, INT64_MIN, Bool, Decimal, Float64, Int64, Timestamp, ValueType
from diptych.rows.fit import Fitted, from_arrow
from diptych.rows.misfit import Misfit
from diptych.rows.numeric import exactly
from diptych.rows.values import Values, dtype_of

_PLAIN = {Bool: (bool, pa.bool_()), Int64: (int, pa.int64()), Float64: (float, pa.float64())}
_INSTANTS = pa.timestamp("us", tz="UTC")


def from_list(kind: ValueType, items: Sequence[Any]) -> Fitted:
    """Python objects as Values of ``kind``, with one Misfit code each."""
    plain, arrow = _PLAIN.get(type(kind), (str, pa.string()))
    if not isinstance(kind, Decimal | Timestamp) and set(map(type, items)) <= {plain, type(None)}:
        try:
            return from_arrow(kind, pa.array(items, arrow))
        except (OverflowError, UnicodeEncodeError, pa.ArrowException):
            pass  # an integer beyond 64 bits or a lone surrogate: find out which
    return _from_mixture(kind, items)


def _from_mixture(kind: ValueType, items: Sequence[Any]) -> Fitted:
    data = np.zeros(len(items), dtype_of(kind))
    valid = np.zeros(len(items), np.bool_)
    misfits = np.zeros(len(items), np.uint8)
    sorts: dict[pa.DataType | Misfit, tuple[list[int], list[Any]]] = {}
    for row, item in enumerate(items):
        sort, form = _sort(kind, item)
        rows, forms = sorts.setdefault(sort, ([], []))
        rows.append(row)
        forms.append(form)
    for sort, (rows, forms) in sorts.items():
        if isinstance(sort, Misfit):
            misfits[rows] = sort
        else:
            part = from_arrow(kind, pa.array(forms, sort))
            data[rows], valid[rows], misfits[rows] = part.values.data, part.values.valid, part.misfits
    return Fitted(Values(data, valid), misfits)


def _sort(kind: ValueType, item: Any) -> tuple[pa.DataType | Misfit, Any]:
    """The Arrow type that an object stands for and its form there; or what is wrong with it whatever its neighbours."""
    if isinstance(item, np.generic):
        item = pa.scalar(item).as_py() if isinstance(item, np.datetime64) else item.item()
    match item:
        case None:
            return pa.null(), None
        case bool():
            return pa.bool_(), item
        case int():
            return _sort_int(kind, item)
        case float():
            return pa.float64(), float(item)
        case str():
            return _sort_text(item)
        case decimal.Decimal():
            return _sort_decimal(kind, item)
        case datetime.datetime():
            return _sort_datetime(item)
        case datetime.date():
            return pa.date32(), item
        case _:
            return Misfit.WRONG_TYPE, None


def _sort_int(kind: ValueType, item: int) -> tuple[pa.DataType | Misfit, Any]:
    if INT64_MIN <= item <= INT64_MAX:
        return pa.int64(), int(item)
    number = isinstance(kind, Int64 | Float64 | Decimal | Timestamp)
    return (Misfit.OUT_OF_RANGE if number else Misfit.WRONG_TYPE), None


def _sort_text(item: str) -> tuple[pa.DataType | Misfit, Any]:
    try:
        item.encode()
    except UnicodeEncodeError:
        return Misfit.NOT_UTF8, None
    return pa.string(), str(item)


def _sort_decimal(kind: ValueType, item: decimal.Decimal) -> tuple[pa.DataType | Misfit, Any]:
    if item.is_nan():
        return pa.null(), None
    if not isinstance(kind, Decimal):
        return Misfit.WRONG_TYPE, None
    if item.is_infinite():
        return Misfit.INFINITE, None
    units, misfit = exactly(kind, item)
    if misfit != Misfit.FITS:
        return misfit, None
    return pa.decimal128(38, kind.scale), decimal.Decimal(units).scaleb(-kind.scale)


def _sort_datetime(item: datetime.datetime) -> tuple[pa.DataType | Misfit, Any]:
    if item != item:  # pandas.NaT
        return pa.null(), None
    if getattr(item, "nanosecond", 0):  # pandas.Timestamp is finer than what it derives from
        return Misfit.INEXACT, None
    when = instant(item)
    return (_INSTANTS, when) if EARLIEST <= when <= LATEST else (Misfit.OUT_OF_RANGE, None)
