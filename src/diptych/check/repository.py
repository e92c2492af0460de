"""Simulation of a whole repository: every view at boundary-biased instants, and a service where requests are given."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from diptych.check.deliveries import Deliveries, Injection, deliver, instants_of, recorded
from diptych.check.questions import INSTANT, made_up
from diptych.check.simulate import Panel, Schedule, Simulation
from diptych.check.verdict import Verdict
from diptych.ground.errors import DiptychError
from diptych.ground.ledger import Watcher, unwatched
from diptych.plan.nodes import Registry, Service
from diptych.run.engine import OfflineEngine
from diptych.serve.addresses import Addresses
from diptych.serve.stores.protocol import KeyValueStore


class NothingToSimulate(DiptychError):
    """A repository without history, or requests outside of it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a simulation of a repository may be told.

    ``cut`` (microseconds): the history before it is backfilled, the rest streamed; None: after two thirds of what was
    delivered. ``until``: leave out what was known from then on. ``questions`` are made up for each view; ``slices`` of
    the stream are taken in one after the other.
    """

    cut: int | None = None
    until: int | None = None
    questions: int = 300
    slices: int = 50
    judged: int = 20
    seed: int = 0
    injection: Injection | None = None


def simulate_repository(
    registry: Registry,
    tables: Mapping[str, pa.Table],
    addresses: Addresses,
    store: KeyValueStore,
    engine: OfflineEngine,
    hardness: OfflineEngine,
    options: Options,
    requests: tuple[Service, pa.Table] | None = None,
    watch: Watcher = unwatched,
) -> Verdict:
    """Simulate every view over the histories ``tables`` (by source), and a service over given requests.

    ``addresses`` must be a corner of the store that nothing else uses. ``engine`` must be compiled SQL; ``hardness``,
    which counts how many answers simpler rules would change, may be any. Raises NothingToSimulate.
    """
    simulated = recorded(registry)
    deliveries = deliveries_of(simulated, tables, options)
    known = [
        delivered.known_at
        for delivered in deliveries.values()
        if len(delivered.known_at) and delivered.source.timestamp is not None
    ]
    if not known:
        raise NothingToSimulate("no source with a timestamp has any history: there is nothing to stream")
    first, last = min(int(each[0]) for each in known), max(int(each[-1]) for each in known)
    schedule = Schedule(options.cut or first + (last - first) // 3 * 2, last + 1, options.slices)
    panels: list[Panel] = list(
        made_up(simulated, deliveries, schedule.cut, schedule.end, options.questions, options.seed)
    )
    if requests is not None:
        instants = instants_of(requests[1], INSTANT)
        if not ((instants >= schedule.cut) & (instants < schedule.end)).any():
            raise NothingToSimulate("no request lies between the cut and the end of the history: choose another --cut")
        panels.append(requests)
    simulation = Simulation(
        simulated, deliveries, schedule, addresses, store, engine, hardness, judged=options.judged, seed=options.seed
    )
    return simulation.run(panels, watch)


def deliveries_of(simulated: Registry, tables: Mapping[str, pa.Table], options: Options) -> dict[str, Deliveries]:
    """What a simulation of a *recorded* registry delivers, by source: the same for the same options."""
    injection = options.injection or Injection(seed=options.seed)
    deliveries = {source.name: deliver(source, tables[source.name], injection) for source in simulated.sources}
    if options.until is None:
        return deliveries
    return {name: delivered.until(options.until) for name, delivered in deliveries.items()}
