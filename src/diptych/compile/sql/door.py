"""The door as SQL: from raw rows of a source to the events of one view, in the order that the contract gives.

Types are guaranteed by the scan that fills ``raw``; ranges, vocabulary, lengths, times, derived columns, the filter,
the entity key and repeats are judged here.
"""

import decimal
from collections.abc import Iterable, Iterator

from sqlglot import exp

from diptych.compile.sql.dialects import Dialect
from diptych.compile.sql.expressions import lower
from diptych.compile.sql.tree import (
    Sql,
    Step,
    ascending,
    at_most,
    between,
    case,
    coalesce,
    column,
    either,
    equal,
    integer,
    is_null,
    join,
    less,
    minus,
    negated,
    not_null,
    over,
    plus,
    select,
)
from diptych.ground.expression import Column, Expression, columns_of
from diptych.ground.instants import EARLIEST, LATEST
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, String, Timestamp
from diptych.plan.nodes import Field, Source, View

RAW = "raw"
"""The relation of raw rows: the declared columns, decimals as unscaled integers, instants as microseconds."""
ARRIVED_AT = "arrived_at"
"""A column of ``raw``, if the history has it, that outranks the declared ``known_at`` and takes its place."""


def door(view: View, dialect: Dialect, *, arrived: bool) -> list[Step]:
    """The steps from ``raw`` to ``events``: entity, ts, known_at, inputs ``x0..`` and conditions ``c0..``."""
    source = view.source
    steps = [
        Step("source", _declared(source, dialect, arrived), "raw rows as declared: NaN is null, -0.0 is 0.0"),
        Step("admitted", _admitted(source, dialect, arrived), "rows that fit their types, ranges and times"),
    ]
    derived, last = list(_derived(source, dialect, arrived)), "admitted"
    if derived:
        steps += derived
        last = derived[-1].name
    if source.event_id is None:
        return [
            *steps,
            Step("events", _kept(view, dialect, last, arrived), "rows that match the filter and have a key"),
        ]
    return [
        *steps,
        Step("kept", _kept(view, dialect, last, arrived), "rows that match the filter and have a key"),
        Step("copies", _copies(view), "each copy of an event beside the time at which the one before was known"),
        Step("events", _standing(view), "events with their repeats taken out"),
    ]


def _declared(source: Source, dialect: Dialect, arrived: bool) -> exp.Select:
    columns = [(field.name, _cleaned(field, dialect)) for field in source.columns]
    if arrived:
        columns.append((ARRIVED_AT, column(RAW, ARRIVED_AT)))
    return select(columns, RAW)


def _cleaned(field: Field, dialect: Dialect) -> Sql:
    value = column(RAW, field.name)
    if isinstance(field.type, Float64):
        return case((negated(dialect.is_nan(value)), positive_zero(value.copy(), dialect)))
    return value


def positive_zero(value: Sql, dialect: Dialect) -> Sql:
    """The value with -0.0 as 0.0."""
    return plus(value, dialect.float_literal(0.0))


def _admitted(source: Source, dialect: Dialect, arrived: bool) -> exp.Select:
    fields = [*source.columns, *([Field(ARRIVED_AT, Timestamp())] if arrived else [])]
    checks = [check for field in fields for check in _checks(field, source, dialect, arrived)]
    columns: list[tuple[str, Sql]] = [(field.name, column("source", field.name)) for field in fields]
    if arrived and source.known_at is not None:
        # From here on the declared column says when the row was known, which is when it arrived.
        known = _instants(source, "source", arrived)[1]
        kept = [(name, known if name == source.known_at else value) for name, value in columns]
        columns = [(name, value) for name, value in kept if name != ARRIVED_AT]
    return select(columns, "source", where=[*checks, *_timely(source, arrived)])


def _checks(field: Field, source: Source, dialect: Dialect, arrived: bool) -> Iterator[Sql]:
    value = column("source", field.name)
    needed = not field.type.nullable or field.name in (source.timestamp, source.event_id)
    if arrived and field.name == source.known_at:
        needed = False  # the time of arrival stands for it
    if needed:
        yield not_null(value)
    for check in _range_checks(field, value, dialect):
        yield check if needed else either(is_null(value), check)


def _range_checks(field: Field, value: Sql, dialect: Dialect) -> Iterator[Sql]:
    match field.type:
        case Bool():
            return
        case Int64(ge=ge, le=le):
            yield from _within(value, ge, le)
        case Decimal(scale=scale, ge=low, le=high):
            yield from _within(value, _units(low, scale, up=True), _units(high, scale, up=False))
        case Float64(ge=least, le=most):
            yield dialect.is_finite(value)
            if least is not None:
                yield at_most(dialect.float_literal(float(least)), value)
            if most is not None:
                yield at_most(value, dialect.float_literal(float(most)))
        case Timestamp():
            yield between(value, integer(EARLIEST), integer(LATEST))
        case String(max_bytes=most_bytes):
            yield at_most(dialect.byte_length(value), integer(most_bytes))
            yield negated(dialect.has_nul(value))
        case Enum(values=words):
            yield exp.In(this=value, expressions=[exp.Literal.string(word) for word in words])


