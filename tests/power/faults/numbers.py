"""Skews of arithmetic."""

import re
from dataclasses import replace

import numpy as np

from diptych.admit.project import ViewEvents
from diptych.check.findings import Cause
from diptych.compile.online.program import Program
from diptych.ground.expression import Call, Expression, Literal, Op
from diptych.ground.values import Float64, Int64
from diptych.kernel import places as k
from diptych.plan.nodes import Feature, View
from diptych.rows.values import Values
from tests.power.faults.fault import (
    Folded,
    Words,
    fault,
    folds,
    offline_sql,
    offline_text,
    online_code,
    online_events,
    online_view,
    with_feature,
)
from tests.power.faults.values import with_column

SUMS = {Cause.ARITHMETIC}
ROUNDING = {Cause.FLOAT_ROUNDING}


def _narrow(view: View, events: ViewEvents) -> ViewEvents:
    def narrowed(values: Values) -> Values:
        return Values(values.data.astype(np.float32).astype(np.float64), values.valid)

    return with_column(with_column(events, view, "weight", narrowed), view, "seconds", narrowed)


def _through_float(view: View, events: ViewEvents) -> ViewEvents:
    """Cents by way of a binary fraction, cut to whole ones: 0.29 becomes 28 of them."""
    return with_column(
        events, view, "amount", lambda values: Values((values.data / 100.0 * 100.0).astype(np.int64), values.valid)
    )


def _floored(feature: Feature) -> Feature:
    return replace(feature, finish=_whole_quotient(feature.finish))


def _whole_quotient(node: Expression) -> Expression:
    if not isinstance(node, Call):
        return node
    inner = replace(node, args=tuple(map(_whole_quotient, node.args)))
    return Call(Op.FLOOR, (inner,), Float64()) if node.op is Op.DIV else inner


def _narrow_sums(_: View, program: Program, code: Words) -> None:
    for at in range(len(program.layout.reducers)):
        row = int(code[k.REDUCERS_AT]) + at * k.RED_ROW
        if code[row + k.RED_OP] == k.SUM_WIDE:
            code[row + k.RED_OP] = k.SUM_NARROW


def _cents_for_euros(feature: Feature) -> Feature:
    return replace(feature, finish=Call(Op.MUL, (feature.finish, Literal(100, Int64())), feature.type))


def _of_all(sql: str) -> str:
    """Divides by n where the sample's deviation divides by n - 1."""
    return re.sub(r"CAST\(\(?\s*([^()]*?(?:\([^()]*\))?[^()]*?) - 1\s*\)? AS DOUBLE\)", r"CAST(\1 AS DOUBLE)", sql)


def _float_tiles(folded: Folded) -> Folded:
    """Partial sums of floats kept in 32 bits."""
    tiles = folded.tiles.copy()
    for at in range(int(folded.code[k.REDUCERS])):
        row = int(folded.code[k.REDUCERS_AT]) + at * k.RED_ROW
        if folded.code[row + k.RED_OP] == k.SUM_FLOAT and folded.code[row + k.RED_TILED]:
            place = int(folded.code[row + k.RED_TILE])
            sums = tiles[:, place].copy().view(np.float64)
            tiles[:, place] = sums.astype(np.float32).astype(np.float64).view(np.int64)
    return folded.with_parts(tiles, folded.records)


FAULTS = (
    fault(
        "float32 in the stream", "online", "The stream's schema says `float` where the warehouse has `double`.", ROUNDING,
        online_events(_narrow),
    ),
    fault(
        "float32 in tiles", "online", "Partial sums are kept in half the space.", ROUNDING | {Cause.FOLD},
        folds(_float_tiles, backfilled=True),
    ),
    fault(
        "deviation of all", "offline", "`stddev_pop` in one place, the sample's deviation in the other.", SUMS,
        offline_text(_of_all),
    ),
    fault(
        "integer division", "online", "Two counts are divided as integers.", SUMS,
        online_view(with_feature("refunded_rate_24h", _floored)),
    ),
    fault(
        "overflow wraps", "online", "A sum of int64 wraps in silence where the warehouse says that it overflowed.", SUMS,
        online_code(_narrow_sums),
        shows="customer_visits",
    ),
    fault(
        "money through binary fractions", "online", "`int(float(amount) * 100)` loses a cent now and then.",
        SUMS | ROUNDING, online_events(_through_float),
    ),
    fault(
        "scale lost", "online", "Cents are served where the definition means euros.", SUMS,
        online_view(with_feature("amount_sum_6h", _cents_for_euros)),
    ),
    fault(
        "weekday off by one", "offline", "Sunday is 0 in one calendar and 7 in the other.", SUMS | {Cause.FILTER},
        offline_sql(r"ISODOW\(", "DAYOFWEEK("),
        shows="till_sales",
    ),
)  # fmt: skip
