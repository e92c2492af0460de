"""Planted skews: known changes of rows, view or answers, made without the code that has to find them."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import numpy as np

from diptych.check.causes import Answered, Diagnosis, Evidence, diagnose
from diptych.check.compare import differing
from diptych.check.findings import Cause
from diptych.ground.instants import DAY, HOUR, MINUTE, SECOND, instant, moment
from diptych.ground.values import Float64, Int64
from diptych.plan.nodes import Kind, View, Window
from diptych.reference import judge
from diptych.reference.span import Span
from tests.check.sales import (
    BEGIN,
    VIEW,
    Answers,
    Key,
    Row,
    Skew,
    history,
    of_key,
    questions,
    right,
)


def rows_changed(change: Callable[[Row], Row | None]) -> Skew:
    """Every row as another, or none."""
    return lambda rows, key, t: right([new for row in rows if (new := change(row)) is not None], key, t)


def at_each(change: Callable[[Sequence[Row], int], Sequence[Row]]) -> Skew:
    """Other rows, depending on the instant."""
    return lambda rows, key, t: right(change(of_key(rows, key), t), key, t)


def view_changed(view: View) -> Skew:
    """The answers of another view."""
    return lambda rows, key, t: right(rows, key, t, view)


def asked_at(shift: Callable[[int], int]) -> Skew:
    """The answers at another instant."""
    return lambda rows, key, t: right(rows, key, shift(t))


def value_changed(change: Callable[[str, Any], Any]) -> Skew:
    """The right answers, changed afterwards."""
    return lambda rows, key, t: {name: change(name, value) for name, value in right(rows, key, t).items()}


def judge_changed(**attributes: Any) -> Skew:
    """The answers of a judge that has something else inside."""

    def skew(rows: Sequence[Row], key: Key, t: int) -> Answers:
        with patch.multiple(judge, **attributes):
            return right(rows, key, t)

    return skew


def windows_changed(change: Callable[[Window], Window]) -> View:
    return dataclasses.replace(
        VIEW, reductions=tuple(dataclasses.replace(each, window=change(each.window)) for each in VIEW.reductions)
    )


def with_hop(hop: int | None, only: int | None = None) -> View:
    def change(window: Window) -> Window:
        return window if window.length is None or only not in (None, window.length) else Window(window.length, hop)

    return windows_changed(change)


def with_length(length: int, other: int) -> View:
    def change(window: Window) -> Window:
        return dataclasses.replace(window, length=other) if window.length == length else window

    return windows_changed(change)


def source_changed(**fields: Any) -> View:
    return dataclasses.replace(VIEW, source=dataclasses.replace(VIEW.source, **fields))


TRUE_TAIL = judge.tail


def tail_moved(by: Callable[[Window], int]) -> Any:
    def tail(window: Window, t: int) -> int | None:
        start = TRUE_TAIL(window, t)
        return None if start is None else start + by(window)

    return tail


def counted_at_the_instant(rows: Sequence[Row], t: int) -> list[Row]:
    """Events at exactly ``t`` a microsecond earlier."""
    found = []
    for row in rows:
        early = {name: t - 1 for name in ("sold_at", "known_at") if row[name] == t}
        found.append({**row, **early} if row["sold_at"] <= t else row)
    return found


def tied_by_arrival(rows: Sequence[Row], key: Key, t: int) -> Answers:
    """Features that go by order see only the last to arrive of those at one instant; no others are tied."""
    answers = right(rows, key, t)
    for name, value in {"amount_last": "amount", "item_last_24h": "item"}.items():
        last: dict[int, Row] = {}
        copies = set()
        for row in sorted(of_key(rows, key), key=lambda row: row["known_at"]):
            if row[value] is not None and row["item"] != "test" and row["known_at"] < t and row["sale"] not in copies:
                copies.add(row["sale"])
                last[row["sold_at"]] = row
        answers[name] = right(list(last.values()), key, t)[name]
    return answers


def population(reduction: Any, seen: Any, tolerance: float) -> Span:
    values = [Fraction(value) for _, value in seen]
    if not values:
        return Span(None)
    mean = sum(values) / len(values)
    return Span(float(sum((value - mean) ** 2 for value in values) / len(values)))


def narrow(name: str, value: Any) -> Any:
    return float(np.float32(value)) if isinstance(value, float) else value


def local(row: Row) -> Row:
    """New York's clock taken for UTC."""

    def wall(at: int) -> int:
        return instant(moment(at).astimezone(ZoneInfo("America/New_York")).replace(tzinfo=None))

    return {**row, "sold_at": wall(row["sold_at"]), "known_at": wall(row["known_at"])}


def later(by: int, *columns: str) -> Skew:
    return rows_changed(lambda row: {**row, **{column: row[column] + by for column in columns}})


