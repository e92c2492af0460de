"""Skews of clocks: zones, units, and when an event counts as known."""

from dataclasses import replace

from diptych.admit.door import Instants
from diptych.admit.project import ViewEvents
from diptych.check.findings import Cause
from diptych.ground.expression import Call, Literal, Op
from diptych.ground.instants import HOUR, MINUTE, SECOND
from diptych.ground.values import Float64
from diptych.plan.nodes import Feature, View
from diptych.rows.values import Values
from tests.power.faults.fault import (
    Plant,
    asked_at,
    column_input,
    fault,
    offline_scan,
    offline_sql,
    online_events,
    online_view,
    with_feature,
)

ZONE = {Cause.TIME_ZONE}
UNIT = {Cause.TIME_UNIT}
LATE = {Cause.LATE_EVENT}
SKEW = {Cause.CLOCK_SKEW}


def _moved(view: View, events: ViewEvents, ts: Instants) -> ViewEvents:
    """The events at other instants; an input that is the timestamp's column moves with them."""
    place = column_input(view, view.source.timestamp or "")
    inputs = tuple(Values(ts, values.valid) if at == place else values for at, values in enumerate(events.inputs))
    return replace(events, ts=ts, inputs=inputs)


def _in_1970(view: View, events: ViewEvents) -> ViewEvents:
    return _moved(view, events, events.ts // 1_000)


def _in_berlin(view: View, events: ViewEvents) -> ViewEvents:
    """An hour ahead of UTC: summer time has not come yet."""
    return _moved(view, events, events.ts + HOUR)


def _whole_seconds(view: View, events: ViewEvents) -> ViewEvents:
    return _moved(view, events, events.ts // SECOND * SECOND)


def _stamped(by: int) -> Plant:
    return online_events(lambda _, events: replace(events, known_at=events.known_at + by))


def _when_it_arrived(view: View, events: ViewEvents) -> ViewEvents:
    return _moved(view, events, events.known_at)


def _milliseconds(feature: Feature) -> Feature:
    return replace(feature, finish=Call(Op.MUL, (feature.finish, Literal(1_000.0, Float64())), Float64()))


FAULTS = (
    fault(
        "local times read as UTC", "offline", "The warehouse stores wall clock time of the shop without a zone.", ZONE,
        offline_scan(r'EPOCH_US\(src\."(\w+)"\)', r"""EPOCH_US(TIMEZONE('America/New_York', src."\1"))"""),
    ),
    fault(
        "producer on the local clock", "online", "A producer in Berlin stamps events with its naive local `now()`.", ZONE,
        online_events(_in_berlin), shows="customer_visits",
    ),
    fault(
        "calendar in UTC", "offline", "Weekends are taken from the UTC date, as the session's zone has it.", ZONE,
        offline_sql("TIMEZONE\\('America/New_York'", "TIMEZONE('UTC'"),
        shows="till_sales",
    ),
    fault(
        "seconds for milliseconds", "online", "A producer changes its timestamps to another unit; all lie in 1970.",
        UNIT, online_events(_in_1970),
    ),
    fault(
        "time in whole seconds", "online", "The stream's timestamps are cut to seconds; the warehouse keeps them whole.",
        UNIT, online_events(_whole_seconds),
        shows="customer_visits",
    ),
    fault(
        "recency in milliseconds", "online", "One side counts seconds, the other milliseconds.", UNIT,
        online_view(with_feature("recency", _milliseconds)),
    ),
    fault(
        "known-at ignored", "offline", "The training join looks at event time only, and so into the future.", LATE,
        offline_sql(r'GREATEST\("events"."ts", "events"."known_at"\)', '"events"."ts"'),
    ),
    fault(
        "arrival for event time", "online", "The stream processor windows by processing time.", LATE,
        online_events(_when_it_arrived),
        shows="customer_visits",
    ),
    fault(
        "stamped early", "online", "The ingesting host's clock is five minutes behind, so events look known too soon.",
        SKEW, _stamped(-5 * MINUTE),
    ),
    fault(
        "stamped late", "online", "The ingesting host's clock is five minutes ahead, so fresh events are not seen yet.",
        SKEW | {Cause.STALE_INGESTION}, _stamped(5 * MINUTE),  # seen five minutes late is also what staleness is,
    ),
    fault(
        "answers from a cache", "online", "Somebody puts a cache of ten minutes before the store.",
        {Cause.STALE_INGESTION}, asked_at(lambda t: t // (10 * MINUTE) * 10 * MINUTE),
    ),
)  # fmt: skip
