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
    events = (
        pl.scan_parquet(history)
        .with_columns(pl.col("ts", "known_at").to_physical())
        .sort("event_id", "known_at", "ts")
        .with_columns(gap=pl.col("known_at").diff().over("event_id"))
        .filter(pl.col("gap").is_null() | (pl.col("gap") > HOUR))
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
    running = (
        events.sort(at)
        .select(
            "user",
            pl.col(at).alias("t"),
            pl.col("amount").cum_count().over("user").cast(pl.Int64).alias(f"{name}_count"),
            pl.col("amount").cum_sum().over("user").alias(f"{name}_sum"),
        )
        .sort("t")
    )
    joined = asked.join_asof(running, on="t", by="user", strategy="backward", check_sortedness=False)
    return joined.with_columns(pl.col(f"{name}_count", f"{name}_sum").fill_null(0))
