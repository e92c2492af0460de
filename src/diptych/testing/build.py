"""Resolved views built directly from plan nodes, for tests that need exactly one shape and no declaration.

``Building`` collects reductions and features and interns their expressions, as resolution does; the functions
beside it (``count``, ``mean``, ``recency``, ...) add the usual aggregates.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from diptych.ground.expression import Call, Column, Expression, Literal, Op, columns_of
from diptych.ground.instants import HOUR
from diptych.ground.values import (
    Bool,
    Decimal,
    Enum,
    Float64,
    Int64,
    ListOf,
    ResultType,
    Scalar,
    String,
    Timestamp,
    ValueType,
)
from diptych.plan.nodes import REQUEST_TIME, Entity, Feature, Field, Kind, Reduction, Source, View, Window
from diptych.run.columns import arrow_type

TOLERANCE = 1e-9
LIFETIME = Window()
AT = "at"
KNOWN = "known"
ID = "id"
"""Names of the time, known-at and event id columns of a source made by ``source``."""


def source(
    columns: Mapping[str, ValueType],
    *,
    known_at: bool = False,
    event_id: bool = False,
    dedup_window: int = HOUR,
    timestamp: bool = True,
    **options: Any,
) -> Source:
    """A source named ``events`` with the columns given, and ``at``, ``known`` and ``id`` where asked for."""
    extra: dict[str, ValueType] = {}
    if timestamp:
        extra[AT] = Timestamp()
    if known_at:
        extra[KNOWN] = Timestamp()
    if event_id:
        extra[ID] = String(12)
    return Source(
        "events",
        tuple(Field(name, type_) for name, type_ in (extra | dict(columns)).items()),
        timestamp=AT if timestamp else None,
        known_at=KNOWN if known_at else None,
        event_id=ID if event_id else None,
        dedup_window=dedup_window,
        **options,
    )


def table(over: Source, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Raw rows as an arrow table of the source's columns (and ``arrived_at`` where a row has it).

    Instants are int microseconds in the rows and timestamps in the table; decimals have 38 digits.
    """
    types = {field.name: arrow_type(field.type) for field in over.columns}
    if any("arrived_at" in row for row in rows):
        types["arrived_at"] = pa.timestamp("us", "UTC")
    wide = {name: pa.decimal128(38, t.scale) if pa.types.is_decimal(t) else t for name, t in types.items()}
    return pa.table({name: pa.array([row.get(name) for row in rows], t) for name, t in wide.items()})


def bare(type_: ValueType) -> ValueType:
    """The type without its range and nullability, as results have it."""
    match type_:
        case Int64():
            return Int64()
        case Float64():
            return Float64()
        case Decimal():
            return Decimal(type_.scale)
        case Bool() | Timestamp():
            return type(type_)()
        case String():
            return String(type_.max_bytes)
        case Enum():
            return Enum(*type_.values)


def type_of(expression: Expression) -> ValueType:
    """The type of a typed expression."""
    assert expression.type is not None
    return expression.type


def call(op: Op, *args: Expression, type_: ValueType) -> Call:
    """A typed call."""
    return Call(op, args, type_)


def result_type(kind: Kind, input_type: ValueType | None, n: int = 0) -> ResultType:
    """What a reducer gives over an input of a type."""
    if kind in (Kind.COUNT, Kind.DISTINCT):
        return Int64()
    if kind is Kind.MOMENTS:
        return Float64()
    assert input_type is not None
    return ListOf(bare(input_type), n) if kind is Kind.LATEST else bare(input_type)


