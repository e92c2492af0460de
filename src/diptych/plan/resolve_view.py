"""Views resolved: aggregates become distinct inputs, conditions and reductions in canonical order, and finishes.

The canonical order is the order of the canonical texts, so it depends on what is computed and never on the order in
which an author wrote it down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from diptych.declare.aggregate import EVENT_TIME, Aggregate
from diptych.declare.entity import Entity
from diptych.declare.reduce import KINDS, Reducer
from diptych.declare.view import FeatureView
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.values import (
    Decimal, Enum, Float64, Int64, ListOf, ResultType, Scalar, String, Timestamp, ValueType,
)  # fmt: skip
from diptych.plan import fingerprint, nodes
from diptych.plan.defaults import typed_default
from diptych.plan.findings import Findings
from diptych.plan.naming import SEPARATOR, check_name, repeated
from diptych.plan.nodes import REQUEST_TIME, Kind, Reduction, Window
from diptych.plan.ranges import ANY_INT, COUNTED, Interval, declared
from diptych.plan.resolve_source import ResolvedSource, tags_of
from diptych.plan.resolve_window import check_hops, resolve_windows
from diptych.plan.serial import canonical
from diptych.plan.typed import Scope, bare, spelled

FLOAT_TOLERANCE = 1e-9
"""The relative tolerance of float sums and of deviations, unless a feature declares another."""
LONGEST_LIST = 1024
_EXACT_MOMENTS = Interval(-(2**53), 2**53)
_NUMBERS = (Int64, Decimal, Float64)
_ACCEPTED: Mapping[Kind, tuple[type, ...]] = {
    Kind.SUM: _NUMBERS,
    Kind.MIN: (*_NUMBERS, Timestamp),
    Kind.MAX: (*_NUMBERS, Timestamp),
    Kind.MOMENTS: _NUMBERS,
}
"""The inputs of the reducers that do not take every type."""


@dataclass(frozen=True, slots=True)
class ResolvedView:
    """A view with what a service must know of its features; a feature that did not load has no type."""

    node: nodes.View
    types: Mapping[str, ResultType | None]
    ranges: Mapping[str, Interval | None]


@dataclass(frozen=True, slots=True)
class Part:
    """A reduction before it has a place in the view: with its expressions instead of their indexes."""

    kind: Kind
    input: Expression | None
    where: Expression | None
    n: int
    type: ResultType
    interval: Interval | None

    def key(self, window: Window) -> str:
        """The canonical text of this part over a window."""
        return canonical([self.kind, self.input, self.where, window, self.n])


@dataclass(frozen=True, slots=True)
class Draft:
    """A feature before its reductions have places: the finish reads its parts as columns ``name``."""

    feature: nodes.Feature
    window: Window
    parts: Mapping[str, Part]


@dataclass(slots=True)
class _Work:
    """One view under resolution."""

    view: FeatureView
    source: ResolvedSource
    findings: Findings
    ttl: int | None = None
    drafts: list[Draft] = field(default_factory=list)
    types: dict[str, ResultType | None] = field(default_factory=dict)
    ranges: dict[str, Interval | None] = field(default_factory=dict)


def resolve_view(
    view: FeatureView, entity: nodes.Entity, source: ResolvedSource, findings: Findings
) -> ResolvedView:
    """The view's node, and types and ranges of its features; mistakes are noted."""
    what = f"view {view.name!r}"
    check_name(findings, view.place, what, view.name)
    work = _Work(view, source, findings)
    work.ttl = findings.duration(view.place, f"ttl of {what}", view.ttl)
    on = _on(view, source, findings)
    for aggregate in _features(view):
        _resolve_aggregate(aggregate, work)
    _check_names(work, what)
    check_hops({draft.window for draft in work.drafts}, view.place, what, findings)
    node = _assembled(work, entity, on)
    return ResolvedView(node, work.types, work.ranges)


def _features(view: FeatureView) -> Iterable[Aggregate]:
    return view.features


