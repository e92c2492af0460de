"""The peer of `online.py`: Feast's own SDK, serving 50 *precomputed* features of 3 views out of the same server.

Run by `online.py` as a subprocess in an environment of its own (see `feast-constraints.txt`). It builds its store, says
so in a line of JSON, and then measures on demand, so that its rounds lie between those of the other contenders: each
line ``ROWS CALLS`` on its standard input is answered by a JSON list of the milliseconds of each call. Feast does less
work here than Diptych: its values are as of the last materialisation.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64
from feast.value_type import ValueType

VIEWS = (17, 17, 16)
SEED = 7


def build(folder: Path, server: str, entities: int) -> FeatureStore:
    """A Feast repository with three views, its features written to the online store."""
    config = RepoConfig(
        project="feast_peer",
        provider="local",
        registry=str(folder / "registry.db"),
        online_store={"type": "redis", "connection_string": server},
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    user = Entity(name="user", join_keys=["user"], value_type=ValueType.INT64)
    rng = np.random.default_rng(SEED)
    now = datetime.now(tz=UTC)
    views, frames = [], []
    for number, width in enumerate(VIEWS):
        names = [f"f{number}_{i}" for i in range(width)]
        frame = pd.DataFrame(rng.normal(size=(entities, width)), columns=names)
        frame.insert(0, "user", np.arange(entities, dtype=np.int64))
        frame["event_timestamp"] = now
        path = folder / f"view{number}.parquet"
        frame.head(10).to_parquet(path)
        views.append(
            FeatureView(
                name=f"view{number}",
                entities=[user],
                ttl=timedelta(days=365),
                schema=[Field(name=name, dtype=Float64) for name in names],
                source=FileSource(path=str(path), timestamp_field="event_timestamp"),
            )
        )
        frames.append(frame)
    store.apply([user, *views])
    for view, frame in zip(views, frames, strict=True):
        for start in range(0, entities, 10_000):
            store.write_to_online_store(view.name, frame.iloc[start : start + 10_000])
    return store


def latencies(store: FeatureStore, picker: random.Random, entities: int, rows: int, calls: int) -> list[float]:
    """Milliseconds of each call for ``rows`` random entities, `.to_dict()` included."""
    features = [f"view{number}:f{number}_{i}" for number, width in enumerate(VIEWS) for i in range(width)]
    taken = []
    for _ in range(calls):
        asked = [{"user": picker.randrange(entities)} for _ in range(rows)]
        begin = time.perf_counter()
        answer = store.get_online_features(features=features, entity_rows=asked).to_dict()
        taken.append((time.perf_counter() - begin) * 1e3)
        assert len(answer) == len(features) + 1
        assert all(value is not None for value in answer["f0_0"])
    return taken


def main() -> None:
    """Build, then measure what is asked for, line by line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("server", help="host:port")
    parser.add_argument("--entities", type=int, default=100_000)
    asked = parser.parse_args()
    picker = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        store = build(Path(folder), asked.server, asked.entities)
        latencies(store, picker, asked.entities, 100, 3)
        print(json.dumps({"build_seconds": time.perf_counter() - begin}), flush=True)
        for line in sys.stdin:
            rows, calls = map(int, line.split())
            print(json.dumps(latencies(store, picker, asked.entities, rows, calls)), flush=True)


if __name__ == "__main__":
    main()
