"""The history and the spine of the training benchmark: skewed entities, late arrivals, repeated deliveries; seeded."""

from pathlib import Path

import numpy as np
import polars as pl

SEED = 11
ENTITIES = 100_000
DAYS = 60
DAY = 86_400_000_000
HOUR = 3_600_000_000
START = 1_700_000_000_000_000


def write_history(path: Path, events: int) -> None:
    """Writes about ``events`` rows (1 % of them repeats) with Zipf-like entities and exponential delays of arrival."""
    rng = np.random.default_rng(SEED)
    originals = int(events * 0.99)
    repeats = events - originals
    user = _skewed(rng, originals)
    ts = START + rng.integers(0, DAYS * DAY, originals)
    known = ts + rng.exponential(300_000_000, originals).astype(np.int64)
    amount = rng.integers(-50_000, 1_000_000, originals)
    again = rng.integers(0, originals, repeats)
    delay = rng.integers(1, 2 * HOUR, repeats)  # half within the deduplication window of an hour, half beyond it
    order = rng.permutation(events)
    frame = pl.DataFrame(
        {
            "user": np.concatenate([user, user[again]])[order],
            "event_id": np.concatenate([np.arange(originals), again])[order],
            "ts": np.concatenate([ts, ts[again]])[order],
            "known_at": np.concatenate([known, known[again] + delay])[order],
            "amount": np.concatenate([amount, amount[again]])[order],
        }
    )
    instants = pl.col("ts", "known_at").cast(pl.Datetime("us", "UTC"))
    frame.with_columns(instants).write_parquet(path)


def write_spine(path: Path, rows: int) -> None:
    """Writes a spine of ``rows`` requests over the second half of the history."""
    rng = np.random.default_rng(SEED + 1)
    frame = pl.DataFrame(
        {
            "user": _skewed(rng, rows),
            "event_timestamp": START + rng.integers(DAYS * DAY // 2, DAYS * DAY, rows),
        }
    )
    frame.with_columns(pl.col("event_timestamp").cast(pl.Datetime("us", "UTC"))).write_parquet(path)


def _skewed(rng: np.random.Generator, n: int) -> np.ndarray:
    """Entities by a power law: the hottest has several percent of all rows."""
    return np.minimum((ENTITIES ** rng.random(n)).astype(np.int64) - 1, ENTITIES - 1)
