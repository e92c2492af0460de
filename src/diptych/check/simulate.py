"""Simulation: a repository's history through real ingestion and online reads, every answer compared with offline.

The history up to a cut is backfilled, the rest is streamed in the order in which it became known, late and repeated
deliveries included, and at every request's own instant the store is asked. Offline the same deliveries are history,
and compiled SQL answers the same requests; the judge answers a seeded sample of them once more.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.check import offline
from diptych.check.deliveries import Deliveries, instants_of
from diptych.check.questions import INSTANT
from diptych.check.verdict import PanelVerdict, Verdict, compare_panel
from diptych.ground.instants import MINUTE
from diptych.ground.ledger import Progress, Watcher, unwatched
from diptych.operate.backfill import Backfill, Backfilled, announce
from diptych.plan.nodes import Registry, Service, Source
from diptych.run.engine import OfflineEngine
from diptych.serve.addresses import Addresses
from diptych.serve.consume import Consumer
from diptych.serve.folding import Folder
from diptych.serve.ingest import Ingestor
from diptych.serve.ingested import Ingested
from diptych.serve.manifest import Manifests
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.protocol import KeyValueStore
from diptych.serve.stream import TableStream

Panel = tuple[Service, pa.Table]
"""A service, and the requests that are put to it: its key and input columns, and ``event_timestamp``."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the simulation switches from backfill to stream, when it ends, and in how many slices it streams."""

    cut: int
    end: int
    slices: int = 100

    @property
    def edges(self) -> list[int]:
        """The instants between slices, from the cut to the end."""
        return [int(edge) for edge in np.linspace(self.cut, self.end, self.slices + 1)]


@dataclass(frozen=True, slots=True)
class Simulation:
    """One run: a *recorded* registry (see ``deliveries.recorded``), its deliveries, and an empty corner of a store."""

    registry: Registry
    deliveries: Mapping[str, Deliveries]
    schedule: Schedule
    addresses: Addresses
    store: KeyValueStore
    engine: OfflineEngine
    judged: int = 50
    seed: int = 0

    def run(self, panels: Sequence[Panel], watch: Watcher = unwatched) -> Verdict:
        """Backfill, stream and ask; then compare every answer with offline and a sample of them with the judge."""
        begun = time.perf_counter()
        Manifests(self.store, self.addresses).publish(self.registry, replacing=None, now=self.schedule.cut)
        backfilled = self._backfill(watch)
        timeline = _Timeline(self.registry, self.addresses, self.store)
        ingested, online = self._stream(timeline, panels, watch)
        histories = {name: delivered.table for name, delivered in self.deliveries.items()}
        verdicts = []
        for number, ((service, requests), answers) in enumerate(zip(panels, online, strict=True)):
            watch(Progress("compare with offline", "services", number, len(panels)))
            verdicts.append(self._compare(service, requests, answers, histories))
        watch(Progress("compare with offline", "services", len(panels), len(panels)))
        return Verdict(tuple(verdicts), backfilled, ingested, self._injected(), time.perf_counter() - begun)
