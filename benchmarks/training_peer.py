"""The peer of `training.py`: the same twelve features by hand in Polars, with prefix sums and as-of joins on all cores.

It does the same work: repeats within an hour dropped, known-at obeyed exactly, hops of the default lengths. An event is
visible from ``max(ts, known_at) + 1`` until ``floor(ts, hop) + hop + window``, so a window's value is the prefix of what
became visible minus the prefix of what left.
"""

import polars as pl

from benchmarks.training_data import DAY, HOUR

WINDOWS = {"1h": (HOUR, 300_000_000), "24h": (DAY, HOUR), "7d": (7 * DAY, HOUR), "30d": (30 * DAY, DAY)}


def by_hand(history: str, spine: str) -> pl.DataFrame:
    """The spine with ``count_{w}``, ``amount_sum_{w}`` and ``amount_mean_{w}`` for the four windows."""
    known = pl.col("known_at")
    same = pl.col("user", "event_id").eq_missing(pl.col("user", "event_id").shift(1))
    events = (
        pl.scan_parquet(history)
        .with_columns(pl.col("ts", "known_at").to_physical())
        .sort("user", "event_id", "known_at", "ts")
        .filter(~(pl.all_horizontal(same) & (known - known.shift(1) <= HOUR)))
        .with_columns(start=pl.max_horizontal("ts", "known_at") + 1)
        .select("user", "ts", "start", "amount")
        .collect()
    )
    asked = pl.read_parquet(spine).with_row_index("row")
    asked = asked.with_columns(t=pl.col("event_timestamp").to_physical()).sort("t")
    answer = _prefixes(asked, events, "start", "in")
    for name, (length, hop) in WINDOWS.items():
        leaving = events.with_columns(
            end=pl.max_horizontal(pl.col("ts").floordiv(hop) * hop + hop + length, pl.col("start"))
        )
        answer = _prefixes(answer, leaving, "end", "out")
        count, total = pl.col("in_count") - pl.col("out_count"), pl.col("in_sum") - pl.col("out_sum")
        answer = answer.with_columns(
            count.alias(f"count_{name}"),
            total.alias(f"amount_sum_{name}"),
            pl.when(count > 0).then(total.cast(pl.Float64) / count.cast(pl.Float64)).alias(f"amount_mean_{name}"),
        ).drop("out_count", "out_sum")
    return answer.sort("row").drop("row", "t", "in_count", "in_sum")


def _prefixes(asked: pl.DataFrame, events: pl.DataFrame, at: str, name: str) -> pl.DataFrame:
    """Count and sum of what has reached its instant ``at`` by the time ``t``, per user."""
    ordered = events.sort("user", at)
    first = ordered["user"].ne_missing(ordered["user"].shift(1))
    running = ordered.select(
        "user",
        pl.col(at).alias("t"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(f"{name}_count"),
        pl.col("amount").cum_sum().alias(f"{name}_sum"),
    )
    before = running.filter(first).select(
        "user",
        (pl.col(f"{name}_count") - 1).alias("count_before"),
        (pl.col(f"{name}_sum") - ordered.filter(first)["amount"]).alias("sum_before"),
    )
    joined = asked.join_asof(running, on="t", by="user", strategy="backward", check_sortedness=False)
    joined = joined.join(before, on="user", how="left", maintain_order="left")
    return joined.with_columns(
        (pl.col(f"{name}_count") - pl.col("count_before")).fill_null(0),
        (pl.col(f"{name}_sum") - pl.col("sum_before")).fill_null(0),
    ).drop("count_before", "sum_before")