def _on(view: FeatureView, source: ResolvedSource, findings: Findings) -> tuple[str, ...]:
    """The source's column of each key part, in the order of the entity's keys; what does not fit is noted."""
    entity: Entity = view.entity
    what = f"view {view.name!r}"
    given = {name: name for name in entity.keys} if view.on is None else dict(view.on)
    for name in sorted(set(given) - set(entity.keys)):
        findings.unknown(
            view.place, f"on of {what}: {name!r} is no key of entity {entity.name!r}", name, entity.keys
        )
    columns = []
    for name, key in entity.keys.items():
        if name not in given:
            findings.add(view.place, f"on of {what} does not say which column holds key {name!r}")
            continue
        column = given[name]
        columns.append(column)
        if column not in source.scope.columns:
            missing = f"key {name!r} of {what} is an unknown column {column!r} of source {source.node.name!r}"
            findings.unknown(view.place, missing, column, source.scope.names())
        elif (type_ := source.scope.columns[column]) is not None:
            problem = key_problem(type_, source.ranges.get(column), key)
            if problem:
                findings.add(view.place, f"column {column!r} cannot be key {name!r} of {what}: {problem}")
    return tuple(columns)


def key_problem(column: ValueType, interval: Interval | None, key: ValueType) -> str:
    """Why the values of a column do not all fit a key part, or the empty string."""
    match column, key:
        case (Enum(words), Enum(vocabulary)):
            extra = sorted(set(words) - set(vocabulary))
            return f"{extra[0]!r} is not in the key's vocabulary" if extra else ""
        case (String() | Enum(), String(max_bytes)):
            return (
                f"it has up to {column.max_bytes} bytes, the key {max_bytes}"
                if column.max_bytes > max_bytes
                else ""
            )
        case (Int64(), Int64()):
            allowed = declared(key)
            if interval and allowed and not (allowed.low <= interval.low and interval.high <= allowed.high):
                return f"its values go from {interval.low} to {interval.high}, the key's from {allowed.low} to {allowed.high}"
            return ""
    return "" if type(column) is type(key) else f"it is {spelled(column)}, the key {spelled(key)}"


# Aggregates


def _resolve_aggregate(aggregate: Aggregate, work: _Work) -> None:
    """Add a draft for each window of the aggregate; a feature that fails keeps its name, without a type."""
    what = f"{aggregate.kind} ({aggregate.label}) of view {work.view.name!r}"
    if aggregate.label is None:
        hint = 'give it one: name="..."'
        work.findings.add(
            aggregate.place, f"{aggregate.kind} of view {work.view.name!r} has no name", hint=hint
        )
        return
    what = f"{aggregate.label!r} of view {work.view.name!r}"
    windows = resolve_windows(aggregate, what, work.ttl, work.findings)
    if work.source.node.timestamp is None and any(not window.lifetime for _, window in windows):
        hint = 'its source has no timestamp: use windows=["lifetime"], and no ttl'
        work.findings.add(
            aggregate.place, f"{what} has a bounded window over what is valid since always", hint=hint
        )
    parts = _parts(aggregate, what, work)
    feature = None if parts is None else _feature(aggregate, parts, what, work)
    for suffix, window in windows:
        name = aggregate.label + suffix
        if feature is None or parts is None:
            work.types.setdefault(name, None)
            continue
        work.drafts.append(Draft(replace(feature[0], name=name), window, parts))
        work.types[name], work.ranges[name] = feature[0].type, feature[1]


def _parts(aggregate: Aggregate, what: str, work: _Work) -> dict[str, Part] | None:
    """The aggregate's reducers, typed; None after noting why one does not load."""
    shared = None
    if aggregate.where is not None:
        scope, ranges = work.source.scope, work.source.ranges
        shared = work.findings.condition(aggregate.place, f"where of {what}", aggregate.where, scope, ranges)
        if shared is None:
            return None
    if not aggregate.reducers:
        work.findings.add(aggregate.place, f"{what} has no reducers")
    parts = {
        name: _part(reducer, shared, aggregate, what, work) for name, reducer in aggregate.reducers.items()
    }
    sound = {name: part for name, part in parts.items() if part is not None}
    return sound if len(sound) == len(parts) and sound else None


