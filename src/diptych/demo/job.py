"""The demo's main job: the flights of 2013 through a whole feature store, from definitions to a verdict."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from diptych.check.deliveries import Deliveries, Injection, deliver, recorded
from diptych.check.questions import INSTANT
from diptych.check.simulate import Schedule, Simulation
from diptych.check.verdict import Verdict
from diptych.demo.history import FlightHistory, write_flight_history
from diptych.demo.measure import Latencies, StateSize, latencies, state_sizes
from diptych.demo.requests import flight_requests
from diptych.ground.instants import DAY, instant
from diptych.ground.ledger import Progress, Watcher
from diptych.operate.rollout.rollout import Proposal
from diptych.plan.loading import Loaded, load_registry
from diptych.plan.nodes import Registry, Service
from diptych.run.engine import OfflineEngine
from diptych.run.location import Frame, Location
from diptych.run.training import training_set
from diptych.serve.addresses import Addresses
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.opening import open_store

SERVICE = "late_arrival"
CUT = instant(datetime(2013, 10, 1))
END = instant(datetime(2014, 1, 2))
SEED = 2013


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything before the first event moves: definitions, deliveries and requests."""

    loaded: Loaded
    registry: Registry
    deliveries: Mapping[str, Deliveries]
    service: Service
    requests: pa.Table


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo found: the plan it applied, the verdict, and its figures."""

    proposal: Proposal
    verdict: Verdict
    one: Latencies
    hundred: Latencies
    training_rows: int
    training_seconds: float
    sizes: tuple[StateSize, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing differs, and every kind of hard case occurred."""
        shares = self.verdict.shares
        return self.verdict.equal and all((shares.present, shares.boundary, shares.known_at, shares.duplicates))


def prepare(repository: Path, data: Path, requests: int, watch: Watcher) -> Prepared:
    """Load the repository's definitions, write the flights into ``data`` and make deliveries and requests of them.

    Raises RegistryError with every mistake of the definitions, FlightsNotInstalled without the extra ``demo``.
    """
    loaded = load_registry(repository)
    watch(Progress("read the flights", "steps", 0, 2))
    history = write_flight_history(data)
    watch(Progress("read the flights", "steps", 1, 2))
    registry = recorded(loaded.registry)
    injection = Injection(seed=SEED)
    paths = _paths(history)
    deliveries = {s.name: deliver(s, pq.read_table(paths[s.name]), injection) for s in registry.sources}
    service = next(service for service in registry.services if service.name == SERVICE)
    asked = flight_requests(history.schedule, CUT, END, requests, SEED)
    watch(Progress("read the flights", "steps", 2, 2))
    return Prepared(loaded, registry, deliveries, service, asked)


def run(prepared: Prepared, judge: OfflineEngine, trainer: OfflineEngine, watch: Watcher) -> Outcome:
    """Apply, backfill, stream, ask, train and compare, on a Valkey server of the demo's own; then measure.

    ``judge`` is the compiled SQL that online is compared with; ``trainer`` the default engine, which is timed.
    """
    addresses = Addresses(prepared.registry.project, "demo")
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        store = open_store(folder=Path(folder))
        try:
            simulation = Simulation(
                prepared.registry,
                prepared.deliveries,
                Schedule(CUT, END, slices=92),
                addresses,
                store,
                judge,
                hardness=trainer,
                judged=12,
                seed=SEED,
            )
            proposal = simulation.rollout.propose(prepared.registry)
            verdict = simulation.run([(prepared.service, prepared.requests)], watch)
            reader = OnlineReader(prepared.registry, addresses, store)
            rows = prepared.requests.drop_columns([INSTANT]).to_pylist()
            watch(Progress("measure", "steps", 0, 3))
            one = latencies(reader, prepared.service, rows, END + DAY, 1, 400)
            hundred = latencies(reader, prepared.service, rows, END + DAY, 100, 60)
            watch(Progress("measure", "steps", 1, 3))
            sizes = state_sizes(prepared.registry, addresses, store)
            seconds = _train(prepared, trainer)
            watch(Progress("measure", "steps", 3, 3))
        finally:
            store.close()
    return Outcome(proposal, verdict, one, hundred, len(prepared.requests), seconds, sizes)


def _train(prepared: Prepared, engine: OfflineEngine) -> float:
    """Seconds to build the training set of all requests."""
    histories: dict[str, Location] = {name: Frame(each.table) for name, each in prepared.deliveries.items()}
    begun = time.perf_counter()
    training_set(prepared.registry, prepared.service, histories, prepared.requests, engine).to_arrow()
    return time.perf_counter() - begun


def _paths(history: FlightHistory) -> dict[str, Path]:
    """Where the history of each source of the demo's repository is."""
    return {
        "departures": history.departures,
        "landings": history.landings,
        "aircraft": history.planes,
        "weather": history.weather,
    }
