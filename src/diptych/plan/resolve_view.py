"""Views resolved: aggregates become distinct inputs, conditions and reductions in canonical order, and finishes.

The canonical order is the order of the canonical texts, so it depends on what is computed and never on the order in
which an author wrote it down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from diptych.declare.aggregate import Aggregate
from diptych.declare.frozen import frozen_items
from diptych.declare.view import FeatureView
from diptych.ground.expression import Call, Column, Expression
from diptych.ground.values import Enum, Int64, ResultType, String, ValueType
from diptych.plan import fingerprint, nodes
from diptych.plan.conversion import spelled
from diptych.plan.findings import Findings
from diptych.plan.naming import check_feature_name, check_name, repeated
from diptych.plan.nodes import Reduction, Window
from diptych.plan.ranges import Interval, declared
from diptych.plan.resolve_aggregate import Draft, resolve_aggregate
from diptych.plan.resolve_part import Part, Rows
from diptych.plan.resolve_source import ResolvedSource, tags_of
from diptych.plan.resolve_window import check_hops
from diptych.plan.serial import canonical


@dataclass(frozen=True, slots=True)
class ResolvedView:
    """A view with what a service must know of its features; a feature that did not load has no type."""

    node: nodes.View
    types: Mapping[str, ResultType | None]
    ranges: Mapping[str, Interval | None]


def resolve_view(view: FeatureView, entity: nodes.Entity, source: ResolvedSource, findings: Findings) -> ResolvedView:
    """The view's node, and types and ranges of its features; mistakes are noted."""
    what = f"view {view.name!r}"
    check_name(findings, view.place, what, view.name)
    ttl = findings.duration(view.place, f"ttl of {what}", view.ttl)
    on = _on(view, source, findings)
    drafts = _drafts(view, source, ttl, findings)
    node = nodes.View(
        name=view.name,
        entity=entity,
        source=source.node,
        on=on,
        **_assembled([draft for draft in drafts if draft.feature is not None]),
        ttl=ttl,
        freshness=findings.duration(view.place, f"freshness of {what}", view.freshness),
        owner=view.owner,
        description=view.description,
        tags=tags_of(view.tags),
    )
    types = {draft.name: draft.type for draft in drafts}
    return ResolvedView(fingerprint.stamped(node), types, {draft.name: draft.interval for draft in drafts})


def _drafts(view: FeatureView, source: ResolvedSource, ttl: int | None, findings: Findings) -> list[Draft]:
    what = f"view {view.name!r}"
    if not view.features:
        findings.add(view.place, f"{what} has no features", hint='features=[dt.count(windows=["24h"])]')
    drafts: list[Draft] = []
    for aggregate in frozen_items(view.features, (Aggregate,), what):
        rows = Rows(source, findings, aggregate.place, f"{aggregate.label or aggregate.kind!r} of {what}")
        for draft in resolve_aggregate(aggregate, rows, ttl):
            check_feature_name(findings, aggregate.place, f"feature of {what}", draft.name)
            drafts.append(draft)
    for name in repeated(draft.name for draft in drafts):
        findings.add(view.place, f"{what} has two features {name!r}", hint='give one of them a name="..."')
    check_hops({draft.window for draft in drafts if draft.window is not None}, view.place, what, findings)
    return drafts


def _on(view: FeatureView, source: ResolvedSource, findings: Findings) -> tuple[str, ...]:
    """The source's column of each key part, in the order of the entity's keys; what does not fit is noted."""
    keys = view.entity.keys
    what = f"view {view.name!r}"
    given = {name: name for name in keys} if view.on is None else dict(view.on)
    for name in sorted(set(given) - set(keys)):
        findings.unknown(view.place, f"on of {what}: {name!r} is no key of entity {view.entity.name!r}", name, keys)
    columns = []
    for name, key in keys.items():
        if name not in given:
            hint = f'on={{"{name}": "<column>"}}'
            findings.add(view.place, f"on of {what} does not say which column holds key {name!r}", hint=hint)
            continue
        column = given[name]
        columns.append(column)
        if column not in source.scope.columns:
            missing = f"key {name!r} of {what} is an unknown column {column!r} of source {source.node.name!r}"
            findings.unknown(view.place, missing, column, source.scope.names())
        elif (type_ := source.scope.columns[column]) is not None:
            problem = _key_problem(type_, source.ranges.get(column), key)
            if problem:
                findings.add(view.place, f"column {column!r} cannot be key {name!r} of {what}: {problem}")
    return tuple(columns)


def _key_problem(column: ValueType, interval: Interval | None, key: ValueType) -> str:
    """Why the values of a column do not all fit a key part, or the empty string."""
    match column, key:
        case (Enum(words), Enum(vocabulary)):
            extra = sorted(set(words) - set(vocabulary))
            return f"{extra[0]!r} is not in the key's vocabulary" if extra else ""
        case (String() | Enum(), String(max_bytes)):
            return f"it has up to {column.max_bytes} bytes, the key {max_bytes}" if column.max_bytes > max_bytes else ""
        case (Int64(), Int64()):
            allowed = declared(key)
            if interval is None or allowed is None or allowed.holds(interval):
                return ""
            return f"it goes from {interval.low} to {interval.high}, the key from {allowed.low} to {allowed.high}"
        case _:
            return "" if type(column) is type(key) else f"it is {spelled(column)}, the key {spelled(key)}"


@dataclass(frozen=True, slots=True)
class _Placed:
    part: Part
    window: Window


def _assembled(drafts: list[Draft]) -> dict[str, Any]:
    """Every distinct expression and reduction once, in canonical order, with its index wherever it is used."""
    by_key: dict[str, _Placed] = {}
    for draft in drafts:
        assert draft.window is not None
        for part in (draft.parts or {}).values():
            by_key[part.key(draft.window)] = _Placed(part, draft.window)
    inputs = _ordered(placed.part.input for placed in by_key.values())
    conditions = _ordered(placed.part.where for placed in by_key.values())
    index = {key: position for position, key in enumerate(sorted(by_key))}
    return {
        "inputs": inputs,
        "conditions": conditions,
        "reductions": tuple(_reduction(by_key[key], inputs, conditions) for key in sorted(by_key)),
        "features": tuple(_feature(draft, index) for draft in drafts),
    }


def _ordered(expressions: Iterable[Expression | None]) -> tuple[Expression, ...]:
    distinct = {canonical(expression): expression for expression in expressions if expression is not None}
    return tuple(distinct[key] for key in sorted(distinct))


def _reduction(placed: _Placed, inputs: tuple[Expression, ...], conditions: tuple[Expression, ...]) -> Reduction:
    part = placed.part
    input = None if part.input is None else inputs.index(part.input)
    where = None if part.where is None else conditions.index(part.where)
    return Reduction(part.kind, input, where, placed.window, part.n, part.type)


def _feature(draft: Draft, index: Mapping[str, int]) -> nodes.Feature:
    assert draft.feature is not None
    assert draft.window is not None
    parts = draft.parts or {}
    places = {name: f"r{index[part.key(draft.window)]}" for name, part in parts.items()}
    return replace(draft.feature, finish=_renamed(draft.feature.finish, places))


def _renamed(tree: Expression, places: Mapping[str, str]) -> Expression:
    match tree:
        case Column(name, type_):
            return Column(places.get(name, name), type_)
        case Call(op, args, type_):
            return Call(op, tuple(_renamed(argument, places) for argument in args), type_)
        case _:
            return tree
