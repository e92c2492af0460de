"""The demo's figures: latency of online reads beside the bare server's, rows of training a second, bytes of state."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych.plan.nodes import Registry, Service
from diptych.serve.addresses import Addresses
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.protocol import KeyValueStore


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of a call: median and 99th percentile."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Latencies:
    """An online read of ``rows`` rows, `.to_dict()` included, and one bare MGET of the same ``keys`` keys."""

    rows: int
    keys: int
    read: Latency
    floor: Latency

    @property
    def ratio(self) -> float:
        """How many bare reads one read costs, by medians."""
        return self.read.p50 / self.floor.p50


@dataclass(frozen=True, slots=True)
class StateSize:
    """The stored states of one view: how many entities, and bytes in all."""

    view: str
    entities: int
    bytes: int


def latencies(
    reader: OnlineReader, service: Service, rows: Sequence[Mapping[str, Any]], at: int, size: int, calls: int
) -> Latencies:
    """Measure ``calls`` reads of ``size`` rows each, and in turn the bare fetch of the same keys."""
    reads, floors = [], []
    keys: list[bytes] = []
    for call in range(calls + 20):
        asked = [rows[(call * size + i) % len(rows)] for i in range(size)]
        keys = reader.keys_of(service, asked)
        read = _milliseconds(lambda: reader.get_online_features(service, asked, at + call).to_dict())  # noqa: B023
        floor = _milliseconds(lambda: reader.store.get_many(keys))  # noqa: B023
        if call >= 20:  # the first calls warm caches up
            reads.append(read)
            floors.append(floor)
    return Latencies(size, len(keys), _latency(reads), _latency(floors))


def state_sizes(registry: Registry, addresses: Addresses, store: KeyValueStore) -> tuple[StateSize, ...]:
    """Entities and bytes of every view."""
    sizes = []
    for view in registry.views:
        keys = list(store.scan(addresses.states(view)))
        sizes.append(StateSize(view.name, len(keys), sum(store.lengths(keys))))
    return tuple(sizes)


def _milliseconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1e3


def _latency(taken: Sequence[float]) -> Latency:
    return Latency(float(np.percentile(taken, 50)), float(np.percentile(taken, 99)))