def _part(
    reducer: Reducer, shared: Expression | None, aggregate: Aggregate, what: str, work: _Work
) -> Part | None:
    scope, ranges, place = work.source.scope, work.source.ranges, aggregate.place
    if reducer.kind not in KINDS:
        work.findings.unknown(place, f"{what}: unknown reducer {reducer.kind!r}", reducer.kind, KINDS)
        return None
    kind = Kind(reducer.kind)
    where = shared
    if reducer.where is not None:
        own = work.findings.condition(place, f"where of {what}", reducer.where, scope, ranges)
        if own is None:
            return None
        where = own if shared is None else _both(shared, own)
    if reducer.input is None:
        return _counting(kind, where, place_of=aggregate, what=what, work=work)
    written = reducer.input
    if written == EVENT_TIME:
        if work.source.node.timestamp is None:
            work.findings.add(place, f"{what} needs the time of events, and its source has no timestamp")
            return None
        written = Column(work.source.node.timestamp)
    bounded = work.findings.expression(place, f"input of {what}", written, scope, ranges)
    if bounded is None:
        return None
    part = _typed_part(kind, bounded.tree, bounded.interval, where, reducer.n)
    problem, hint = _input_problem(part, bounded.interval)
    if problem:
        work.findings.add(place, f"{what}: {problem}", hint=hint)
        return None
    return part


def _counting(
    kind: Kind, where: Expression | None, place_of: Aggregate, what: str, work: _Work
) -> Part | None:
    if kind is not Kind.COUNT:
        work.findings.add(place_of.place, f"{what}: {kind.value} needs an input")
        return None
    return Part(kind, None, where, 0, Int64(), COUNTED)


def _both(a: Expression, b: Expression) -> Expression:
    """Both conditions, in canonical order."""
    from diptych.ground.values import Bool

    first, second = sorted((a, b), key=canonical)
    return first if first == second else Call(Op.AND, (first, second), Bool())


def _typed_part(
    kind: Kind, input: Expression, interval: Interval | None, where: Expression | None, n: int
) -> Part:
    """The part with the type of its result and the interval that holds it."""
    assert input.type is not None
    type_: ResultType = bare(input.type)
    match kind:
        case Kind.COUNT | Kind.DISTINCT:
            type_, interval = Int64(), COUNTED
        case Kind.SUM:
            interval = _sum_interval(interval) if isinstance(type_, Float64) else ANY_INT
        case Kind.MOMENTS:
            return Part(kind, input, where, 0, Float64(), interval and _variance_interval(interval))
        case Kind.LATEST:
            return Part(kind, input, where, n, ListOf(input.type, n), None)
        case Kind.MIN | Kind.MAX | Kind.FIRST | Kind.LAST:
            pass
    return Part(kind, input, where, 0, type_, interval)


