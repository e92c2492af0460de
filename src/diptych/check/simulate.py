"""Simulation: a repository's history through real ingestion and online reads, every answer compared with offline.

The history up to a cut is backfilled, the rest is streamed in the order in which it became known, late and repeated
deliveries included, and at every request's own instant the store is asked. Offline the same deliveries are history,
and compiled SQL answers the same requests; the judge answers a seeded sample of them once more.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.check import offline
from diptych.check.compare import Difference
from diptych.check.coverage import Shares, shares
from diptych.check.deliveries import Deliveries, instants_of
from diptych.check.findings import OutputFindings
from diptych.check.judged import judge_sample
from diptych.check.panel import Panel as Measures
from diptych.check.panel import measure_panel
from diptych.check.past import Past
from diptych.check.questions import INSTANT
from diptych.check.reasons import SECONDS, with_causes
from diptych.check.sampling import sampling
from diptych.check.verdict import Injected, PanelVerdict, Verdict, judged_differences
from diptych.ground.instants import MINUTE
from diptych.ground.ledger import Progress, Watcher, unwatched
from diptych.operate.backfill import Backfilled
from diptych.operate.rollout.rollout import LEAD, Rollout
from diptych.plan.nodes import Registry, Service
from diptych.run.engine import OfflineEngine
from diptych.run.history import TableHistory
from diptych.serve.addresses import Addresses
from diptych.serve.answer import OnlineFeatures
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
    """One run: a *recorded* registry (see ``deliveries.recorded``), its deliveries, and an empty corner of a store.

    ``engine`` is what online is compared with, and must be compiled SQL: the kernel never judges itself. ``hardness``
    only counts how many answers simpler rules would change, and may be any engine (None: the same). Asking why values
    differ takes no more than ``seconds``.
    """

    registry: Registry
    deliveries: Mapping[str, Deliveries]
    schedule: Schedule
    addresses: Addresses
    store: KeyValueStore
    engine: OfflineEngine
    hardness: OfflineEngine | None = None
    judged: int = 50
    seed: int = 0
    seconds: float = SECONDS

    @property
    def rollout(self) -> Rollout:
        """What publishes and backfills, on a clock that stands at the cut."""
        history = TableHistory({name: delivered.table for name, delivered in self.deliveries.items()})
        manifests = Manifests(self.store, self.addresses)
        return Rollout(manifests, history, clock=lambda: self.schedule.cut - LEAD, pause=lambda _: None)

    def run(self, panels: Sequence[Panel], watch: Watcher = unwatched) -> Verdict:
        """Backfill, stream and ask; then compare every answer with offline and a sample of them with the judge."""
        begun, now = time.perf_counter(), time.time_ns() // 1_000
        rollout = self.rollout
        applied = rollout.apply(rollout.propose(self.registry), cut=self.schedule.cut, watch=watch)
        backfilled = sum((filled for _, filled in applied.filled), Backfilled())
        asked = [_Asked.of(service, requests, self.schedule) for service, requests in panels]
        ingested = self._stream(asked, watch)
        histories = {name: delivered.table for name, delivered in self.deliveries.items()}
        compared, shares = [], Shares()
        for number, panel in enumerate(asked):
            watch(Progress("compare", "services", number, len(asked)))
            verdict, hard = self._compare(panel, histories)
            compared.append(verdict)
            shares += hard
        watch(Progress("compare", "services", len(asked), len(asked)))
        findings = self._diagnose([each.measured for each in compared], Past(histories), watch)
        verdicts = [each.verdict(outputs) for each, outputs in zip(compared, findings, strict=True)]
        injected = Injected(
            late=sum(delivered.late for delivered in self.deliveries.values()),
            repeated=sum(delivered.repeated for delivered in self.deliveries.values()),
            repeated_beyond=sum(delivered.repeated_beyond for delivered in self.deliveries.values()),
        )
        return Verdict(tuple(verdicts), backfilled, ingested, injected, shares, time.perf_counter() - begun, now)

    def _stream(self, asked: "Sequence[_Asked]", watch: Watcher) -> Ingested:
        """The rest in order of arrival; each request is put when all that was known before its instant is in."""
        edges = self.schedule.edges
        lag = max(end - start for start, end in pairwise(edges)) + MINUTE
        folder = Folder(self.store, self.addresses, fold_lag=lag)
        ingestor = Ingestor(self.registry, self.addresses, self.store, replay=True, folder=folder)
        reader = OnlineReader(self.registry, self.addresses, self.store)
        streams = {
            name: TableStream("simulated", delivered.between(self.schedule.cut, self.schedule.end), _arrival(delivered))
            for name, delivered in self.deliveries.items()
            if delivered.source.timestamp is not None
        }
        total = Ingested()
        for number, end in enumerate(edges[1:]):
            for name, stream in streams.items():
                total += Consumer(ingestor, name, stream.before(end)).run()
            answered = sum(panel.answer_until(end, reader) for panel in asked)
            watch(Progress("stream and ask", "slices", number + 1, len(edges) - 1, rows=answered))
        return total

    def _compare(self, panel: "_Asked", histories: Mapping[str, pa.Table]) -> tuple["_Compared", Shares]:
        columns = offline.answers(self.registry, panel.service, panel.requests, panel.instants, histories, self.engine)
        derived = offline.derived(self.registry, panel.service, panel.requests, histories, self.engine)
        online = panel.table()
        sample = judge_sample(
            self.registry, panel.service, panel.requests, panel.instants, histories, online, self.judged, self.seed
        )
        hard = shares(
            self.registry,
            panel.service,
            panel.requests,
            panel.instants,
            self.deliveries,
            columns,
            self.hardness or self.engine,
        )
        measured = measure_panel(self.registry, panel.service, panel.requests, panel.instants, online, columns, derived)
        differences = judged_differences(columns, sample, panel.instants)
        return _Compared(panel, measured, len(sample), differences), hard

    def _diagnose(self, measured: Sequence[Measures], past: Past, watch: Watcher) -> list[tuple[OutputFindings, ...]]:
        """The findings of each panel, causes named; what several panels ask of one view is diagnosed together."""
        watch(Progress("ask why", "services", 0, len(measured)))
        found = list(
            with_causes(
                [output for panel in measured for output in panel.outputs],
                {view.name: view for view in self.registry.views},
                past.of,
                derived=[column for panel in measured for column in panel.derived],
                seconds=self.seconds,
                clock=time.monotonic,
            )
        )
        watch(Progress("ask why", "services", len(measured), len(measured)))
        places = [len(panel.outputs) for panel in measured] + [len(panel.derived) for panel in measured]
        ends = np.cumsum([0, *places]).tolist()
        parts = [found[start:end] for start, end in pairwise(ends)]
        return [(*parts[i], *parts[len(measured) + i]) for i in range(len(measured))]


@dataclass(frozen=True, slots=True)
class _Compared:
    """One panel, compared but not yet explained."""

    asked: "_Asked"
    measured: Measures
    judged: int
    differences: tuple[Difference, ...]

    def verdict(self, outputs: tuple[OutputFindings, ...]) -> PanelVerdict:
        """The panel's verdict, given its findings."""
        service, requests = self.asked.service, len(self.asked.instants)
        keys = list(dict.fromkeys(column for role in service.roles for column in role.on))
        entities = self.asked.requests.select(keys).group_by(keys).aggregate([]).num_rows if keys else 1
        drawn = sampling(requests, None, entities=entities, name=service.name)
        return PanelVerdict(service.name, requests, outputs, self.judged, self.differences, drawn)


