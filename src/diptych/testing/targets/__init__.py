"""Targets: the engines and stores whose answers are compared with the judge's, all asked in one way."""

from collections.abc import Sequence

from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.engines.kernel import KernelEngine
from diptych.serve.stores.protocol import KeyValueStore
from diptych.testing.targets.offline import Offline
from diptych.testing.targets.online import Online, OnlineFolded
from diptych.testing.targets.target import Target

__all__ = ["Offline", "Online", "OnlineFolded", "Target", "duckdb", "kernel", "standard_targets"]


def duckdb(threads: int | None = 1) -> Target:
    """Compiled SQL on an embedded DuckDB."""
    return Offline("duckdb", DuckDBEngine(threads=threads))


def kernel(threads: int | None = 1) -> Target:
    """The kernel over event tables."""
    return Offline("kernel", KernelEngine(threads=threads))


def standard_targets(store: KeyValueStore | None = None) -> Sequence[Target]:
    """Both offline engines, and with a store its online side without and with folds."""
    online: list[Target] = [] if store is None else [Online(store), OnlineFolded(store)]
    return [duckdb(), kernel(), *online]
