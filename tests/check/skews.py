"""The list of planted skews, each with the cause that has to be named."""

from diptych.check.findings import Cause
from diptych.ground.instants import DAY, HOUR, MINUTE, SECOND
from diptych.ground.values import Float64, Int64
from diptych.plan.nodes import Kind
from diptych.reference import judge
from tests.check.planted import (
    BEGIN,
    TYPES,
    Key,
    Skew,
    asked_at,
    at_each,
    counted_at_the_instant,
    forgotten,
    history,
    in_tiles_only,
    judge_changed,
    later,
    local,
    merged,
    narrow,
    of_key,
    of_one,
    population,
    rows_changed,
    source_changed,
    tail_moved,
    tied_by_arrival,
    twice,
    value_changed,
    view_changed,
    where_lost,
    with_hop,
    with_length,
    without,
)


def sold(seed: int, key: Key, since: int, until: int) -> list[int]:
    """The sales of a shop in a stretch of days, by number."""
    rows = of_key(history(seed), key)
    return [
        row["sale"]
        for row in rows
        if BEGIN + since * DAY <= row["known_at"] < BEGIN + until * DAY and row["item"] != "test"
    ]


def skews(seed: int) -> dict[str, tuple[Skew, Cause]]:
    """All planted skews, with the cause that has to be named."""
    one = sold(seed, ("ab", "c"), 9, 12)
    is_mean = {"weight_mean_6h", "amount_mean_24h"}
    whole = value_changed(lambda name, value: float(int(value)) if name in is_mean and value is not None else value)
    cents = value_changed(lambda name, value: round(value, 2) if isinstance(value, float) else value)
    milli = value_changed(lambda name, value: value * 1e3 if name == "recency" and value is not None else value)
    nulls = value_changed(
        lambda name, value: 0 if value is None and isinstance(TYPES[name], Int64 | Float64) else value
    )
    stopped = at_each(lambda rows, t: [row for row in rows if row["known_at"] < BEGIN + 15 * DAY])
    return {
        "an event at the instant counts": (at_each(counted_at_the_instant), Cause.BOUNDARY),
        "the window's first instant does not count": (judge_changed(tail=tail_moved(lambda w: 1)), Cause.BOUNDARY),
        "the window begins a hop earlier": (judge_changed(tail=tail_moved(lambda w: -w.step)), Cause.BOUNDARY),
        "no hops": (view_changed(with_hop(None)), Cause.BOUNDARY),
        "hops of an hour": (view_changed(with_hop(HOUR, 6 * HOUR)), Cause.BOUNDARY),
        "hops of a minute": (view_changed(with_hop(MINUTE, 24 * HOUR)), Cause.BOUNDARY),
        "23 h for 24 h": (view_changed(with_length(24 * HOUR, 23 * HOUR)), Cause.OTHER_DEFINITION),
        "24 h for 7 d": (view_changed(with_length(7 * DAY, 24 * HOUR)), Cause.OTHER_DEFINITION),
        "9 h for 6 h": (view_changed(with_length(6 * HOUR, 9 * HOUR)), Cause.OTHER_DEFINITION),
        "known when it happened": (rows_changed(lambda r: {**r, "known_at": r["sold_at"]}), Cause.LATE_EVENT),
        "late ones dropped": (rows_changed(lambda r: r if r["known_at"] <= r["sold_at"] else None), Cause.LATE_EVENT),
        "very late ones dropped": (
            rows_changed(lambda r: r if r["known_at"] - r["sold_at"] <= 3 * HOUR else None),
            Cause.LATE_EVENT,
        ),
        "copies count": (view_changed(source_changed(event_id=None)), Cause.DUPLICATE),
        "far copies are dropped": (view_changed(source_changed(dedup_window=400 * DAY)), Cause.DUPLICATE),
        "ties by arrival": (tied_by_arrival, Cause.TIE),
        "population deviation": (
            judge_changed(REDUCERS={**judge.REDUCERS, Kind.MOMENTS: population}),
            Cause.ARITHMETIC,
        ),
        "whole means": (whole, Cause.ARITHMETIC),
        "two digits": (cents, Cause.ARITHMETIC),
        "32 bits": (value_changed(narrow), Cause.FLOAT_ROUNDING),
        "null amounts are zero": (
            rows_changed(lambda r: {**r, "amount": r["amount"] or 0}),
            Cause.NULL_AGAINST_ZERO,
        ),
        "null answers are zero": (nulls, Cause.NULL_AGAINST_ZERO),
        "where lost": (view_changed(where_lost()), Cause.FILTER),
        "filter lost": (view_changed(source_changed(filter=None)), Cause.FILTER),
        "keys run together": (merged(lambda row: row["town"] + row["shop"]), Cause.KEY_ENCODING),
        "keys in lower case": (merged(lambda row: (row["town"].lower(), row["shop"])), Cause.KEY_ENCODING),
        "keys without zeros": (merged(lambda row: (row["town"], row["shop"].lstrip("0"))), Cause.KEY_ENCODING),
        "five hours late": (later(-5 * HOUR, "sold_at", "known_at"), Cause.TIME_ZONE),
        "New York's clock": (rows_changed(local), Cause.TIME_ZONE),
        "asked in India": (asked_at(lambda t: t - 5 * HOUR - HOUR // 2), Cause.TIME_ZONE),
        "recency in milliseconds": (milli, Cause.TIME_UNIT),
        "whole seconds": (
            rows_changed(lambda r: {**r, **{c: r[c] // SECOND * SECOND for c in ("sold_at", "known_at")}}),
            Cause.TIME_UNIT,
        ),
        "a reader 3 minutes ahead": (asked_at(lambda t: t + 3 * MINUTE), Cause.CLOCK_SKEW),
        "arrivals 100 s late": (later(100 * SECOND, "known_at"), Cause.STALE_INGESTION),
        "ingestion 40 minutes behind": (later(40 * MINUTE, "known_at"), Cause.STALE_INGESTION),
        "ingestion stopped": (stopped, Cause.STALE_INGESTION),
        "one sale missing": (of_one(("ab", "c"), without(one[:1])), Cause.MISSING_INGESTION),
        "a run of sales missing": (of_one(("ab", "c"), without(one[:4])), Cause.MISSING_INGESTION),
        "one sale twice": (of_one(("ab", "c"), twice(one[0])), Cause.FOLD),
        "one sale in no tile": (in_tiles_only(("ab", "c"), without(one[:1])), Cause.FOLD),
        "expired after 12 h": (forgotten(12 * HOUR), Cause.EXPIRED_STATE),
        "expired after a day": (forgotten(DAY), Cause.EXPIRED_STATE),
        "an entity lost": (of_one(("ab", "c"), lambda rows, t: []), Cause.EXPIRED_STATE),
        "dropped after 4 h": (
            at_each(lambda rows, t: [row for row in rows if row["sold_at"] >= t - 4 * HOUR]),
            Cause.EXPIRED_STATE,
        ),
    }
