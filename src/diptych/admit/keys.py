"""Entity keys: the bytes under which an entity's state is kept, by one encoder for batches and for single requests.

Each part is written as ``length:bytes`` and the parts are joined, so that no two keys read alike: ("a", "bc") is
``1:a2:bc`` and ("ab", "c") is ``2:ab1:c``. Text is UTF-8, integers and instants are decimal digits, a bool is t or f.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.ground.errors import DiptychError
from diptych.ground.values import (
    INT64_MAX,
    INT64_MIN,
    Bool,
    Decimal,
    Enum,
    Float64,
    Int64,
    String,
    Timestamp,
    ValueType,
)
from diptych.plan.nodes import Entity, Field
from diptych.rows.misfit import Misfit, spell
from diptych.rows.objects import from_list
from diptych.rows.values import Values

Codes = npt.NDArray[np.int64]


class BadKey(DiptychError):
    """A key part that is missing from a request or does not fit its declared type."""


def entity_keys(entity: Entity, parts: Sequence[Values], rows: int | None = None) -> list[bytes]:
    """The key of each row; no part may be null. ``rows`` is needed for an entity without keys only."""
    if not entity.keys:
        return [b""] * (rows or 0)
    columns = [key_parts(f.type)(part.data.tolist()) for f, part in zip(entity.keys, parts, strict=True)]
    return columns[0] if len(columns) == 1 else list(map(b"".join, zip(*columns, strict=True)))


def key_of(entity: Entity, given: Mapping[str, Any]) -> bytes | None:
    """The key of one request row, None where a part is null.

    Raises BadKey when a part is missing or is not a value of its declared type: the text "1" is not the integer 1.
    """
    written = []
    for part in entity.keys:
        try:
            value = _stored(entity, part, given[part.name])
        except KeyError:
            raise BadKey(_missing(entity, part, given)) from None
        if value is None:
            return None
        written += key_parts(part.type)([value])
    return b"".join(written)


def key_parts(kind: ValueType) -> Callable[[Iterable[Any]], list[bytes]]:
    """How values of a type, as columns hold them (text as UTF-8 bytes), are written as parts of keys."""
    match kind:
        case String() | Enum():
            return _texts
        case Int64() | Timestamp():
            return _digits
        case Bool():
            return _flags
        case Float64() | Decimal():
            raise BadKey(f"a {type(kind).__name__} cannot be part of an entity key; use Int64 or String")


def factorise(parts: Sequence[Values], rows: int | None = None) -> tuple[Codes, Codes]:
    """Dense numbers for the different keys among rows: (code of each row, first row of each code).

    Codes are numbered in order of first appearance. Without parts (an entity without keys) all rows have code 0.
    """
    if not parts:
        return np.zeros(rows or 0, np.int64), np.zeros(min(rows or 0, 1), np.int64)
    codes = _dense(parts[0])
    for part in parts[1:]:
        more = _dense(part)
        codes = _dense_numbers(codes * (int(more.max(initial=0)) + 1) + more)
    first = np.empty(int(codes.max(initial=-1)) + 1, np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # of several writes to one place the last stays
    return codes, first


def _dense(part: Values) -> Codes:
    data = part.data
    if data.dtype.kind == "S":
        buffer = pa.py_buffer(np.ascontiguousarray(data))
        column = pa.Array.from_buffers(pa.binary(data.dtype.itemsize), len(data), [None, buffer])
        return np.asarray(column.dictionary_encode().indices).astype(np.int64)
    return _dense_numbers(data)


def _dense_numbers(data: npt.NDArray[Any]) -> Codes:
    return np.asarray(pa.array(data).dictionary_encode().indices).astype(np.int64)


def _texts(values: Iterable[bytes]) -> list[bytes]:
    return [b"%d:%b" % (len(value), value) for value in values]


def _digits(values: Iterable[int]) -> list[bytes]:
    return _texts(map(b"%d".__mod__, values))


def _flags(values: Iterable[bool]) -> list[bytes]:
    return [b"1:t" if value else b"1:f" for value in values]


def _stored(entity: Entity, part: Field, value: Any) -> bytes | int | bool | None:
    """The value as columns hold it; plain text and integers, the usual case, without building a column."""
    kind = part.type
    if value is None:
        return None
    if type(value) is str and isinstance(kind, String) and value.isascii() and "\0" not in value:
        if len(value) <= kind.max_bytes:
            return value.encode()
    elif type(value) is int and isinstance(kind, Int64) and _least(kind) <= value <= _most(kind):
        return value
    fitted = from_list(kind, [value])
    if fitted.misfits[0] not in (Misfit.FITS, Misfit.NULL):
        said = spell(Misfit(fitted.misfits[0]), kind)
        raise BadKey(f"entity {entity.name!r}: key part {part.name} = {value!r} {said}")
    if not fitted.values.valid[0]:
        return None
    stored: bytes | int | bool = fitted.values.data[0].item()
    return stored


def _least(kind: Int64) -> int:
    return INT64_MIN if kind.ge is None else max(kind.ge, INT64_MIN)


def _most(kind: Int64) -> int:
    return INT64_MAX if kind.le is None else min(kind.le, INT64_MAX)


def _missing(entity: Entity, part: Field, given: Mapping[str, Any]) -> str:
    wanted = ", ".join(repr(field.name) for field in entity.keys)
    there = ", ".join(map(repr, given)) or "nothing"
    return f"entity {entity.name!r} needs key part {part.name!r} (its key is {wanted}); the row has {there}"