class Building:
    """A view under construction; equal expressions and reductions are kept once."""

    def __init__(self, over: Source, keys: Mapping[str, ValueType], on: Sequence[str] | None = None) -> None:
        self.source = over
        self.entity = Entity("entity", tuple(Field(name, type_) for name, type_ in keys.items()))
        self.on = tuple(on if on is not None else keys)
        self.inputs: list[Expression] = []
        self.conditions: list[Expression] = []
        self.reductions: list[Reduction] = []
        self.features: list[Feature] = []

    def reduce(
        self,
        kind: Kind,
        window: Window = LIFETIME,
        input: Expression | None = None,
        where: Expression | None = None,
        n: int = 0,
    ) -> Column:
        """The column under which a finish reads this reduction."""
        reduction = Reduction(
            kind,
            None if input is None else _interned(self.inputs, input),
            None if where is None else _interned(self.conditions, where),
            window,
            n,
            result_type(kind, None if input is None else type_of(input), n),
        )
        type_ = reduction.type
        return Column(f"r{_interned(self.reductions, reduction)}", None if isinstance(type_, ListOf) else type_)

    def feature(self, name: str, finish: Expression, *, default: Scalar | None = None) -> "Building":
        """Add a feature; its tolerance follows from the reductions that it reads."""
        read = [self.reductions[int(column[1:])] for column in columns_of(finish) if column != REQUEST_TIME]
        inexact = any(r.kind is Kind.MOMENTS or (r.kind is Kind.SUM and r.type == Float64()) for r in read)
        type_ = read[0].type if read and read[0].kind is Kind.LATEST else finish.type
        assert type_ is not None
        tolerance = TOLERANCE if inexact and isinstance(type_, Float64) else 0.0
        self.features.append(Feature(name, type_, finish, default, tolerance))
        return self

    def view(self, name: str = "view") -> View:
        """The view as built so far."""
        return View(
            name,
            self.entity,
            self.source,
            self.on,
            tuple(self.inputs),
            tuple(self.conditions),
            tuple(self.reductions),
            tuple(self.features),
            fingerprint=name,
        )


def column(over: Source, name: str) -> Column:
    """A typed column of a source."""
    return Column(name, next(field.type for field in over.columns if field.name == name))


def mean(view: Building, x: Expression, window: Window, where: Expression | None = None) -> Expression:
    """Sum over count, both as floats, then scaled."""
    total = _float(view.reduce(Kind.SUM, window, x, where))
    number = _float(view.reduce(Kind.COUNT, window, x, where))
    return _scaled(call(Op.DIV, total, number, type_=Float64()), type_of(x), 1)


def var(view: Building, x: Expression, window: Window, where: Expression | None = None) -> Expression:
    """The sample variance."""
    return _scaled(view.reduce(Kind.MOMENTS, window, x, where), type_of(x), 2)


def std(view: Building, x: Expression, window: Window, where: Expression | None = None) -> Expression:
    """The sample deviation."""
    moments = view.reduce(Kind.MOMENTS, window, x, where)
    return _scaled(call(Op.SQRT, moments, type_=Float64()), type_of(x), 1)


def rate(view: Building, where: Expression, window: Window) -> Expression:
    """The share of events that match."""
    hits = _float(view.reduce(Kind.COUNT, window, None, where))
    return call(Op.DIV, hits, _float(view.reduce(Kind.COUNT, window)), type_=Float64())


def since(view: Building, kind: Kind, window: Window = LIFETIME, where: Expression | None = None) -> Expression:
    """Seconds since the last (MAX) or the first (MIN) event."""
    assert view.source.timestamp is not None
    at = view.reduce(kind, window, Column(view.source.timestamp, Timestamp()), where)
    return call(Op.SECONDS_BETWEEN, at, Column(REQUEST_TIME, Timestamp()), type_=Float64())


def _float(x: Expression) -> Expression:
    return x if isinstance(x.type, Float64) else call(Op.TO_FLOAT, x, type_=Float64())


def _scaled(x: Expression, type_: ValueType, power: int) -> Expression:
    if not isinstance(type_, Decimal) or type_.scale == 0:
        return x
    return call(Op.SHIFT, x, Literal(type_.scale * power, Int64()), type_=Float64())


def _interned(known: list[Any], value: Any) -> int:
    if value not in known:
        known.append(value)
    return known.index(value)
