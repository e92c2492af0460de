"""Skews of a hand-written second copy: the query that a team keeps beside the compiled one drifts from it."""

from diptych.check.findings import Cause
from tests.power import handwritten
from tests.power.faults.fault import Plant, fault, swapped


def _written(old: str, new: str, name: str = "NOTED") -> Plant:
    """A copy with one line of its text changed."""
    text = getattr(handwritten, name)
    assert text.count(old) == 1, f"the copy has {text.count(old)} times {old!r}"
    return lambda: swapped(handwritten, name, text.replace(old, new))


COPIED = "till_sales:noted_2h"
WEIGHED = "shop_sales:weight_mean_24h"

FAULTS = (
    fault(
        "copy: window of one hour", "copy", "The window was made longer in the definition and not in the query.",
        {Cause.OTHER_DEFINITION}, _written("INTERVAL 2 HOUR AS tail", "INTERVAL 1 HOUR AS tail"),
        shows=COPIED, suite="copy",
    ),
    fault(
        "copy: both ends included", "copy", "`BETWEEN` includes the request's own event.", {Cause.BOUNDARY},
        _written(
            "e.paid_at < s.event_timestamp AND e.booked_at < s.event_timestamp",
            "e.paid_at <= s.event_timestamp AND e.booked_at <= s.event_timestamp",
        ), shows=COPIED, suite="copy",
    ),
    fault(
        "copy: known-at forgotten", "copy", "The query looks at event time only.", {Cause.LATE_EVENT},
        _written("AND e.booked_at < s.event_timestamp", ""), shows=COPIED, suite="copy",
    ),
    fault(
        "copy: filter forgotten", "copy", "The query counts training payments too.", {Cause.FILTER},
        _written("AND NOT coalesce(training, false)", ""), shows=COPIED, suite="copy",
    ),
    fault(
        "copy: repeats counted", "copy", "The query does not take repeated deliveries out.", {Cause.DUPLICATE},
        _written("WHERE before IS NULL OR booked_at - before > INTERVAL 2 HOUR", ""), shows=COPIED, suite="copy",
    ),
    fault(
        "copy: rows counted, not values", "copy", "`count(*)` for `count(note)`.", {Cause.NULL_AGAINST_ZERO},
        _written("count(e.note) AS noted", "count(e.payment) AS noted"), shows=COPIED, suite="copy",
    ),
    fault(
        "copy: mean of hourly means", "copy", "Partial means are averaged, whatever they weigh.", {Cause.ARITHMETIC},
        _written("sum(total) / sum(number) AS mean", "avg(total / number) AS mean", "WEIGHED"), shows=WEIGHED, suite="copy",
    ),
)  # fmt: skip