def _within(value: Sql, low: int | None, high: int | None) -> Iterator[Sql]:
    if low is not None and high is not None:
        yield between(value, integer(low), integer(high))
    elif low is not None:
        yield at_most(integer(low), value)
    elif high is not None:
        yield at_most(value, integer(high))


def _units(bound: decimal.Decimal | None, scale: int, *, up: bool) -> int | None:
    """A bound in units of the last digit; one with more digits than the type moves to the next unit inside."""
    if bound is None:
        return None
    rounding = decimal.ROUND_CEILING if up else decimal.ROUND_FLOOR
    return int(decimal.Decimal(bound).scaleb(scale).to_integral_value(rounding))


def _instants(source: Source, relation: str, arrived: bool) -> tuple[Sql, Sql]:
    """When the event happened, and when it was known."""
    ts = integer(EARLIEST) if source.timestamp is None else column(relation, source.timestamp)
    known = ts.copy() if source.known_at is None else column(relation, source.known_at)
    return ts, coalesce(column(relation, ARRIVED_AT), known) if arrived else known


def _apart(source: Source, arrived: bool) -> bool:
    """Whether the time of arrival, once judged, is still a column of its own: it is where none is declared."""
    return arrived and source.known_at is None


def _timely(source: Source, arrived: bool) -> Iterator[Sql]:
    if source.known_at is not None:
        _, known = _instants(source, "source", arrived)
        yield not_null(known)
    if source.timestamp is None or (source.known_at is None and not arrived):
        return
    ts, known = _instants(source, "source", arrived)
    if source.lateness is not None:
        yield at_most(minus(known, ts), integer(source.lateness))
    if source.max_skew is not None:
        yield at_most(minus(ts, known), integer(source.max_skew))


def _derived(source: Source, dialect: Dialect, arrived: bool) -> Iterator[Step]:
    """One step for each round of derived columns whose inputs are all there already."""
    names = [*(field.name for field in source.columns), *([ARRIVED_AT] if _apart(source, arrived) else [])]
    waiting, last, round_ = list(source.derive), "admitted", 1
    while waiting:
        ready = list(_independent(waiting))
        name = "derived" if round_ == 1 else f"derived_{round_}"
        columns: list[tuple[str, Sql]] = [(known, column(last, known)) for known in names]
        columns += [(made, _over(expression, last, dialect)) for made, expression in ready]
        yield Step(name, select(columns, last), "with derived columns")
        names += [made for made, _ in ready]
        waiting, last, round_ = waiting[len(ready) :], name, round_ + 1


def _independent(waiting: list[tuple[str, Expression]]) -> Iterator[tuple[str, Expression]]:
    """The leading columns that do not read one another."""
    taken: set[str] = set()
    for name, expression in waiting:
        if taken & set(columns_of(expression)):
            return
        taken.add(name)
        yield name, expression


def _over(expression: Expression, relation: str, dialect: Dialect) -> Sql:
    lowered = lower(expression, lambda name: column(relation, name), dialect)
    computed = isinstance(expression.type, Float64) and not isinstance(expression, Column)
    return positive_zero(lowered, dialect) if computed else lowered


def _kept(view: View, dialect: Dialect, last: str, arrived: bool) -> exp.Select:
    source = view.source
    ts, known = _instants(source, last, _apart(source, arrived))
    columns: list[tuple[str, Sql]] = [("entity", column("entities", "entity")), ("ts", ts), ("known_at", known)]
    if source.event_id is not None:
        columns.append(("event_id", column(last, source.event_id)))
    columns += [(f"x{i}", _over(expression, last, dialect)) for i, expression in enumerate(view.inputs)]
    for i, condition in enumerate(view.conditions):
        columns.append((f"c{i}", coalesce(_over(condition, last, dialect), exp.false())))
    where = [_over(source.filter, last, dialect)] if source.filter is not None else []
    keys = zip(view.entity.keys, view.on, strict=True)
    same = [equal(column(last, on), column("entities", key_name(field))) for field, on in keys]
    query = select(columns, last, where=where)
    return join(query, "entities", same)


def key_name(field: Field) -> str:
    """The name of a key part in the relations of keys."""
    return f"key_{field.name}"


def payload(view: View) -> list[str]:
    """The columns of an event's payload, in the order in which copies compare."""
    return [f"x{i}" for i in range(len(view.inputs))] + [f"c{i}" for i in range(len(view.conditions))]


def _copies(view: View) -> exp.Select:
    kept = [column("kept", name) for name in ("known_at", "ts")]
    order = [ascending(value) for value in kept]
    order += [ascending(column("kept", name), nulls_first=True) for name in payload(view)]
    identity = [column("kept", "entity"), column("kept", "event_id")]
    before = over(exp.Lag(this=column("kept", "known_at")), identity, order)
    names = ["entity", "ts", "known_at", *payload(view)]
    return select([*((name, column("kept", name)) for name in names), ("known_before", before)], "kept")


def _standing(view: View) -> exp.Select:
    before = column("copies", "known_before")
    apart = less(integer(view.source.dedup_window), minus(column("copies", "known_at"), before))
    names: Iterable[str] = ["entity", "ts", "known_at", *payload(view)]
    return select([(name, column("copies", name)) for name in names], "copies", where=[either(is_null(before), apart)])
