"""The peer of `training.py`: the same twelve features by hand in Polars, with prefix sums on all cores.

It does the same work: repeats within an hour dropped, known-at obeyed exactly, hops of the default lengths. An event is
visible from ``max(ts, known_at) + 1`` until ``floor(ts, hop) + hop + window``, so a window's value is the prefix of
what became visible minus the prefix of what left. User and instant are packed into one sorted integer, so that each
prefix takes one sort of a single key and one search: several times faster than as-of joins ``by`` the user.
"""

import polars as pl

from benchmarks.training_data import DAY, HOUR, START

WINDOWS = {"1h": (HOUR, 300_000_000), "24h": (DAY, HOUR), "7d": (7 * DAY, HOUR), "30d": (30 * DAY, DAY)}
SPAN = 1 << 44  # microseconds: 203 days from START cover every instant of the data


def by_hand(history: str, spine: str) -> pl.DataFrame:
    """The spine with ``count_{w}``, ``amount_sum_{w}`` and ``amount_mean_{w}`` for the four windows."""
    events = _events(history)
    asked = pl.read_parquet(spine).with_row_index("row")
    asked = asked.with_columns(_packed(pl.col("event_timestamp").to_physical())).sort("key")
    keys = asked["key"]
    in_count, in_sum = _prefixes(events, pl.col("start"), keys)
    answers = []
    for name, (length, hop) in WINDOWS.items():
        end = pl.max_horizontal(pl.col("ts").floordiv(hop) * hop + hop + length, pl.col("start"))
        out_count, out_sum = _prefixes(events, end, keys)
        count, total = (in_count - out_count), (in_sum - out_sum)
        answers += [count.alias(f"count_{name}"), total.alias(f"amount_sum_{name}")]
    answer = asked.with_columns(answers).sort("row").drop("row", "key")
    return answer.with_columns(
        pl.when(pl.col(f"count_{name}") > 0)
        .then(pl.col(f"amount_sum_{name}").cast(pl.Float64) / pl.col(f"count_{name}").cast(pl.Float64))
        .alias(f"amount_mean_{name}")
        for name in WINDOWS
    )


def _events(history: str) -> pl.DataFrame:
    """Events that stand, with the instant at which each becomes visible; only ids that occur twice are sorted."""
    raw = pl.read_parquet(history, columns=["user", "event_id", "ts", "known_at", "amount"]).with_columns(
        pl.col("ts", "known_at").to_physical(), identity=pl.col("user") * (1 << 32) + pl.col("event_id")
    )
    repeated = raw["identity"].is_duplicated()
    known, same = pl.col("known_at"), pl.col("identity") == pl.col("identity").shift(1)
    standing = (
        raw.filter(repeated)
        .sort("identity", "known_at", "ts", "amount")
        .filter((same & (known - known.shift(1) <= HOUR)).fill_null(False).not_())
    )
    events = pl.concat([raw.filter(~repeated), standing])
    return events.select("user", "ts", "amount", start=pl.max_horizontal("ts", "known_at") + 1)


def _prefixes(events: pl.DataFrame, at: pl.Expr, keys: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Count and sum of what comes up to each key, all users before included: differences of two are a user's own."""
    ordered = events.select(_packed(at), "amount").sort("key")
    places = ordered["key"].search_sorted(keys, side="right").cast(pl.Int64)
    running = pl.concat([pl.Series("amount", [0], pl.Int64), ordered["amount"].cum_sum()])
    return places, running.gather(places)


def _packed(at: pl.Expr) -> pl.Expr:
    return (pl.col("user") * SPAN + (at - START)).alias("key")
