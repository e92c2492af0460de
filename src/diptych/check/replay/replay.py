"""The replay of a request log: every logged answer against what compiled SQL gives for its instant, as known then.

The log is read part by part, so memory is that of one part however long the log is. Every part is recomputed with the
definitions that answered, which lie beside the log, or with the current ones, where that is asked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from diptych.check.findings import Findings, OutputFindings, Sampling
from diptych.check.questions import INSTANT
from diptych.check.replay.comparing import Comparison, MeasuredPart, explained
from diptych.check.replay.definitions import definitions
from diptych.check.replay.drawing import Drawing
from diptych.check.replay.expected import expected
from diptych.check.replay.merging import merged
from diptych.check.replay.recovery import Recovery
from diptych.check.replay.rows import Rows
from diptych.check.sampling import sampling
from diptych.ground.errors import DiptychError
from diptych.ground.ledger import Progress, Watcher, unwatched
from diptych.plan.nodes import Registry, Service, View
from diptych.run.engine import OfflineEngine
from diptych.run.location import Location
from diptych.serve.requestlog.hashing import KeyedHash
from diptych.serve.requestlog.reading import Batch, LoggedService, logged_services
from diptych.serve.requestlog.sampling import Share
from diptych.serve.requestlog.schema import AT, REQUEST_ID

PART_ROWS = 100_000
"""Rows of a log that are recomputed at a time."""


class NothingToReplay(DiptychError):
    """A log without a request in the range that was asked for."""


@dataclass(frozen=True, slots=True)
class Options:
    """Which part of a log to replay, and by which definitions.

    ``since`` and ``until`` (microseconds): ``since <= t < until``. ``share`` of the requests, or of the entities (``by``),
    is drawn with ``seed``; a budget of ``values`` a service lowers the share. ``current``: by today's definitions
    instead of those that answered. ``seconds`` may be spent on finding causes.
    """

    since: int | None = None
    until: int | None = None
    share: float = 1.0
    by: str = "request"
    seed: int = 0
    values: int | None = None
    current: bool = False
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Replay:
    """One replay: a log's folder, where the histories are, today's definitions, and the engine to compare with.

    ``engine`` must be compiled SQL. ``hashing`` finds hashed keys again. ``clock`` are seconds that only grow.
    """

    log: Path
    registry: Registry
    histories: Mapping[str, Location]
    engine: OfflineEngine
    clock: Callable[[], float]
    hashing: KeyedHash | None = None
    options: Options = Options()

    def run(self, begun_at: int, watch: Watcher = unwatched) -> Findings:
        """Replay everything; ``begun_at`` is now, in microseconds. Raises BadLog, BadHistory, NothingToReplay."""
        begun = self.clock()
        services = logged_services(self.log)
        total = sum(service.rows() for service in services)
        outputs: list[OutputFindings] = []
        samples: list[Sampling] = []
        facts: list[dict[str, Any]] = []
        rows, done = Rows(self.histories), 0
        for service in services:
            replayed = _Service.of(self, service, rows)
            for read in replayed.parts():
                done += read
                watch(Progress("replay", "rows", min(done, total), total))
            outputs += replayed.findings()
            samples += [replayed.sampling()] if replayed.drawing.rows else []
            facts.append(replayed.facts())
        if not any(each["rows"] for each in facts):
            raise NothingToReplay(
                f"no request in {self.log} lies in the range that was asked for: it has {total:,} rows of "
                f"{', '.join(sorted({each['service'] for each in facts}))}"
            )
        return Findings(
            kind="replay",
            name=str(self.log),
            begun_at=begun_at,
            seconds=self.clock() - begun,
            outputs=tuple(outputs),
            sampling=tuple(samples),
            facts={
                "requests": sum(each["requests"] for each in facts),
                "definitions": "current" if self.options.current else "as answered",
                "services": facts,
                **{name: at for name in ("since", "until") if (at := getattr(self.options, name)) is not None},
            },
        )


@dataclass(slots=True)
class _Service:
    """The replay of one logged service as it was defined at one time."""

    replay: Replay
    logged: LoggedService
    rows: Rows
    registry: Registry
    service: Service
    lost: dict[str, str]
    versions: Mapping[str, Sequence[View]]
    drawing: Drawing
    recovery: Recovery
    requests: int = 0
    whole: bool = True
    by_entity: bool = False
    dropped: dict[str, int] = field(default_factory=dict)
    _parts: list[MeasuredPart] = field(default_factory=list)

    @classmethod
    def of(cls, replay: Replay, logged: LoggedService, rows: Rows) -> "_Service":
        """Prepare it: by which definitions, and which share of it."""
        described, options = logged.described, replay.options
        registry, service, lost = definitions(logged.described, replay.registry if options.current else None)
        share, values = options.share, logged.rows() * max(1, len(described.outputs))
        if options.values is not None and values:
            share = min(share, options.values / values)
        keys = list(dict.fromkeys(column for role in described.service.roles for column in role.on))
        drawing = Drawing(Share(share, options.seed), options.by, keys)
        recovery = Recovery(described, registry, replay.histories, replay.hashing)
        others = described.definition if options.current else replay.registry
        versions = _versions(registry, others)
        return cls(replay, logged, rows, registry, service, lost, versions, drawing, recovery)

    def parts(self) -> Iterator[int]:
        """Replay part by part; gives the rows of the log that were read for each."""
        waiting: list[Batch] = []
        before = 0
        for batch in self.logged.batches(self.replay.options.since, self.replay.options.until):
            self._notice(batch)
            drawn = self.drawing.of(batch)
            if waiting and not _alike(waiting[0], drawn):
                self._compare(waiting)
                waiting = []
            if drawn.table.num_rows:
                waiting.append(drawn)
            if sum(each.table.num_rows for each in waiting) >= PART_ROWS:
                self._compare(waiting)
                waiting = []
                yield self.drawing.rows - before
                before = self.drawing.rows
        if waiting:
            self._compare(waiting)
        yield self.drawing.rows - before

    def _notice(self, batch: Batch) -> None:
        """What a file says of how its requests were sampled, and what was lost."""
        words = batch.words
        dropped = sum(words.get("counted", {}).get("dropped", {}).values())
        self.dropped[words.get("writer", "")] = dropped
        self.whole &= words.get("share", 1.0) >= 1.0 and not dropped
        self.by_entity |= words.get("by") == "entity" and words.get("share", 1.0) < 1.0

    def _compare(self, batches: Sequence[Batch]) -> None:
        table = pa.concat_tables([batch.table for batch in batches])
        self.requests += len(table[REQUEST_ID].unique())
        recovered = self.recovery.of(self.service, Batch(batches[0].words, table))
        self.lost |= recovered.lost
        if not recovered.service.outputs and not recovered.service.derived:
            return
        keys = {column for role in recovered.service.roles for column in role.on}
        inputs = {each.name for each in recovered.service.request}
        asked = recovered.table.select([name for name in table.column_names if name in keys | inputs])
        asked = asked.append_column(INSTANT, recovered.table[AT])
        instants = recovered.table[AT].cast(pa.int64()).to_numpy()
        right = expected(self.registry, recovered.service, asked, self.replay.histories, self.replay.engine)
        comparison = Comparison(self.registry, recovered, np.asarray(instants), right)
        self._parts.append(comparison.measured())

    def findings(self) -> list[OutputFindings]:
        """What was found, output by output."""
        replay, views = self.replay, {view.name: view for view in self.registry.views}
        found = explained(self._parts, views, self.rows.of, self.versions, replay.options.seconds, replay.clock)
        return [merged(parts) for parts in found.values()]

    def sampling(self) -> Sampling:
        """What share this was, of what serving was asked."""
        by_entity = self.drawing.by == "entity" or self.by_entity
        return sampling(
            self.drawing.drawn,
            self.drawing.rows if self.whole else None,
            by="entity" if by_entity else "request",
            entities=self.drawing.entities,
            entities_of=self.drawing.entities_seen if self.whole else None,
            name=self.service.name,
        )

    def facts(self) -> dict[str, Any]:
        """What else a reader should know."""
        service = self.logged.described.service
        return {
            "service": service.name,
            "version": service.version,
            "fingerprint": service.fingerprint,
            "rows": self.drawing.rows,
            "compared": self.drawing.drawn,
            "requests": self.requests,
            "dropped": sum(self.dropped.values()),
            "changed_since": sorted(self.versions),
            "not_replayed": dict(self.lost),
        }


def _alike(one: Batch, other: Batch) -> bool:
    return one.hashed == other.hashed and one.words["key"] == other.words["key"]


def _versions(registry: Registry, others: Registry) -> dict[str, tuple[View, ...]]:
    """The other versions of views that mean something else than those that are compared with, by name."""
    compared = {view.name: view.meaning for view in registry.views}
    return {
        view.name: (view,) for view in others.views if view.name in compared and view.meaning != compared[view.name]
    }
