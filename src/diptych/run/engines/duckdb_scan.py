"""The scan: a history as DuckDB sees it, to the relation ``raw`` with exactly the declared types.

A value that does not fit its declared type refuses its row, as the door does; a column that is missing, or of a type
from which no honest cast exists, is an error that names it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from diptych.admit.door import says_arrival
from diptych.admit.faults import ARRIVED_AT
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp, ValueType
from diptych.plan.nodes import Field, Source
from diptych.run.errors import BadHistory

_SMALL_INTS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
_BIG_INTS = frozenset({"UBIGINT", "HUGEINT", "UHUGEINT"})
_FLOATS = frozenset({"DOUBLE", "FLOAT"})
_MOMENTS = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", "DATE"})
_NANOS = frozenset({"TIMESTAMP_NS", "TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE"})
_BEYOND = "9223372036854775807"
"""Stands for an infinite timestamp: outside the instants that the door lets in."""


@dataclass(frozen=True, slots=True)
class Cast:
    """SQL of a value in its declared type, and of the condition under which it is the same value; empty if always."""

    value: str
    fits: str = ""


def scan(source: Source, relation: str, types: Mapping[str, str], *, text: bool, absent: Collection[str] = ()) -> str:
    """The query behind ``raw``: the declared columns out of ``relation``, whose columns have these DuckDB types.

    ``text``: every column is text to be parsed, as in CSV files. A declared column that is ``absent`` is null.
    """
    stamped = says_arrival(source, types)
    fields = [*source.columns, *([Field(ARRIVED_AT, Timestamp())] if stamped else [])]
    casts = {field.name: _cast(source, field, types, text=text) for field in fields if field.name in types}
    for field in fields:
        null = field.name in absent or (stamped and field.name == source.known_at)
        if field.name not in types and not null:
            raise BadHistory(
                f"source {source.name!r}: the history has no column {field.name!r}; it has: {', '.join(sorted(types))}"
            )
        casts.setdefault(field.name, Cast(f"CAST(NULL AS {_plain(field.type)})"))
    columns = ", ".join(f"{cast.value} AS {quoted(name)}" for name, cast in casts.items())
    checks = [
        f"(src.{quoted(name)} IS NULL OR COALESCE({cast.fits}, FALSE))" for name, cast in casts.items() if cast.fits
    ]
    where = f" WHERE {' AND '.join(checks)}" if checks else ""
    return f"SELECT {columns or '1 AS nothing'} FROM {relation} AS src{where}"


def quoted(name: str) -> str:
    """A quoted identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _cast(source: Source, field: Field, types: Mapping[str, str], *, text: bool) -> Cast:
    column, physical = f"src.{quoted(field.name)}", types[field.name]
    cast = _parsed(field.type, column) if text else _converted(field.type, column, physical)
    if cast is None:
        kind = type(field.type).__name__
        raise BadHistory(
            f"source {source.name!r}: column {field.name!r} is declared {kind}, but the history holds {physical}; "
            f"declare what it is, or convert the history: nothing is cast in silence"
        )
    return cast


def _converted(type_: ValueType, column: str, physical: str) -> Cast | None:
    """From a typed column; None where there is no honest way."""
    base = physical.split("(")[0]
    if physical in ('"NULL"', "NULL"):
        return Cast(f"CAST(NULL AS {_plain(type_)})")
    match type_:
        case Bool():
            return Cast(column) if physical == "BOOLEAN" else None
        case Int64():
            return _whole(column, physical)
        case Float64():
            return _float(column, physical)
        case Decimal(scale):
            return _decimal(column, physical, scale)
        case Timestamp():
            return _instant(column, physical)
        case String() | Enum():
            is_text = base in ("VARCHAR", "ENUM")
            return Cast(f'(CAST({column} AS VARCHAR) COLLATE "binary")') if is_text else None


def _plain(type_: ValueType) -> str:
    match type_:
        case Bool():
            return "BOOLEAN"
        case Float64():
            return "DOUBLE"
        case String() | Enum():
            return "VARCHAR"
        case _:
            return "BIGINT"


def _whole(column: str, physical: str) -> Cast | None:
    if physical in _SMALL_INTS:
        return Cast(f"CAST({column} AS BIGINT)")
    if physical in _BIG_INTS:
        value = f"TRY_CAST({column} AS BIGINT)"
        return Cast(value, f"{value} IS NOT NULL")
    if physical in _FLOATS:
        whole = f"{column} = FLOOR({column}) AND ABS({column}) <= {2**53}"
        return Cast(f"CASE WHEN {whole} THEN CAST({column} AS BIGINT) END", f"ISNAN({column}) OR ({whole})")
    return None


def _float(column: str, physical: str) -> Cast | None:
    value = f"CAST({column} AS DOUBLE)"
    if physical in _FLOATS:
        return Cast(value)
    if physical in _SMALL_INTS | _BIG_INTS:
        return Cast(value, f"TRY_CAST({column} AS BIGINT) IS NOT NULL AND CAST({value} AS HUGEINT) = {column}")
    return None


def _decimal(column: str, physical: str, scale: int) -> Cast | None:
    if physical not in _SMALL_INTS and not physical.startswith("DECIMAL("):
        return None
    near = f"TRY_CAST({column} AS DECIMAL(19, {scale}))"
    units = f"TRY_CAST({near} * CAST({10**scale} AS DECIMAL({scale + 1}, 0)) AS BIGINT)"
    same = f"TRY_CAST({near} AS {physical}) = {column}"
    return Cast(units, f"{units} IS NOT NULL AND {same}")


def _instant(column: str, physical: str) -> Cast | None:
    if physical in _MOMENTS:
        return Cast(f"CASE WHEN ISINF({column}) THEN {_BEYOND} ELSE EPOCH_US({column}) END")
    if physical in _NANOS:
        nanos = f"EPOCH_NS({column})"
        return Cast(f"{nanos} // 1000", f"{nanos} % 1000 = 0")
    return _whole(column, physical) if physical in _SMALL_INTS | _BIG_INTS else None


def _parsed(type_: ValueType, column: str) -> Cast:
    """From text: only what reads as the declared type from the first character to the last."""
    match type_:
        case Bool():
            return Cast(f"(LOWER({column}) = 'true')", f"LOWER({column}) IN ('true', 'false')")
        case Int64():
            return _matching(column, "[+-]?[0-9]+", f"TRY_CAST({column} AS BIGINT)")
        case Float64():
            value = f"TRY_CAST({column} AS DOUBLE)"
            return Cast(value, f"{value} IS NOT NULL")
        case Decimal(scale):
            cast = _decimal(f"TRY_CAST({column} AS DECIMAL(38, 18))", "DECIMAL(38,18)", scale)
            assert cast is not None
            return _matching(column, f"[+-]?[0-9]+([.][0-9]{{0,{scale}}}0*)?", cast.value)
        case Timestamp():
            moment = f"TRY_CAST({column} AS TIMESTAMPTZ)"
            value = f"CASE WHEN ISINF({moment}) THEN {_BEYOND} ELSE EPOCH_US({moment}) END"
            return Cast(value, f"{moment} IS NOT NULL")
        case String() | Enum():
            return Cast(column)


def _matching(column: str, pattern: str, value: str) -> Cast:
    return Cast(value, f"REGEXP_FULL_MATCH({column}, '{pattern}') AND {value} IS NOT NULL")