def _sum_interval(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    most = COUNTED.high
    return Interval(min(interval.low * most, 0.0), max(interval.high * most, 0.0), interval.whole)


def _variance_interval(interval: Interval) -> Interval:
    spread = float(interval.high) - float(interval.low)
    return Interval(0.0, spread * spread * float(COUNTED.high))


def _input_problem(part: Part, interval: Interval | None) -> tuple[str, str]:
    """What is wrong with a reducer's input, and a hint; two empty strings when nothing is."""
    assert part.input is not None
    accepted = _ACCEPTED.get(part.kind)
    if accepted is not None and not isinstance(part.input.type, accepted):
        wanted = ", ".join(kind.__name__ for kind in accepted)
        hint = 'count(where="...") counts what is true' if spelled(part.input.type) == "Bool" else ""
        return f"{part.kind.value} takes {wanted}, not {spelled(part.input.type)}", hint
    if part.kind is Kind.MOMENTS and not isinstance(part.input.type, Float64) and interval is not None:
        if interval.low < _EXACT_MOMENTS.low or interval.high > _EXACT_MOMENTS.high:
            problem = f"std and var of whole numbers and decimals need a range within 2^53, not {interval.low} to {interval.high}"
            return (
                problem,
                "declare ge and le on the columns (a Decimal counts in its last digit), or cast(x as double)",
            )
    if part.kind is Kind.LATEST and not 1 <= part.n <= LONGEST_LIST:
        return f"n must be from 1 to {LONGEST_LIST}, not {part.n}", ""
    return "", ""


# Finishes


def _feature(
    aggregate: Aggregate, parts: Mapping[str, Part], what: str, work: _Work
) -> tuple[nodes.Feature, Interval | None] | None:
    """The feature without its name and window, over columns named like its parts; None after noting a mistake."""
    lists = [name for name, part in parts.items() if isinstance(part.type, ListOf)]
    if lists:
        return _list_feature(aggregate, parts, what, work)
    finished = _finished(aggregate, parts, what, work)
    if finished is None:
        return None
    finish, interval = finished
    assert finish.type is not None
    type_ = bare(finish.type)
    default, interval = _default(aggregate, type_, interval, what, work)
    feature = nodes.Feature(
        "",
        type_,
        finish,
        default,
        _tolerance(aggregate, parts, finish),
        aggregate.kind,
        aggregate.description,
    )
    return feature, interval


def _list_feature(
    aggregate: Aggregate, parts: Mapping[str, Part], what: str, work: _Work
) -> tuple[nodes.Feature, Interval | None] | None:
    name, part = next(iter(parts.items()))
    if len(parts) > 1 or aggregate.finish not in (name, Column(name)):
        hint = "a list is an answer by itself: one reducer, and its name as the finish"
        work.findings.add(aggregate.place, f"{what} computes with a list", hint=hint)
        return None
    if aggregate.default is not None:
        work.findings.add(
            aggregate.place, f"{what} has a default, but a list is never null", hint="leave default out"
        )
        return None
    tolerance = aggregate.tolerance or 0.0
    feature = nodes.Feature(
        "", part.type, Column(name), None, tolerance, aggregate.kind, aggregate.description
    )
    return feature, None


def _finished(
    aggregate: Aggregate, parts: Mapping[str, Part], what: str, work: _Work
) -> tuple[Expression, Interval | None] | None:
    """The typed finish: a variance of decimals is scaled where it is read."""
    columns: dict[str, ValueType | None] = {REQUEST_TIME: Timestamp()}
    ranges: dict[str, Interval | None] = {REQUEST_TIME: declared(Timestamp())}
    substitutes: dict[str, Expression | None] = {}
    for name, part in parts.items():
        assert not isinstance(part.type, ListOf)
        columns[name], ranges[name] = part.type, part.interval
        if part.kind is Kind.MOMENTS and isinstance(part.input and part.input.type, Decimal):
            substitutes[name] = _scaled_variance(name, part)
    scope = Scope(columns, f"reducer of {what}", substitutes, approximate=True)
    bounded = work.findings.expression(aggregate.place, f"finish of {what}", aggregate.finish, scope, ranges)
    return None if bounded is None else (bounded.tree, bounded.interval)


def _scaled_variance(name: str, part: Part) -> Expression:
    assert part.input is not None
    assert isinstance(part.input.type, Decimal)
    unscaled = Column(name, Float64())
    digits = 2 * part.input.type.scale
    return Call(Op.SHIFT, (unscaled, Literal(digits, Int64())), Float64()) if digits else unscaled


def _default(
    aggregate: Aggregate, type_: ResultType, interval: Interval | None, what: str, work: _Work
) -> tuple[Scalar | None, Interval | None]:
    if aggregate.default is None:
        return None, interval
    assert not isinstance(type_, ListOf)
    default, problem = typed_default(aggregate.default, type_)
    if default is None:
        work.findings.add(aggregate.place, f"default of {what}: {problem}")
        return None, interval
    value = declared_point(default, type_)
    return default, interval.hull(value) if interval is not None and value is not None else interval


def declared_point(value: Scalar, type_: ValueType) -> Interval | None:
    """The interval of one value of a type."""
    from diptych.plan.ranges import bound

    return bound(Literal(value, type_), {})[1]


def _tolerance(aggregate: Aggregate, parts: Mapping[str, Part], finish: Expression) -> float:
    if aggregate.tolerance is not None:
        return aggregate.tolerance
    rounded = any(
        part.kind is Kind.MOMENTS or (part.kind is Kind.SUM and isinstance(part.type, Float64))
        for part in parts.values()
    )
    return FLOAT_TOLERANCE if rounded or _uses(finish, (Op.LN, Op.EXP)) else 0.0


def _uses(tree: Expression, ops: tuple[Op, ...]) -> bool:
    return isinstance(tree, Call) and (tree.op in ops or any(_uses(argument, ops) for argument in tree.args))


def _check_names(work: _Work, what: str) -> None:
    for name in repeated(draft.feature.name for draft in work.drafts):
        work.findings.add(
            work.view.place, f"{what} has two features {name!r}", hint='give one of them a name="..."'
        )
    for name in work.types:
        if SEPARATOR in name or not name.replace("_", "a").isalnum():
            hint = "letters, digits and single underscores"
            work.findings.add(
                work.view.place, f"{what} has a feature with a name that cannot be used: {name!r}", hint=hint
            )


# Assembly


def _assembled(work: _Work, entity: nodes.Entity, on: tuple[str, ...]) -> nodes.View:
    """The node: every distinct expression and reduction once, in canonical order, with its index wherever it is used."""
    view, findings = work.view, work.findings
    placed = [(part, draft.window) for draft in work.drafts for part in draft.parts.values()]
    inputs = _ordered(part.input for part, _ in placed)
    conditions = _ordered(part.where for part, _ in placed)
    by_key = {part.key(window): (part, window) for part, window in placed}
    index = {key: position for position, key in enumerate(sorted(by_key))}
    reductions = tuple(_reduction(*by_key[key], inputs, conditions) for key in sorted(by_key))
    node = nodes.View(
        name=view.name,
        entity=entity,
        source=work.source.node,
        on=on,
        inputs=inputs,
        conditions=conditions,
        reductions=reductions,
        features=tuple(_placed(draft, index) for draft in work.drafts),
        ttl=work.ttl,
        freshness=findings.duration(view.place, f"freshness of view {view.name!r}", view.freshness),
        owner=view.owner,
        description=view.description,
        tags=tags_of(view.tags),
    )
    return fingerprint.stamped(node)


def _ordered(expressions: Iterable[Expression | None]) -> tuple[Expression, ...]:
    distinct = {canonical(expression): expression for expression in expressions if expression is not None}
    return tuple(distinct[key] for key in sorted(distinct))


def _reduction(
    part: Part, window: Window, inputs: tuple[Expression, ...], conditions: tuple[Expression, ...]
) -> Reduction:
    input = None if part.input is None else inputs.index(part.input)
    where = None if part.where is None else conditions.index(part.where)
    return Reduction(part.kind, input, where, window, part.n, part.type)


def _placed(draft: Draft, index: Mapping[str, int]) -> nodes.Feature:
    places = {name: f"r{index[part.key(draft.window)]}" for name, part in draft.parts.items()}
    return replace(draft.feature, finish=_renamed(draft.feature.finish, places, draft.parts))


def _renamed(tree: Expression, places: Mapping[str, str], parts: Mapping[str, Part]) -> Expression:
    match tree:
        case Column(name, type_) if name in places:
            list_type = isinstance(parts[name].type, ListOf)
            return Column(places[name], None if list_type else type_)
        case Call(op, args, type_):
            return Call(op, tuple(_renamed(argument, places, parts) for argument in args), type_)
    return tree
