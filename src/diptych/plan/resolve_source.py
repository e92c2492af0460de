"""Sources and entities resolved: columns, types, the rules of the door, and what expressions over them may read."""

import decimal
import math
from collections.abc import Mapping
from dataclasses import dataclass

from diptych.declare.aggregate import EVENT_TIME
from diptych.declare.entity import Entity
from diptych.declare.place import Place
from diptych.declare.source import EventSource
from diptych.ground.expression import Column, Expression
from diptych.ground.values import (
    INT64_MAX,
    INT64_MIN,
    Decimal,
    Enum,
    Float64,
    Int64,
    String,
    Timestamp,
    ValueType,
)
from diptych.plan import nodes
from diptych.plan.conversion import MAX_SCALE, spelled
from diptych.plan.findings import Findings
from diptych.plan.naming import check_column, check_name
from diptych.plan.ranges import Interval, declared
from diptych.plan.typed import Scope

LONGEST_TEXT = 1024
"""The most bytes of a text column: every record of the online state holds that many."""


@dataclass(frozen=True, slots=True)
class ResolvedSource:
    """A source with what expressions over its rows may read, and in which ranges."""

    node: nodes.Source
    scope: Scope
    ranges: Mapping[str, Interval | None]


def resolve_entity(entity: Entity, findings: Findings) -> nodes.Entity:
    """The entity's node; mistakes are noted."""
    what = f"entity {entity.name!r}"
    check_name(findings, entity.place, what, entity.name)
    for name, type_ in entity.keys.items():
        part = f"key {name!r} of {what}"
        check_name(findings, entity.place, part, name, reserved=True)
        check_type(findings, entity.place, part, type_)
        if isinstance(type_, (Float64, Decimal)):
            hint = "use Int64 or String: equal keys must be equal bytes"
            findings.add(entity.place, f"{part} cannot be {spelled(type_)}", hint=hint)
    keys = tuple(nodes.Field(name, type_) for name, type_ in entity.keys.items())
    return nodes.Entity(entity.name, keys, entity.description)


def resolve_source(source: EventSource, findings: Findings) -> ResolvedSource:
    """The source's node and scope; mistakes are noted, and what they spoil is None in the scope."""
    what = f"source {source.name!r}"
    check_name(findings, source.place, what, source.name)
    columns = _columns(source, findings)
    times = {name: None for name in (source.timestamp, source.known_at) if name is not None}
    types: dict[str, ValueType | None] = {**times, **columns}
    ranges: dict[str, Interval | None] = {name: declared(type_) for name, type_ in columns.items()}
    moment = None if source.timestamp is None else Column(source.timestamp, Timestamp())
    scope = Scope(types, "column", f" of {what}", {} if moment is None else {EVENT_TIME.name: moment})
    derive = _derive(source, scope, types, ranges, findings)
    condition = None
    if source.filter is not None:
        condition = findings.condition(source.place, f"filter of {what}", source.filter, scope, ranges)
    _check_times(source, findings)
    node = nodes.Source(
        name=source.name,
        columns=tuple(nodes.Field(name, columns[name]) for name in sorted(columns)),
        timestamp=source.timestamp,
        known_at=source.known_at,
        event_id=_event_id(source, columns, findings),
        dedup_window=findings.duration(source.place, f"dedup_window of {what}", source.dedup_window) or 1,
        lateness=findings.duration(source.place, f"lateness of {what}", source.lateness),
        max_skew=findings.duration(source.place, f"max_skew of {what}", source.max_skew),
        derive=derive,
        filter=condition,
        description=source.description,
        owner=source.owner,
        tags=tags_of(source.tags),
    )
    return ResolvedSource(node, scope, ranges)


