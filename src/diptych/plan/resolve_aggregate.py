"""Aggregates resolved: typed parts, and a typed finish, default and tolerance for the feature of each window."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from diptych.declare.aggregate import Aggregate
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.values import Decimal, Float64, Int64, ListOf, ResultType, Scalar, Timestamp, ValueType
from diptych.plan import nodes
from diptych.plan.conversion import bare
from diptych.plan.defaults import typed_default
from diptych.plan.nodes import REQUEST_TIME, Kind, Window
from diptych.plan.ranges import Interval, constant, declared
from diptych.plan.resolve_part import Part, Rows
from diptych.plan.resolve_window import resolve_windows
from diptych.plan.typed import Scope

FLOAT_TOLERANCE = 1e-9
"""The relative tolerance of float sums and of deviations, unless a feature declares another."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A feature before its reductions have places: the finish reads its parts by their names.

    ``feature`` and ``window`` are None when there is only a name, because something else did not load.
    """

    name: str
    window: Window | None = None
    feature: nodes.Feature | None = None
    interval: Interval | None = None
    parts: Mapping[str, Part] | None = None

    @property
    def type(self) -> ResultType | None:
        """The type of the feature, if there is one."""
        return None if self.feature is None else self.feature.type


def resolve_aggregate(aggregate: Aggregate, rows: Rows, ttl: int | None) -> Iterator[Draft]:
    """A draft for each window of an aggregate; mistakes are noted with ``rows``."""
    if aggregate.label is None:
        rows.findings.add(rows.place, f"{rows.what} has no name: its input is an expression", hint='name="..."')
        return
    windows = resolve_windows(aggregate, rows.what, ttl, rows.findings)
    if rows.source.node.timestamp is None and any(not window.lifetime for _, window in windows):
        hint = 'its source has no timestamp: use windows=["lifetime"], and no ttl'
        rows.findings.add(rows.place, f"{rows.what} has a bounded window over what is valid since always", hint=hint)
    parts = _parts(aggregate, rows)
    drafted = None if parts is None else _draft(aggregate, parts, rows)
    for suffix, window in windows:
        name = aggregate.label + suffix
        if drafted is None or drafted.feature is None:
            yield Draft(name)
        else:
            yield replace(drafted, name=name, window=window, feature=replace(drafted.feature, name=name))


def _parts(aggregate: Aggregate, rows: Rows) -> dict[str, Part] | None:
    """The aggregate's reducers, typed; None after noting why one does not load."""
    shared = None if aggregate.where is None else rows.condition(aggregate.where)
    if not aggregate.reducers:
        rows.findings.add(rows.place, f"{rows.what} has no reducers", hint="reducers={'n': dt.reduce.count()}")
    if REQUEST_TIME in aggregate.reducers:
        rows.findings.add(rows.place, f"{rows.what} has a reducer with the reserved name {REQUEST_TIME!r}")
    parts = {name: rows.part(reducer, shared) for name, reducer in aggregate.reducers.items()}
    sound = {name: part for name, part in parts.items() if part is not None}
    if not sound or len(sound) < len(parts) or (shared is None and aggregate.where is not None):
        return None
    return sound


def _draft(aggregate: Aggregate, parts: Mapping[str, Part], rows: Rows) -> Draft | None:
    """The draft without name and window; None after noting a mistake."""
    if any(isinstance(part.type, ListOf) for part in parts.values()):
        return _list_draft(aggregate, parts, rows)
    finished = _finished(aggregate, parts, rows)
    if finished is None:
        return None
    finish, interval = finished
    assert finish.type is not None
    default = _default(aggregate, finish.type, rows)
    if default is not None and interval is not None:
        interval = interval.hull(constant(default, finish.type) or interval)
    tolerance = _tolerance(aggregate, parts, finish, rows)
    return _drafted(aggregate, bare(finish.type), finish, default, tolerance, interval, parts)


def _drafted(
    aggregate: Aggregate,
    type_: ResultType,
    finish: Expression,
    default: Scalar | None,
    tolerance: float,
    interval: Interval | None,
    parts: Mapping[str, Part],
) -> Draft:
    feature = nodes.Feature("", type_, finish, default, tolerance, aggregate.kind, aggregate.description)
    return Draft("", None, feature, interval, parts)


def _list_draft(aggregate: Aggregate, parts: Mapping[str, Part], rows: Rows) -> Draft | None:
    name, part = next(iter(parts.items()))
    if len(parts) > 1 or aggregate.finish not in (name, Column(name)):
        hint = "a list is an answer by itself: one reducer, and its name as the finish"
        rows.findings.add(rows.place, f"{rows.what} computes with a list", hint=hint)
        return None
    if aggregate.default is not None:
        hint = "leave default out: an empty window gives an empty list"
        rows.findings.add(rows.place, f"{rows.what} has a default, but a list is never null", hint=hint)
        return None
    return _drafted(
        aggregate, part.type, Column(name), None, _tolerance(aggregate, parts, Column(name), rows), None, parts
    )


def _finished(aggregate: Aggregate, parts: Mapping[str, Part], rows: Rows) -> tuple[Expression, Interval | None] | None:
    """The typed finish and its interval; a variance of decimals is scaled where it is read."""
    columns: dict[str, ValueType | None] = {REQUEST_TIME: Timestamp()}
    ranges: dict[str, Interval | None] = {REQUEST_TIME: declared(Timestamp())}
    substitutes: dict[str, Expression | None] = {}
    for name, part in parts.items():
        assert not isinstance(part.type, ListOf)
        columns[name], ranges[name] = part.type, part.interval
        if part.kind is Kind.MOMENTS and part.input is not None and isinstance(part.input.type, Decimal):
            substitutes[name] = _scaled_variance(name, part.input.type.scale)
    scope = Scope(columns, "reducer", f" of {rows.what}", substitutes, approximate=True)
    bounded = rows.findings.expression(rows.place, f"finish of {rows.what}", aggregate.finish, scope, ranges)
    return None if bounded is None else (bounded.tree, bounded.interval)


def _scaled_variance(name: str, scale: int) -> Expression:
    unscaled = Column(name, Float64())
    return Call(Op.SHIFT, (unscaled, Literal(2 * scale, Int64())), Float64()) if scale else unscaled


def _default(aggregate: Aggregate, type_: ValueType, rows: Rows) -> Scalar | None:
    if aggregate.default is None:
        return None
    default, problem = typed_default(aggregate.default, type_)
    if problem:
        rows.findings.add(rows.place, f"default of {rows.what}: {problem}")
    return default


def _tolerance(aggregate: Aggregate, parts: Mapping[str, Part], finish: Expression, rows: Rows) -> float:
    """The declared tolerance, or the usual one of what is not exact to the bit."""
    given = aggregate.tolerance
    if given is not None:
        if isinstance(given, bool) or not isinstance(given, (int, float)) or not (math.isfinite(given) and given >= 0):
            rows.findings.add(rows.place, f"tolerance of {rows.what} must be a number from 0, not {given!r}")
            return 0.0
        return float(given)
    rounded = any(
        part.kind is Kind.MOMENTS or (part.kind is Kind.SUM and isinstance(part.type, Float64))
        for part in parts.values()
    )
    return FLOAT_TOLERANCE if rounded or _uses(finish, (Op.LN, Op.EXP)) else 0.0


def _uses(tree: Expression, ops: tuple[Op, ...]) -> bool:
    return isinstance(tree, Call) and (tree.op in ops or any(_uses(argument, ops) for argument in tree.args))
