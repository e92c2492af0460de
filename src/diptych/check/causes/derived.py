"""Why a derived column differs where everything that it reads agrees: its own expression, computed another way."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from diptych.check.causes.amounts import ZONES, single, zero
from diptych.check.causes.bench import unspoken
from diptych.check.causes.clocks import QUARTER
from diptych.check.causes.evidence import Diagnosis
from diptych.check.causes.rewriting import in_zone, null_for_zero_divisor, rewritten, unscaled, whole_division
from diptych.check.findings import Cause
from diptych.ground.expression import Expression, columns_of
from diptych.plan.nodes import REQUEST_TIME, Feature
from diptych.reference import TOLERANCE, Result, evaluate


def diagnose_derived(feature: Feature, inputs: Mapping[str, Any], offline: Any, online: Any) -> Diagnosis:
    """Why offline and online differ in a column whose expression is the ``finish`` of ``feature``.

    ``inputs`` are held values by the names that the expression reads, ``request_time`` among them.
    """
    missing = [name for name in columns_of(feature.finish) if name not in inputs]
    if missing:
        return Diagnosis(detail=f"not examined: {missing[0]} was not compared")
    law = evaluate(feature.finish, inputs)
    values = {"offline": unspoken(offline, feature.type), "online": unspoken(online, feature.type)}
    wrong = {side: value for side, value in values.items() if not _same(value, law)}
    if not wrong:
        return Diagnosis(detail="the judge takes both for right, within the tolerance")
    side = "both" if len(wrong) == 2 else next(iter(wrong))
    target = wrong.get("online", wrong.get("offline"))
    for cause, detail, value in _suspects(feature, inputs, law):
        if value != law and _same(target, value):
            return Diagnosis(cause, detail, side)
    if _near(target, law):
        return Diagnosis(Cause.FLOAT_ROUNDING, f"a relative error of {_error(target, law):.1g}", side)
    return Diagnosis(detail="what it reads agrees, and the judge computes another value from it", wrong=side)


def _suspects(feature: Feature, inputs: Mapping[str, Any], law: Result) -> Iterator[tuple[Cause, str, Result]]:
    tree = feature.finish

    def over(changed: Expression, values: Mapping[str, Any] = inputs) -> Result:
        return evaluate(changed, values)

    if law is None:
        yield Cause.NULL_AGAINST_ZERO, "as if a null answer were zero", zero(feature.type)
    yield (
        Cause.NULL_AGAINST_ZERO,
        "as if a division by zero gave zero",
        over(rewritten(tree, null_for_zero_divisor)),
    )
    yield Cause.ARITHMETIC, "as if division gave whole numbers", over(rewritten(tree, whole_division))
    yield Cause.ARITHMETIC, "as if a decimal's units were its value", over(rewritten(tree, unscaled))
    yield from _instants(feature, inputs)
    for name in dict.fromkeys(columns_of(tree)):
        for other, value in inputs.items():
            if other not in (name, REQUEST_TIME) and name != REQUEST_TIME and type(value) is type(inputs[name]):
                detail = f"as if it read {other}, not {name}"
                yield Cause.OTHER_DEFINITION, detail, over(tree, {**inputs, name: value})
    if isinstance(law, float):
        yield Cause.FLOAT_ROUNDING, "as if the answer had 32 bits", single(law)
        narrow = {name: single(value) if isinstance(value, float) else value for name, value in inputs.items()}
        yield Cause.FLOAT_ROUNDING, "as if the inputs had 32 bits", over(tree, narrow)
        for digits in range(7):
            yield Cause.ARITHMETIC, f"as if the answer were rounded to {digits} digits", round(law, digits)
        for rounding in (math.floor, math.ceil):
            yield (
                Cause.ARITHMETIC,
                f"as if the answer were cut to a whole number ({rounding.__name__})",
                _cut(rounding, law),
            )
    nulls = {name for name in columns_of(tree) if inputs.get(name) is None}
    if nulls:
        for filler in (0, 0.0):
            values = {name: filler if value is None and name in nulls else value for name, value in inputs.items()}
            yield Cause.NULL_AGAINST_ZERO, f"as if {', '.join(sorted(nulls))} were zero, not null", over(tree, values)


def _instants(feature: Feature, inputs: Mapping[str, Any]) -> Iterator[tuple[Cause, str, Result]]:
    """The calendar of another zone, and the instant of another clock."""
    for zone in ZONES:
        value = evaluate(rewritten(feature.finish, in_zone(zone)), inputs)
        yield Cause.TIME_ZONE, f"as if the calendar were that of {zone}", value
    if REQUEST_TIME in set(columns_of(feature.finish)):
        for quarters in sorted(range(-56, 57), key=lambda n: (n % 4 != 0, abs(n))):
            at = inputs[REQUEST_TIME] + quarters * QUARTER
            value = evaluate(feature.finish, {**inputs, REQUEST_TIME: at})
            yield Cause.TIME_ZONE, f"as if it were asked {quarters / 4:+g} h from then", value


def _cut(rounding: Any, value: float) -> float:
    return float(rounding(value)) if math.isfinite(value) else value


def _same(value: Result, other: Result) -> bool:
    if isinstance(value, float) and isinstance(other, float):
        return value == other or abs(value - other) <= TOLERANCE * max(abs(value), abs(other))
    return value == other and (value is None) == (other is None)


def _near(value: Result, law: Result) -> bool:
    return isinstance(value, float) and isinstance(law, float) and law != 0 and _error(value, law) <= 1e-5


def _error(value: Result, law: Result) -> float:
    assert isinstance(value, float)
    assert isinstance(law, float)
    return abs(value - law) / abs(law)