@dataclass(slots=True)
class _Asked:
    """One panel while it is being asked: its requests in order of time, and the answers so far."""

    service: Service
    requests: pa.Table
    instants: npt.NDArray[np.int64]
    answers: list[pa.Table] = field(default_factory=list)
    done: int = 0

    @classmethod
    def of(cls, service: Service, requests: pa.Table, schedule: Schedule) -> "_Asked":
        """The panel's requests with ``cut <= t < end``, sorted by instant."""
        instants = instants_of(requests, INSTANT)
        inside = np.flatnonzero((instants >= schedule.cut) & (instants < schedule.end))
        order = inside[np.argsort(instants[inside], kind="stable")]
        return cls(service, requests.take(pa.array(order)), instants[order])

    def answer_until(self, end: int, reader: OnlineReader) -> int:
        """Put the requests before ``end`` that were not put yet, all of one instant at once; returns how many."""
        last = int(np.searchsorted(self.instants, end))
        begun = self.done
        columns = [name for name in self.requests.column_names if name in _needed(self.service)]
        while self.done < last:
            stop = int(np.searchsorted(self.instants, self.instants[self.done], side="right"))
            rows = self.requests.select(columns).slice(self.done, stop - self.done)
            entity_rows = rows.to_pylist() if columns else [{}] * (stop - self.done)
            answer = reader.get_online_features(self.service, entity_rows, at=int(self.instants[self.done]))
            self.answers.append(_outputs(answer))
            self.done = stop
        return self.done - begun

    def table(self) -> pa.Table:
        """All answers, row for row as the requests; column ``{output}__status`` beside each output."""
        return pa.concat_tables(self.answers) if self.answers else pa.table({})


def _outputs(answer: OnlineFeatures) -> pa.Table:
    table = answer.to_arrow()
    names = [*(output.name for output in answer.service.outputs), *(d.name for d in answer.service.derived)]
    statuses = answer.statuses()
    return pa.table(
        {name: table[name] for name in names}
        | {f"{name}__status": pa.array([str(status) for status in statuses[name]]) for name in names}
    )


def _needed(service: Service) -> set[str]:
    """The columns that a request of a service must have, and no other."""
    keys = {column for role in service.roles for column in role.on}
    return keys | {request.name for request in service.request}


def _arrival(delivered: Deliveries) -> str:
    assert delivered.source.known_at is not None
    return delivered.source.known_at