def forgotten(pause: int) -> Skew:
    """State that expires after a pause in an entity's arrivals."""

    def change(rows: Sequence[Row], t: int) -> Sequence[Row]:
        kept: list[Row] = []
        known = [row for row in rows if row["known_at"] < t and row["item"] != "test"]
        for row in sorted(known, key=lambda row: row["known_at"]):
            if kept and row["known_at"] - kept[-1]["known_at"] > pause:
                kept = []
            kept.append(row)
        return [] if kept and t - kept[-1]["known_at"] > pause else kept

    return at_each(change)


def of_one(key: Key, change: Callable[[Sequence[Row], int], Sequence[Row]]) -> Skew:
    """Only one entity is skewed."""

    def skew(rows: Sequence[Row], asked: Key, t: int) -> Answers:
        mine = of_key(rows, asked)
        return right(change(mine, t) if asked == key else mine, asked, t)

    return skew


def in_tiles_only(key: Key, change: Callable[[Sequence[Row], int], Sequence[Row]]) -> Skew:
    """Only what tiles serve is skewed, and only of one entity."""
    raw = {"weight_max_6h", "amount_last_3_24h", "amount_count_distinct_6h"}

    def skew(rows: Sequence[Row], asked: Key, t: int) -> Answers:
        answers, skewed = right(rows, asked, t), of_one(key, change)(rows, asked, t)
        return {name: value if name in raw else skewed[name] for name, value in answers.items()}

    return skew


def without(sales: Sequence[int]) -> Callable[[Sequence[Row], int], Sequence[Row]]:
    return lambda rows, t: [row for row in rows if row["sale"] not in sales]


def twice(sale: int) -> Callable[[Sequence[Row], int], Sequence[Row]]:
    return lambda rows, t: [*rows, *({**row, "sale": -1} for row in rows if row["sale"] == sale)]


def merged(key_of: Callable[[Row], Any]) -> Skew:
    """Entities with one spelling are one."""

    def skew(rows: Sequence[Row], key: Key, t: int) -> Answers:
        mine = key_of({"town": key[0], "shop": key[1]})
        both = [{**row, "town": key[0], "shop": key[1]} for row in rows if key_of(row) == mine]
        return right(both, key, t)

    return skew


def where_lost() -> View:
    return dataclasses.replace(
        VIEW, reductions=tuple(dataclasses.replace(each, where=None) for each in VIEW.reductions)
    )


@dataclass(frozen=True)
class Case:
    """What a skewed side was asked, and what was said of it."""

    mismatches: tuple[Answered, ...]
    diagnoses: tuple[Diagnosis, ...]


def examine(skew: Skew, seed: int, *, wrong: str = "online", versions: Sequence[View] = (), keep: int = 60) -> Case:
    """Ask the right side and the skewed one, and diagnose where they differ."""
    rows = history(seed)
    features = {feature.name: feature for feature in VIEW.features}
    mismatches: list[Answered] = []
    agreements: list[Answered] = []
    for key, t in questions(rows, seed):
        good, bad = right(rows, key, t), skew(rows, key, t)
        for name, feature in features.items():
            offline, online = (bad[name], good[name]) if wrong == "offline" else (good[name], bad[name])
            answered = Answered(name, key, t, offline, online)
            magnitude = np.array([abs(good[name] or 0.0)]) if isinstance(feature.type, Float64) else None
            differs = differing(feature, [offline], [online], magnitude)[0]
            (mismatches if differs else agreements).append(answered)
    few = tuple(each for name in features for each in [m for m in mismatches if m.feature == name][:keep])
    asked = {(each.key, each.at) for each in few}
    agreements.sort(key=lambda each: (each.key, each.at) not in asked)
    same = [each for name in features for each in [m for m in agreements if m.feature == name][:30]]
    evidence = Evidence(VIEW, lambda key: of_key(rows, key), few, same, versions)
    return Case(few, tuple(diagnose(evidence, 1.0, lambda: 0.0)))


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
    return wrong_rules() | wrong_clocks_and_events(seed)


def wrong_rules() -> dict[str, tuple[Skew, Cause]]:
    """Skews of what an implementation does."""
    is_mean = {"weight_mean_6h", "amount_mean_24h"}
    whole = value_changed(lambda name, value: float(int(value)) if name in is_mean and value is not None else value)
    cents = value_changed(lambda name, value: round(value, 2) if isinstance(value, float) else value)
    nulls = value_changed(
        lambda name, value: 0 if value is None and isinstance(TYPES[name], Int64 | Float64) else value
    )
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
    }


def wrong_clocks_and_events(seed: int) -> dict[str, tuple[Skew, Cause]]:
    """Skews of clocks, and of what happened to single events and states."""
    one = sold(seed, ("ab", "c"), 9, 12)
    milli = value_changed(lambda name, value: value * 1e3 if name == "recency" and value is not None else value)
    stopped = at_each(lambda rows, t: [row for row in rows if row["known_at"] < BEGIN + 15 * DAY])
    return {
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


TYPES = {feature.name: feature.type for feature in VIEW.features}