def tags_of(tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Tags as nodes hold them: pairs, sorted."""
    return tuple(sorted((str(name), str(value)) for name, value in tags.items()))


def check_type(findings: Findings, place: Place, what: str, type_: ValueType) -> None:
    """Note a type that no value, or not every engine, can hold."""
    match type_:
        case Decimal(scale) if not 0 <= scale <= MAX_SCALE:
            findings.add(place, f"{what}: a Decimal has 0 to {MAX_SCALE} digits after the point, not {scale}")
            return
        case String(max_bytes) if not 1 <= max_bytes <= LONGEST_TEXT:
            findings.add(place, f"{what}: a String has 1 to {LONGEST_TEXT} bytes, not {max_bytes}")
        case Enum(values):
            _check_vocabulary(findings, place, what, values)
        case Int64() | Float64() | Decimal():
            _check_range(findings, place, what, type_)
        case _:
            pass


def _check_range(findings: Findings, place: Place, what: str, type_: Int64 | Float64 | Decimal) -> None:
    for name, end in (("ge", type_.ge), ("le", type_.le)):
        if end is None:
            continue
        kinds = {Int64: (int,), Float64: (int, float), Decimal: (int, decimal.Decimal)}[type(type_)]
        if isinstance(end, bool) or not isinstance(end, kinds) or not math.isfinite(end):
            findings.add(place, f"{what}: {name}={end!r} is not a value of {spelled(type_)}")
            return
    interval = declared(type_)
    assert interval is not None
    if interval.low > interval.high:
        findings.add(place, f"{what}: nothing is between ge={type_.ge} and le={type_.le}")
    elif not isinstance(type_, Float64) and not (interval.low >= INT64_MIN and interval.high <= INT64_MAX):
        findings.add(place, f"{what}: the range leaves 64 bits")


def _check_vocabulary(findings: Findings, place: Place, what: str, values: tuple[str, ...]) -> None:
    if not values:
        findings.add(place, f"{what}: an Enum needs at least one value", hint='dt.Enum("a", "b")')
    for value in values:
        if not isinstance(value, str) or "\0" in value or not 1 <= len(value.encode()) <= LONGEST_TEXT:
            findings.add(place, f"{what}: {value!r} cannot be a word of an Enum")
    if len(set(values)) < len(values):
        findings.add(place, f"{what}: a word of the Enum is repeated")


def _columns(source: EventSource, findings: Findings) -> dict[str, ValueType]:
    """The declared columns; types that do not fit are noted."""
    columns = dict(source.columns)
    for column, type_ in columns.items():
        what = f"column {column!r} of source {source.name!r}"
        check_column(findings, source.place, what, column)
        check_type(findings, source.place, what, type_)
    for role, name in (("timestamp", source.timestamp), ("known_at", source.known_at)):
        if name is None:
            continue
        if name not in columns:
            what = f"{role} of source {source.name!r} is an unknown column {name!r}"
            findings.unknown(source.place, what, name, columns)
        elif not isinstance(columns[name], Timestamp):
            what = f"{role} {name!r} of source {source.name!r} must be a Timestamp, not {spelled(columns[name])}"
            findings.add(source.place, what)
    return columns


def _check_times(source: EventSource, findings: Findings) -> None:
    if source.timestamp is not None:
        return
    for option in ("known_at", "lateness", "max_skew"):
        if getattr(source, option) is not None:
            what = f"{option} of source {source.name!r} means nothing without a timestamp"
            findings.add(source.place, what, hint="a source without timestamp is valid since always")


def _event_id(source: EventSource, columns: Mapping[str, ValueType], findings: Findings) -> str | None:
    name = source.event_id
    if name is None:
        return None
    if name not in columns:
        what = f"event_id of source {source.name!r} is an unknown column {name!r}"
        findings.unknown(source.place, what, name, columns)
    elif not isinstance(columns[name], (Int64, String, Enum)):
        what = f"event_id {name!r} of source {source.name!r} must be Int64 or String, not {spelled(columns[name])}"
        findings.add(source.place, what)
    return name


def _derive(
    source: EventSource,
    scope: Scope,
    types: dict[str, ValueType | None],
    ranges: dict[str, Interval | None],
    findings: Findings,
) -> tuple[tuple[str, Expression], ...]:
    """Derived columns in order; each is added to ``types`` and ``ranges`` for the later ones to read."""
    derived: list[tuple[str, Expression]] = []
    for name, written in source.derive.items():
        what = f"derived column {name!r} of source {source.name!r}"
        check_column(findings, source.place, what, name)
        if name in types:
            findings.add(source.place, f"{what} has the name of another column", hint="give it a name of its own")
            continue
        bounded = findings.expression(source.place, what, written, scope, ranges)
        types[name] = None
        if bounded is not None:
            assert bounded.tree.type is not None
            types[name], ranges[name] = bounded.tree.type, bounded.interval
            derived.append((name, bounded.tree))
    return tuple(derived)
