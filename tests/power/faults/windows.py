"""Skews at the ends of windows, and windows of the wrong length or grid."""

import re
from dataclasses import replace

from diptych.check.findings import Cause
from diptych.ground.instants import DAY, HOUR
from diptych.plan.nodes import Reduction, View, Window
from tests.power.faults.fault import (
    asked_at,
    fault,
    kernel,
    offline_sql,
    offline_text,
    offline_view,
    online_view,
    with_reductions,
    with_windows,
)

ENDS = {Cause.BOUNDARY}
GRID = {Cause.BOUNDARY, Cause.OTHER_DEFINITION}  # the tail moves on another grid: events near it, by another definition
OTHER = {Cause.OTHER_DEFINITION}


def _longer(window: Window, by: int) -> Window:
    return window if window.length is None else replace(window, length=window.length + by)


def _hop_more(window: Window) -> Window:
    return _longer(window, window.hop or 0)


def _neighbours_hop(window: Window) -> Window:
    return replace(window, hop=HOUR) if window.length == 6 * HOUR else window


def _exact(window: Window) -> Window:
    return Window(window.length)


def _since_midnight(window: Window) -> Window:
    return Window(1, DAY) if window.length == DAY else window


def _large_over_a_day(view: View, reduction: Reduction) -> Reduction:
    days = next(r.window for r in view.reductions if r.window.length == DAY)
    return (
        replace(reduction, window=days)
        if reduction.where is not None and reduction.window.length == 6 * HOUR
        else reduction
    )


def _open_tails(sql: str) -> str:
    """An event exactly at the first instant of a window leaves it a hop (or a microsecond) early."""
    joins = r'(ON "events"\."entity" = "end_\w+"\."entity".*?<= "end_\w+"\."t")'
    return re.sub(joins, lambda found: found[0].replace('"events"."ts"', '("events"."ts" - 1)'), sql, flags=re.DOTALL)


FAULTS = (
    fault(
        "head closed in SQL", "offline", "A backfill query joins on `event_time <= request_time`.", ENDS,
        offline_sql(r'(GREATEST\("events"."ts", "events"."known_at"\)) \+ 1', r"\1"),
    ),
    fault(
        "head closed in serving", "online",
        "The serving process reads the clock after the request's own event was taken in, and rounds up.",
        ENDS, asked_at(lambda t: t + 1),
    ),
    fault(
        "head closed in the read loop", "online", "`<=` for `<` where a read decides what was before it.", ENDS,
        kernel("point", "if words[rows[i] + TS] < t:", "if words[rows[i] + TS] <= t:"), slow=True,
        shows="customer_visits", suite="boundaries",
    ),
    fault(
        "tail open in SQL", "offline", "`event_time > request_time - interval` where the definition says `>=`.", ENDS,
        offline_text(_open_tails), shows="customer_visits",
    ),
    fault(
        "tail open in the read loop", "online", "`>` for `>=` where a read finds the last record of a window.", ENDS,
        kernel("point", "words[rows[stop] + TS] >= edge:", "words[rows[stop] + TS] > edge:"), slow=True,
        shows="till_sales",
    ),
    fault(
        "tail a microsecond long in serving", "online", "`>=` on the instant before: an off by one at the tail.", ENDS,
        online_view(with_windows(lambda w: _longer(w, 1))),
        shows="customer_visits",
    ),
    fault(
        "hop off by one", "online", "Serving keeps one tile too many: the tail lies one hop further back.", GRID,
        online_view(with_windows(_hop_more)),
        shows="till_sales",
    ),
    fault(
        "hop of a neighbour", "online", "Six-hour windows move by the hop of the daily ones beside them.", GRID,
        online_view(with_windows(_neighbours_hop)),
    ),
    fault(
        "sliding for hopping", "offline", "The warehouse slides its windows exactly; serving moves them in hops.", GRID,
        offline_view(with_windows(_exact)),
    ),
    fault(
        "since midnight for a day", "offline", "`date = current_date` stands in for the last 24 hours.", OTHER,
        offline_view(with_windows(_since_midnight)),
    ),
    fault(
        "window of another feature", "online", "A copied line keeps the window of the feature that it was copied from.",
        OTHER, online_view(with_reductions(_large_over_a_day, "shop_sales")),
    ),
    fault(
        "a day of 23 hours", "online", "A daily window is cut an hour short when clocks are moved by hand.", OTHER,
        online_view(with_windows(lambda w: _longer(w, -HOUR) if w.length == DAY else w)),
    ),
)  # fmt: skip
