"""Skews of values that are not numbers: null, NaN, defaults, text, and what the door should keep out."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from diptych.admit import door
from diptych.admit import project as projecting
from diptych.admit.project import ViewEvents
from diptych.check.findings import Cause
from diptych.compile.online import records
from diptych.compile.online.program import Program
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import HOUR
from diptych.ground.values import Decimal, Float64, Int64
from diptych.kernel import places as k
from diptych.plan.nodes import Feature, Kind, Reduction, Source, View
from diptych.rows import numeric
from diptych.rows.evaluate import evaluate
from diptych.rows.values import Values
from tests.power.faults.fault import (
    Words,
    column_input,
    everywhere,
    fault,
    offline_text,
    offline_view,
    online_code,
    online_events,
    online_view,
    swapped,
    with_feature,
    with_reductions,
    with_source,
)

NULLS = {Cause.NULL_AGAINST_ZERO}
FILTERS = {Cause.FILTER}
TEXT = {Cause.ARITHMETIC}  # a value is made otherwise of what came; no cause speaks of text alone


def with_column(events: ViewEvents, view: View, column: str, change: Any) -> ViewEvents:
    """The events with the values of one plain input column changed."""
    place = column_input(view, column)
    if place is None:
        return events
    inputs = tuple(change(values) if at == place else values for at, values in enumerate(events.inputs))
    return replace(events, inputs=inputs)


def _null_is_zero(view: View, events: ViewEvents) -> ViewEvents:
    def filled(values: Values) -> Values:
        return Values(np.where(values.valid, values.data, 0), np.ones(len(values), np.bool_))

    return with_column(events, view, "items", filled)


def _null_is_true() -> AbstractContextManager[None]:
    def truth(expression: Expression, columns: Any, rows: int | None = None) -> Any:
        found = evaluate(expression, columns, rows)
        return found.data | ~found.valid

    return swapped(projecting, "truth", truth)


def _empty_is_null(feature: Feature) -> Feature:
    zero = Literal(0, Decimal(0)) if isinstance(feature.type, Decimal) else Literal(0, Int64())
    empty = Call(Op.EQ, (feature.finish, replace(zero, type=feature.type)))
    return replace(feature, finish=Call(Op.CASE, (empty, Literal(None, feature.type), feature.finish), feature.type))


def _null_is_a_value(view: View, program: Program, code: Words) -> None:
    """A reducer of distinct values does not ask whether its input is there."""
    for at, reducer in enumerate(program.layout.reducers):
        if reducer.kind is Kind.DISTINCT and reducer.input is not None:
            row = int(code[k.REDUCERS_AT]) + at * k.RED_ROW
            flag = program.layout.inputs[reducer.input].flag
            assert flag is not None
            bit = 1 << (flag + 1)
            code[row + k.RED_MASK] &= ~bit
            code[row + k.RED_EXPECT] &= ~bit
            code[row + k.RED_FILTER] = 1_000 + at


def _nan_stays(sql: str) -> str:
    sql = re.sub(r"CASE WHEN NOT ISNAN\((.*?)\) THEN .*? END AS", r"\1 AS", sql)
    return re.sub(r'ISFINITE\(("source"\."\w+")\)', r"(ISFINITE(\1) OR ISNAN(\1))", sql)


@contextmanager
def _negative_zero() -> Iterator[None]:
    real, encode = numeric.float64_data, records._encode

    def data(kind: Float64, column: Any, valid: Any) -> Any:
        outcome = real(kind, column, valid)
        return outcome and (np.where(outcome[0] == 0.0, numeric.dense(column, 0.0), outcome[0]), *outcome[1:])

    def values(expression: Expression, columns: Any, rows: int | None = None) -> Values:
        return columns[expression.name] if isinstance(expression, Column) else evaluate(expression, columns, rows)

    def encoded(place: Any, given: Values) -> Words:
        if not isinstance(place.type, Float64):
            return encode(place, given)
        words = records.sortable_float(given.data.view(np.int64)).reshape(1, -1)
        return np.where(given.valid, words, np.int64(0))

    with everywhere(real, data), swapped(projecting, "evaluate", values), swapped(records, "_encode", encoded):
        yield


def _cut(view: View, events: ViewEvents) -> ViewEvents:
    return with_column(
        events, view, "note", lambda values: Values(values.data.astype("S4").astype("S12"), values.valid)
    )


def _folded(view: View, events: ViewEvents) -> ViewEvents:
    return with_column(events, view, "card", lambda values: Values(np.char.lower(values.data), values.valid))


def _no_filter(source: Source) -> Source:
    return replace(source, filter=None)


def _no_where(_: View, reduction: Reduction) -> Reduction:
    return (
        replace(reduction, where=None)
        if reduction.kind is Kind.COUNT and reduction.window.length == 6 * HOUR
        else reduction
    )


def _other_where(view: View, reduction: Reduction) -> Reduction:
    if reduction.kind is not Kind.COUNT or reduction.where is None or reduction.window.length != 6 * HOUR:
        return reduction
    return replace(reduction, where=(reduction.where + 1) % len(view.conditions))


def _open_door() -> AbstractContextManager[None]:
    """Ingestion checks no ranges."""
    real = door._fitted

    def fitted(field: Any, table: Any) -> Any:
        free = replace(field, type=Int64()) if isinstance(field.type, Int64) else field
        return real(free, table)

    return swapped(door, "_fitted", fitted)


FAULTS = (
    fault(
        "null as zero", "online", "`payload.get('items', 0)`: the producer's client fills what is missing.", NULLS,
        online_events(_null_is_zero),
    ),
    fault(
        "where null is true", "online", "`if not (cond is False)`: a condition that is unknown lets the event in.",
        NULLS | FILTERS, _null_is_true,
    ),
    fault(
        "empty sum is null", "offline", "SQL's `sum` over no rows is null, and nobody writes `coalesce`.", NULLS,
        offline_view(with_feature("amount_sum_6h", _empty_is_null)),
    ),
    fault(
        "default lost", "online", "The serving template forgets the declared default of a feature.",
        NULLS | {Cause.OTHER_DEFINITION},
        online_view(with_feature("items_min_1h", lambda f: replace(f, default=None))),
    ),
    fault(
        "null counted as a value", "online", "`len(set(values))` counts None among the different values.", NULLS,
        online_code(_null_is_a_value),
    ),
    fault(
        "NaN as a value", "offline", "pandas wrote NaN for missing, and SQL averages it.", NULLS | {Cause.ARITHMETIC},
        offline_text(_nan_stays),
    ),
    fault(
        "-0.0 beside 0.0", "online", "Values are told apart by their bits, so a negative zero is another value.",
        {Cause.ARITHMETIC, Cause.FLOAT_ROUNDING}, _negative_zero,
        shows="till_sales",
    ),
    fault(
        "text cut", "online", "A column of four characters in the stream's schema cuts longer text in silence.", TEXT,
        online_events(_cut),
        shows="till_sales",
    ),
    fault(
        "vocabulary folded", "online", "A client lower-cases words of a vocabulary in which case matters.", TEXT,
        online_events(_folded),
    ),
    fault(
        "filter lost in SQL", "offline", "The source's filter is in the stream job and not in the warehouse query.",
        FILTERS, offline_view(with_source(_no_filter)),
    ),
    fault(
        "where lost for one feature", "online", "One of a dozen similar lines loses its condition.", FILTERS,
        online_view(with_reductions(_no_where, "shop_sales")),
    ),
    fault(
        "where of another feature", "online", "A copied line keeps the condition of its neighbour.",
        FILTERS | {Cause.OTHER_DEFINITION}, online_view(with_reductions(_other_where, "shop_sales")),
    ),
    fault(
        "what is refused comes in", "online", "Serving skips the validation that the warehouse load performs.", FILTERS,
        _open_door,
    ),
    fault(
        "too late is let in", "offline", "The warehouse takes events that came later than the source allows.",
        FILTERS | {Cause.LATE_EVENT}, offline_view(with_source(lambda source: replace(source, lateness=None))),
    ),
)  # fmt: skip
