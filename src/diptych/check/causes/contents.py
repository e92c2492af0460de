"""Suspects about values on their way: text that is cut or folded, money and wholes that go wrong, NaN and -0.0."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from diptych.check.causes.bench import QUICK, Case, Rules, reads
from diptych.check.causes.rewriting import with_finishes, with_rows
from diptych.check.causes.suspect import Suspect, by_door, by_events, by_rules, by_value, by_view
from diptych.check.findings import Cause
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import DAY, HOUR, spell
from diptych.ground.values import Decimal, Enum, Float64, Int64, String
from diptych.plan.nodes import Kind, Reduction, View
from diptych.reference import Answer, Event, Result, Value
from diptych.reference.span import Span


def contents(view: View) -> Iterator[Suspect]:
    """All of them."""
    yield from _texts(view)
    yield from _numbers(view)
    yield from _floats(view)


def _inputs(event: Event, places: Iterable[int], change: Callable[[Any], Any]) -> Event:
    inputs = list(event.inputs)
    for place in places:
        if inputs[place] is not None:
            inputs[place] = change(inputs[place])
    return replace(event, inputs=tuple(inputs))


def _texts(view: View) -> Iterator[Suspect]:
    places = [at for at, tree in enumerate(view.inputs) if isinstance(tree.type, String | Enum)]
    if not places:
        return
    longest = max(tree.type.max_bytes for tree in view.inputs if isinstance(tree.type, String | Enum))
    changes: dict[str, Callable[[str], str]] = {
        "in lower case": str.lower,
        "in upper case": str.upper,
        "trimmed": str.strip,
    }
    changes |= {f"cut to {size} bytes": _cutter(size) for size in range(1, min(longest, 33))}
    for rank, (words, change) in enumerate(changes.items()):

        def changed(_: Case, events: Sequence[Event], change: Any = change) -> Sequence[Event]:
            return [_inputs(event, places, change) for event in events]

        yield by_events(Cause.ARITHMETIC, f"as if text were {words}", changed, 6 if rank < 3 else 8)


def _cutter(size: int) -> Callable[[str], str]:
    return lambda text: text.encode()[:size].decode(errors="ignore")


def _numbers(view: View) -> Iterator[Suspect]:
    cause = Cause.ARITHMETIC
    weekdays: dict[str, Callable[[Call], Expression]] = {
        "as if Sunday were 0, not 7": lambda day: Call(Op.MOD, (day, Literal(7, Int64())), Int64()),
        "as if Monday were 0": lambda day: Call(Op.SUB, (day, Literal(1, Int64())), Int64()),
        "as if Sunday were 1": lambda day: Call(
            Op.ADD, (Call(Op.MOD, (day, Literal(7, Int64())), Int64()), Literal(1, Int64())), Int64()
        ),
    }
    for detail, change in weekdays.items():

        def renumbered(call: Call, change: Any = change) -> Expression:
            found: Expression = change(call) if call.op is Op.DAY_OF_WEEK else call
            return found

        yield from by_door(cause, detail, with_rows(view, renumbered), 4)
        yield from by_view(cause, detail, with_finishes(view, renumbered), 4)
    scales = sorted({f.type.scale for f in view.features if isinstance(f.type, Decimal) and f.type.scale})
    for scale in scales:
        yield by_value(cause, "as if units of the last digit were whole", _times(10**scale), 4)
    if any(isinstance(tree.type, Decimal) for tree in view.inputs):
        yield by_events(cause, "as if decimals went through floats and were cut", _through_floats(view), 7)
    if any(r.kind is Kind.SUM and not isinstance(r.type, Float64) for r in view.reductions):
        yield by_rules(cause, "as if sums wrapped at 64 bits", Rules(reducers={**QUICK, Kind.SUM: _wrapping}), 5)
    if any(r.kind is Kind.MOMENTS for r in view.reductions):
        rules = Rules(reducers={**QUICK, Kind.MOMENTS: _of_all})
        yield by_rules(cause, "as if the deviation divided by n, not n - 1, from two values on", rules, 1)
    for bucket in (None, HOUR, DAY):
        words = "hop" if bucket is None else spell(bucket)
        yield Suspect(cause, f"as if it were the mean of the means of each {words}", _mean_of_means(bucket), 6)


def _times(factor: int) -> Callable[[Case], Result]:
    def change(case: Case) -> Result:
        value = case.law.value
        whole = isinstance(case.feature.type, Decimal) and isinstance(value, int)
        return value * factor if whole else value  # type: ignore[operator]

    return change


def _through_floats(view: View) -> Callable[[Case, Sequence[Event]], Sequence[Event]]:
    scales = {at: 10.0**tree.type.scale for at, tree in enumerate(view.inputs) if isinstance(tree.type, Decimal)}

    def change(_: Case, events: Sequence[Event]) -> Sequence[Event]:
        found = []
        for event in events:
            moved = event
            for at, scale in scales.items():
                moved = _inputs(moved, [at], _cent_lost(scale))
            found.append(moved)
        return found

    return change


def _cent_lost(scale: float) -> Callable[[int], int]:
    return lambda units: int(units / scale * scale)


def _wrapping(reduction: Reduction, seen: list[tuple[int, Value]], tolerance: float) -> Span:
    if isinstance(reduction.type, Float64):
        return QUICK[Kind.SUM](reduction, seen, tolerance)
    total = sum(value for _, value in seen if isinstance(value, int))
    return Span((total + 2**63) % 2**64 - 2**63)


def _of_all(reduction: Reduction, seen: list[tuple[int, Value]], tolerance: float) -> Span:
    found = QUICK[Kind.MOMENTS](reduction, seen, tolerance)
    if found.value is None:
        return found
    factor = (len(seen) - 1) / len(seen)
    low, high = (None if x is None else x * factor for x in (found.low, found.high))
    return Span(float(found.value) * factor, low, high)


def _mean_of_means(bucket: int | None) -> Callable[[Case], Answer | None]:
    def compute(case: Case) -> Answer | None:
        view = case.entity.view
        used = [view.reductions[index] for index in reads(case.feature)]
        kinds = {each.kind for each in used}
        if kinds != {Kind.SUM, Kind.COUNT} or len(used) != 2 or len({each.window for each in used}) != 1:
            return None
        step = bucket or used[0].window.hop
        if step is None or case.law.value is None:
            return None
        parts: dict[int, list[Event]] = {}
        for event in case.entity.events():
            parts.setdefault(event.ts // step, []).append(event)
        means = [case.recomputed(part).value for part in parts.values()]
        known = [mean for mean in means if isinstance(mean, float)]
        return replace(case.law, value=math.fsum(known) / len(known)) if known else None

    return compute


def _floats(view: View) -> Iterator[Suspect]:
    """Numbers that are told apart, or let in, by their bits."""
    places = {
        at: tree.name
        for at, tree in enumerate(view.inputs)
        if isinstance(tree, Column) and isinstance(tree.type, Float64)
    }
    if not places:
        return

    def signed(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        found = []
        for event in events:
            inputs = list(event.inputs)
            for at, name in places.items():
                raw = case.entity.rows[event.row].get(name)
                if isinstance(raw, float) and raw == 0.0 and math.copysign(1.0, raw) < 0:
                    inputs[at] = "-0.0"
            found.append(replace(event, inputs=tuple(inputs)))
        return found

    def not_a_number(case: Case, events: Sequence[Event]) -> Sequence[Event]:
        found = []
        for event in events:
            inputs = list(event.inputs)
            for at, name in places.items():
                raw = case.entity.rows[event.row].get(name)
                if isinstance(raw, float) and math.isnan(raw):
                    inputs[at] = math.nan
            found.append(replace(event, inputs=tuple(inputs)))
        return found

    distinct = by_events(Cause.ARITHMETIC, "as if -0.0 were another value than 0.0", signed, 5)
    yield replace(distinct, compute=_of_kind(view, {Kind.DISTINCT}, distinct.compute))
    nans = by_events(Cause.NULL_AGAINST_ZERO, "as if NaN were a number, not null", not_a_number, 5)
    yield replace(nans, compute=_with_nan(view, nans.compute))


def _of_kind(view: View, kinds: set[Kind], compute: Any) -> Callable[[Case], Answer | None]:
    def only(case: Case) -> Answer | None:
        found: Answer | None = None
        if {view.reductions[index].kind for index in reads(case.feature)} <= kinds:
            found = compute(case)
        return found

    return only


def _with_nan(view: View, compute: Any) -> Callable[[Case], Answer | None]:
    """An answer that NaN has touched is NaN, and NaN is shown as null."""

    def shown(case: Case) -> Answer | None:
        floating = [r for r in (view.reductions[index] for index in reads(case.feature)) if _reads_float(view, r)]
        if not floating:
            return None
        try:
            found: Answer | None = compute(case)
        except (ValueError, OverflowError):
            return replace(case.law, value=None)
        if found is not None and isinstance(found.value, float) and math.isnan(found.value):
            return replace(found, value=None, magnitude=0.0)
        return found

    return shown


def _reads_float(view: View, reduction: Reduction) -> bool:
    return reduction.input is not None and isinstance(view.inputs[reduction.input].type, Float64)
