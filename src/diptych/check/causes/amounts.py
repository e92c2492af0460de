"""Suspects about amounts: nulls, filters, arithmetic, units, and other definitions of the same column."""

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from diptych.check.causes.bench import QUICK, Case, Entity, Rules, reads
from diptych.check.causes.rewriting import (
    feature_as,
    in_zone,
    null_for_zero_divisor,
    unscaled,
    whole_division,
    with_finishes,
    with_kind,
    with_reductions,
    with_rows,
    zones,
)
from diptych.check.causes.suspect import Suspect, by_door, by_events, by_rules, by_value, by_view
from diptych.check.findings import Cause
from diptych.ground.expression import Call, Expression, Literal, Op, columns_of
from diptych.ground.instants import MINUTE, SECOND, spell
from diptych.ground.values import Bool, Enum, Float64, ListOf, ResultType, String, Timestamp
from diptych.plan.nodes import REQUEST_TIME, Kind, Reduction, View
from diptych.reference import Answer, Event, Result, Value
from diptych.reference.span import Span

ZONES = (
    "UTC",
    "America/New_York",
    "America/Los_Angeles",
    "Europe/London",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Tokyo",
)


def amounts(view: View, versions: Sequence[View] = ()) -> Iterator[Suspect]:
    """All suspects about what is added up, and how."""
    yield from _nulls(view)
    yield from _filters(view)
    yield from _arithmetic(view)
    yield from _units(view)
    yield from _definitions(view, versions)


def zero(type_: ResultType | None) -> Result:
    """What stands for nothing in a type that has no null."""
    match type_:
        case Bool():
            return False
        case Float64():
            return 0.0
        case String() | Enum():
            return ""
        case ListOf():
            return ()
        case _:
            return 0


def _nulls(view: View) -> Iterator[Suspect]:
    cause = Cause.NULL_AGAINST_ZERO
    zeros = [zero(tree.type) for tree in view.inputs]

    def as_zero(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return [replace(event, inputs=_filled(event.inputs, zeros)) for event in events]

    def as_value(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return [replace(event, inputs=_filled(event.inputs, [_NULL] * len(zeros))) for event in events]

    yield by_events(cause, "as if a null input were zero", as_zero, 3)
    yield Suspect(cause, "as if a null in a column of the source were zero", _columns_filled(view), 4)
    if any(each.kind is Kind.DISTINCT for each in view.reductions):
        yield replace(
            by_events(cause, "as if null were a value of its own", as_value, 4),
            compute=_only(
                view, Kind.DISTINCT, by_events(cause, "as if null were a value of its own", as_value, 4).compute
            ),
        )
    counted = with_reductions(view, lambda each: replace(each, input=None) if each.kind is Kind.COUNT else each)
    yield from by_view(cause, "as if null inputs were counted", counted, 4)
    yield by_value(cause, "as if a null answer were zero", _or_zero, 2)
    yield by_value(cause, "as if the answer zero of an empty window were null", _or_null, 2)
    yield by_value(cause, "as if the default were not applied", _without_default, 2)
    yield from by_view(cause, "as if a division by zero gave zero", with_finishes(view, null_for_zero_divisor), 3)


def _columns_filled(view: View) -> Callable[[Case], Answer | None]:
    """Nulls of all columns as zero, before anything is derived; not those of keys, ids and instants."""
    source = view.source
    own = {source.timestamp, source.known_at, source.event_id, *view.on}
    zeros = {field.name: zero(field.type) for field in source.columns if field.name not in own}

    def compute(case: Case) -> Answer | None:
        def events() -> Sequence[Event]:
            nulls = [
                {name: value for name, value in zeros.items() if row.get(name) is None} for row in case.entity.rows
            ]
            rows = [{**row, **filled} for row, filled in zip(case.entity.rows, nulls, strict=True)]
            return Entity(view, case.entity.key, rows).events()

        return case.recomputed(case.entity.changed("columns filled", events))

    return compute


_NULL: Any = "\x00null"
"""A value that no input can have."""


def _filled(inputs: tuple[Value | None, ...], values: Sequence[Any]) -> tuple[Value | None, ...]:
    return tuple(value if each is None else each for each, value in zip(inputs, values, strict=True))


def _only(view: View, kind: Kind, compute: Callable[[Case], Answer | None]) -> Callable[[Case], Answer | None]:
    """Only of features that read nothing but one kind of reducer."""

    def of_kind(case: Case) -> Answer | None:
        kinds = {view.reductions[index].kind for index in reads(case.feature)}
        return compute(case) if kinds == {kind} else None

    return of_kind


def _or_zero(case: Case) -> Result:
    return zero(case.feature.type) if case.law.value is None else case.law.value


def _or_null(case: Case) -> Result:
    empty = case.law.status in ("EMPTY_WINDOW", "UNSEEN_ENTITY")
    return None if empty or case.law.value == zero(case.feature.type) else case.law.value


def _without_default(case: Case) -> Result:
    return None if case.feature.default is not None and case.law.status != "PRESENT" else case.law.value


def _filters(view: View) -> Iterator[Suspect]:
    for index, tree in enumerate(view.conditions):
        words = ", ".join(dict.fromkeys(columns_of(tree)))
        lost = with_reductions(view, lambda each, i=index: replace(each, where=None) if each.where == i else each)  # type: ignore[misc]
        yield from by_view(Cause.FILTER, f"as if the condition on {words} were lost", lost, 2)
        turned = Call(Op.NOT, (tree,), Bool())
        yield from by_door(
            Cause.FILTER, f"as if the condition on {words} were turned round", _with_condition(view, index, turned), 3
        )
        open_ = Call(Op.COALESCE, (tree, Literal(True, Bool())), Bool())
        detail = f"as if a null condition on {words} were true"
        yield from by_door(Cause.FILTER, detail, _with_condition(view, index, open_), 3)
        if isinstance(tree, Call) and tree.op in _STRICTNESS:
            other = replace(tree, op=_STRICTNESS[tree.op])
            detail = f"as if the condition on {words} were {other.op.value} for {tree.op.value}"
            yield from by_door(Cause.FILTER, detail, _with_condition(view, index, other), 3)
    if len(view.conditions) > 1:
        lost = with_reductions(view, lambda each: each if each.where is None else replace(each, where=None))
        yield from by_view(Cause.FILTER, "as if all conditions were lost", lost, 3)
    if view.source.filter is not None:
        lost = replace(view, source=replace(view.source, filter=None))
        yield from by_door(Cause.FILTER, "as if the source's filter were lost", lost, 2)


_STRICTNESS = {Op.LT: Op.LE, Op.LE: Op.LT, Op.GT: Op.GE, Op.GE: Op.GT}


def _with_condition(view: View, index: int, tree: Expression) -> View:
    conditions = tuple(tree if i == index else each for i, each in enumerate(view.conditions))
    return replace(view, conditions=conditions)


def _arithmetic(view: View) -> Iterator[Suspect]:
    cause = Cause.ARITHMETIC
    if any(each.kind is Kind.MOMENTS for each in view.reductions):
        rules = Rules(reducers={**QUICK, Kind.MOMENTS: _population})
        yield by_rules(cause, "as if the deviation were that of a population (n for n - 1)", rules, 1)
    rootless = with_finishes(view, lambda call: call.args[0] if call.op is Op.SQRT else call)
    yield from by_view(cause, "as if the root were not taken (variance for deviation)", rootless, 2)
    yield from by_view(cause, "as if division gave whole numbers", with_finishes(view, whole_division), 2)
    yield from by_door(cause, "as if division in the inputs gave whole numbers", with_rows(view, whole_division), 2)
    yield from by_view(cause, "as if a decimal's units were its value", with_finishes(view, unscaled), 2)
    yield by_value(cause, "as if the answer wrapped at 32 bits", _wrapped, 5)
    yield from _rounded()
    yield from _narrow(view)


def _population(reduction: Reduction, seen: list[tuple[int, Value]], tolerance: float) -> Span:
    if len(seen) == 1:
        return Span(0.0)
    found = QUICK[Kind.MOMENTS](reduction, seen, tolerance)
    if found.value is None:
        return found
    factor = (len(seen) - 1) / len(seen)
    scaled = [None if x is None else x * factor for x in (found.low, found.high)]
    return Span(float(found.value) * factor, *scaled)


def _wrapped(case: Case) -> Result:
    value = case.law.value
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    return (value + 2**31) % 2**32 - 2**31


def _rounded() -> Iterator[Suspect]:
    roundings: dict[str, Callable[[float], float]] = {
        "cut": math.trunc,
        "rounded up": math.ceil,
        "rounded down": math.floor,
    }
    for digits in range(7):
        detail = f"as if the answer were rounded to {digits or 'no'} digits"
        yield by_value(Cause.ARITHMETIC, detail, _to_digits(digits), 6 + digits, 3.0 + digits)
        for word, rounding in roundings.items():
            detail = f"as if the answer were {word} to {digits or 'no'} digits"
            yield by_value(Cause.ARITHMETIC, detail, _rounder(digits, rounding), 6 + digits, 3.0 + digits)


def _to_digits(digits: int) -> Callable[[Case], Result]:
    def change(case: Case) -> Result:
        value = case.law.value
        return round(value, digits) if isinstance(value, float) else value

    return change


def _rounder(digits: int, rounding: Callable[[float], float]) -> Callable[[Case], Result]:
    def change(case: Case) -> Result:
        value = case.law.value
        if not isinstance(value, float) or not isinstance(case.feature.type, Float64) or abs(value) > 1e15:
            return value
        return float(rounding(value * 10.0**digits) / 10.0**digits)

    return change


def single(value: float) -> float:
    """The nearest number of 32 bits, as a float64."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _narrow(view: View) -> Iterator[Suspect]:
    def inputs(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        return [
            replace(event, inputs=tuple(single(x) if isinstance(x, float) else x for x in event.inputs))
            for event in events
        ]

    def outcome(case: Case) -> Result:
        value = case.law.value
        return single(value) if isinstance(value, float) and isinstance(case.feature.type, Float64) else value

    yield by_value(Cause.FLOAT_ROUNDING, "as if the answer had 32 bits", outcome, 3)
    yield by_events(Cause.FLOAT_ROUNDING, "as if the inputs had 32 bits", inputs, 4)


def _units(view: View) -> Iterator[Suspect]:
    for factor, words in (
        (1e3, "milliseconds"),
        (1e6, "microseconds"),
        (1e-3, "thousands of seconds (milliseconds divided once too often)"),
        (1e-6, "millions of seconds"),
        (1 / 60, "minutes"),
        (1 / 3600, "hours"),
    ):
        yield by_value(Cause.TIME_UNIT, f"as if the answer were in {words}", _scaled(factor), 3)
    for unit in (1_000, SECOND, MINUTE):
        yield by_events(Cause.TIME_UNIT, f"as if instants were cut to whole {spell(unit)}", _cut(unit, ts=True), 9, 2.0)
        detail = f"as if arrivals were cut to whole {spell(unit)}"
        yield by_events(Cause.TIME_UNIT, detail, _cut(unit, ts=False), 9, 2.0)


def _scaled(factor: float) -> Callable[[Case], Result]:
    def change(case: Case) -> Result:
        value = case.law.value
        timely = isinstance(case.feature.type, Timestamp) or REQUEST_TIME in set(columns_of(case.feature.finish))
        if value is None or not timely or not isinstance(value, float | int) or isinstance(value, bool):
            return value
        return value * factor if isinstance(value, float) else int(value * factor)

    return change


def _cut(unit: int, *, ts: bool) -> Callable[[Case, Sequence[Event]], Sequence[Event]]:
    def change(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        if not ts:
            return [case.moved(event, event.ts, event.known_at // unit * unit) for event in events]
        return [case.moved(event, event.ts // unit * unit, event.known_at // unit * unit) for event in events]

    return change


def _definitions(view: View, versions: Sequence[View]) -> Iterator[Suspect]:
    cause = Cause.OTHER_DEFINITION
    for version in versions:
        same_source = replace(version, source=replace(version.source, known_at=view.source.known_at))
        same_source = replace(same_source, source=replace(same_source.source, columns=view.source.columns))
        yield from by_door(cause, f"as version {version.meaning or version.fingerprint} defines it", same_source, 1)
    for kind, other in ((Kind.MIN, Kind.MAX), (Kind.MAX, Kind.MIN), (Kind.FIRST, Kind.LAST), (Kind.LAST, Kind.FIRST)):
        changed = with_kind(view, kind, other)
        yield from by_view(cause, f"as if {other.value} were taken for {kind.value}", changed, 10, 2.0)
    yield from _neighbours(view)
    for zone in dict.fromkeys((*zones(view), *ZONES)):
        yield from by_door(
            Cause.TIME_ZONE, f"as if the calendar were that of {zone}", with_rows(view, in_zone(zone)), 3
        )
        finishes = with_finishes(view, in_zone(zone))
        yield from by_view(Cause.TIME_ZONE, f"as if the calendar were that of {zone}", finishes, 3)


def _neighbours(view: View) -> Iterator[Suspect]:
    """Each feature as another of the same type."""
    for other in view.features:

        def compute(case: Case, other: Any = other) -> Answer | None:
            if other.name == case.feature.name or other.type != case.feature.type:
                return None
            return case.recomputed(view=feature_as(view, case.feature, other))

        yield Suspect(Cause.OTHER_DEFINITION, f"as if it were {other.name}", compute, 11, 2.0)
