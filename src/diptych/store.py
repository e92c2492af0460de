"""The door for programs: one project's feature store, offline and online."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from diptych.check.explain.fetching import Panels
from diptych.check.explain.logged import explain_logged, logged_row
from diptych.check.explain.services import Explained, explain_named
from diptych.check.findings import Findings
from diptych.check.replay.replay import Options as ReplayOptions
from diptych.check.replay.replay import Replay
from diptych.check.repository import Options, simulate_repository
from diptych.check.verdict import Verdict
from diptych.ground.instants import instant
from diptych.ground.ledger import Watcher, unwatched
from diptych.operate.backfill import Backfilled
from diptych.operate.rollout.rollout import Applied, Proposal, Pruned, RollbackProposal, Rollout
from diptych.plan.nodes import Registry
from diptych.plan.selection import Wanted, select
from diptych.run.frames import to_arrow
from diptych.run.tables import Tables
from diptych.run.training import DEFAULT_TIME, TrainingSet, training_set
from diptych.serve.answer import OnlineFeatures
from diptych.serve.batches import Batch, IngestError
from diptych.serve.clock import system_clock
from diptych.serve.consume import Consumer
from diptych.serve.forget import Forgotten, forget
from diptych.serve.ingest import Ingestor
from diptych.serve.ingested import Ingested
from diptych.serve.live import LiveVersions
from diptych.serve.quarantine import ParquetQuarantine
from diptych.serve.reader import OnlineReader
from diptych.serve.request import BadRequest, EntityRows
from diptych.serve.requestlog.log import RequestLog
from diptych.serve.stream import content_name, file_stream
from diptych.wiring import Wiring

Moment = int | datetime
"""An instant: microseconds since the epoch, or a datetime (a naive one is UTC)."""

REFRESH_SECONDS = 5.0
"""How often, at most, online reads look whether another manifest was published."""


class FeatureStore:
    """A project's definitions with what serves them.

    ``path`` is a folder with ``diptych.toml`` in it or above it, ``environment`` one of that file's (None: its default).
    Definitions are loaded at once; the store and the engines are opened when they are first needed. Use it as a context
    manager, or ``close`` it. Raises SettingsError, and RegistryError with every mistake in the definitions.
    """

    def __init__(self, path: str | Path = ".", environment: str | None = None) -> None:
        self._wiring = Wiring.of(path, environment)
        self._online: tuple[float, str, OnlineReader] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def registry(self) -> Registry:
        """The definitions as they are declared."""
        return self._wiring.loaded.registry

    def get_historical_features(
        self,
        entity_df: Any,
        features: Wanted,
        *,
        timestamp: str = DEFAULT_TIME,
        full_feature_names: bool = True,
        engine: str | None = None,
    ) -> TrainingSet:
        """The features as of each row of a spine, as serving would have answered at that row's instant.

        ``entity_df``: a pandas, pyarrow or polars frame, the path of Parquet files, or one SQL query over them; it
        has the key columns, the request inputs and a column ``timestamp`` of instants. ``features``: a service,
        ``"name"``, ``"name:version"``, ``"view:feature"`` or a list of these last. ``engine``: ``"kernel"`` or
        ``"duckdb"``; None is that of the settings. Rows, order and columns of the spine stay as they are. Raises
        UnknownFeatures, BadSpine, BadHistory, and Overflow when a sum leaves int64.
        """
        wired = self._wiring
        return training_set(
            self.registry,
            select(self.registry, features),
            wired.locations,
            wired.spine(entity_df),
            wired.engine_named(engine),
            timestamp=timestamp,
            full_feature_names=full_feature_names,
        )

    def get_online_features(
        self,
        features: Wanted,
        entity_rows: EntityRows,
        at: Moment | None = None,
        full_feature_names: bool = True,
        request_id: str | None = None,
    ) -> OnlineFeatures:
        """The features of every entity row now, or at an instant not before the horizon; of what is published.

        ``entity_rows``: dicts of keys and request inputs, or a dict of columns. ``request_id``: what the request log calls
        it, where the settings have one. Raises UnknownFeatures, BadRequest,
        BeforeHorizon, CorruptState, ManifestError when nothing is published, and the store's errors.
        """
        return self._reader().get_online_features(features, entity_rows, _instant(at), full_feature_names, request_id)

    async def get_online_features_async(
        self,
        features: Wanted,
        entity_rows: EntityRows,
        at: Moment | None = None,
        full_feature_names: bool = True,
        request_id: str | None = None,
    ) -> OnlineFeatures:
        """Like ``get_online_features``, without blocking the event loop while the store answers."""
        return await self._reader().get_online_features_async(
            features, entity_rows, _instant(at), full_feature_names, request_id
        )

    @property
    def request_log(self) -> RequestLog | None:
        """What writes requests down, with its counts; None where the settings do not ask for it."""
        return self._wiring.request_log

    def push(self, source: str, rows: Batch) -> Ingested:
        """Take in rows of a source (dicts, pandas or pyarrow) that are known from now on, in every live version.

        A row that the door refuses goes to the quarantine folder and is counted by reason. Raises IngestError for an
        unknown source or one without ``event_id``, ManifestError when nothing is published, and the store's errors.
        """
        return self._ingestor.push(source, rows)

    async def push_async(self, source: str, rows: Batch) -> Ingested:
        """Like ``push``, in a thread of its own."""
        return await asyncio.to_thread(self.push, source, rows)

    def ingest(
        self,
        source: str,
        files: Sequence[str | Path],
        *,
        partition: str | None = None,
        quarantine: Path | None = None,
        watch: Watcher = unwatched,
    ) -> Ingested:
        """Take in the events of files in the order in which they became known, those after the backfill's cut.

        Stopped and run again over the same files, it goes on where it was. ``partition`` names the stream; the default
        is made of the content of the files, so other files are another stream, whatever they are called. Rows that the
        door refuses go to the folder ``quarantine`` (None: the environment's own) and are counted by reason.
        """
        paths = [Path(file) for file in files]
        missing = [str(path) for path in paths if not path.is_file()]
        if missing or not paths:
            raise IngestError(f"there is no file {missing[0]}" if missing else "no file was named to ingest")
        ingestor = self._new_ingestor(quarantine or self._wiring.quarantine, replay=True)
        declared = next((each for each in ingestor.registry.sources if each.name == source), None)
        if declared is None:
            known = ", ".join(each.name for each in ingestor.registry.sources) or "none"
            raise IngestError(f"there is no source {source!r} among the published; there are {known}")
        known_at = declared.known_at or declared.timestamp
        if known_at is None:
            raise IngestError(f"source {source!r} is true since always: backfill it, there is nothing to stream")
        stream = file_stream(partition or content_name(paths), paths, known_at)
        cut = self._rollout.cut_of(source)
        start = 0 if cut is None else stream.offset_at(cut)
        return Consumer(ingestor, source, stream, start=start).run(watch)

    def materialize(
        self, views: Iterable[str] | None = None, *, cut: Moment | None = None, watch: Watcher = unwatched
    ) -> dict[str, Backfilled]:
        """Backfill published views (None: all) from history up to ``cut``; what is filled is left alone."""
        return self._rollout.fill(views, cut=_instant(cut), watch=watch)

    def plan(self) -> Proposal:
        """What applying the definitions would change. Changes nothing."""
        return self._rollout.propose(self.registry, self._wiring.row_counts())

    def apply(
        self, proposal: Proposal | None = None, *, cut: Moment | None = None, watch: Watcher = unwatched
    ) -> Applied:
        """Publish the definitions: backfill what is new beside what is served, then switch.

        ``cut``: take history that was known before it; None: up to now. Raises ManifestMoved when somebody else changed
        what was planned upon, BadHistory and the store's errors; what was served is served still, and applying again
        goes on.
        """
        applied = self._rollout.apply(proposal or self.plan(), cut=_instant(cut), watch=watch)
        self._online = None
        return applied

    def plan_rollback(self, to: str | None = None) -> RollbackProposal:
        """What going back to an earlier manifest (None: the one before) would change. Changes nothing."""
        return self._rollout.propose_rollback(to)

    def rollback(self, proposal: RollbackProposal | None = None) -> None:
        """Serve an earlier manifest again; its state has been kept up to date."""
        self._rollout.roll_back(proposal or self.plan_rollback())
        self._online = None

    def prune(self) -> Pruned:
        """Delete the state of every version that is not served."""
        return self._rollout.prune()

    def forget(self, entity: str, keys: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Forgotten:
        """Delete the state of entities in every version, and leave a tombstone against redelivery."""
        return forget(self._wiring.manifests, entity, keys)

    def simulate(
        self,
        *,
        cut: Moment | None = None,
        until: Moment | None = None,
        questions: int = 300,
        requests: tuple[Wanted, Any] | None = None,
        seed: int = 0,
        watch: Watcher = unwatched,
    ) -> Verdict:
        """Run the history through real ingestion and online reads, and compare every value with compiled SQL.

        What was known before ``cut`` (None: two thirds of it) is backfilled, the rest streamed, up to ``until``. Every
        view gets ``questions`` made up around its own boundaries; ``requests`` are a service and a spine for it. It all
        happens in a corner of the configured server, or on a server of its own, that is empty again afterwards. Raises
        NothingToSimulate.
        """
        wired = self._wiring
        options = Options(_instant(cut), _instant(until), questions, seed=seed)
        asked = None
        if requests is not None:
            asked = (select(self.registry, requests[0]), to_arrow(wired.spine(requests[1])))
        with wired.corner() as (addresses, store):
            return simulate_repository(
                self.registry,
                Tables(wired.locations, self.registry.sources),
                addresses,
                store,
                wired.sql_engine,
                wired.engine_named("kernel"),
                options,
                asked,
                watch,
            )

    def explain(
        self,
        feature: str,
        entity: Mapping[str, Any] | None = None,
        at: Moment | None = None,
        *,
        service: str | None = None,
        request: str | None = None,
    ) -> Explained:
        """Why a value is what it is: by the judge, by compiled SQL and online, down to events, tiles and raw records.

        ``feature``: ``"view:feature"``; with a ``service`` also one of its outputs or derived features, whose inputs are
        then explained. ``entity``: the keys, and the request inputs where a derived feature reads some. ``at`` None: now.
        ``request``: the id of a logged request, which then says entity, service and instant. The store may be out of
        reach: the explanation says so. Raises UnknownFeatures, BadRequest, BadQuestion, BadHistory; of a request
        also SettingsError where no log is configured, BadLog and NotLogged.
        """
        wired = self._wiring
        panels = Panels(self.registry, wired.locations, wired.sql_engine, wired.addresses, lambda: wired.store)
        if request is None:
            instant_us = _instant(at)
            return explain_named(
                panels, feature, entity or {}, panels.now() if instant_us is None else instant_us, service
            )
        row = logged_row(wired.log_folder, request, entity or {})
        return explain_logged(panels, feature, row)

    def replay(
        self,
        log: str | Path | None = None,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        share: float = 1.0,
        by: Literal["request", "entity"] = "request",
        seed: int = 0,
        values: int | None = None,
        current: bool = False,
        watch: Watcher = unwatched,
    ) -> Findings:
        """Recompute offline what every logged request should have got, as of its instant, and compare value by value.

        ``log``: its folder, or that of one service in it; None: that of the settings. ``since <= t < until`` are
        compared, of these a ``share`` of the requests or of the entities, drawn with ``seed``, of at most about ``values``
        values a service. ``current``: by the definitions of today instead of those that answered. Raises BadLog,
        NothingToReplay, BadHistory.
        """
        wired = self._wiring
        folder = wired.log_folder if log is None else Path(log)
        options = ReplayOptions(_instant(since), _instant(until), share, by, seed, values, current)
        replay = Replay(
            folder, self.registry, wired.locations, wired.sql_engine, time.monotonic, wired.log_hashing, options
        )
        return replay.run(system_clock(), watch)

    def close(self) -> None:
        """Close what was opened; the embedded server stops when nobody uses it."""
        self._wiring.close()

    @property
    def _rollout(self) -> Rollout:
        return Rollout(self._wiring.manifests, self._wiring.history)

    def _reader(self) -> OnlineReader:
        """A reader of the current manifest, which is looked up now and then."""
        now = time.monotonic()
        if self._online is not None and now - self._online[0] < REFRESH_SECONDS:
            return self._online[2]
        wired = self._wiring
        history = wired.manifests.history()
        if self._online is not None and history and history[-1].digest == self._online[1]:
            reader = self._online[2]
        else:
            reader = OnlineReader.published(wired.addresses, wired.store, log=wired.request_log)
        self._online = (now, history[-1].digest, reader)
        return reader

    @cached_property
    def _ingestor(self) -> Ingestor:
        return self._new_ingestor(self._wiring.quarantine)

    def _new_ingestor(self, quarantine: Path, *, replay: bool = False) -> Ingestor:
        wired = self._wiring
        registry = wired.manifests.current().registry
        kept, live = ParquetQuarantine(quarantine), LiveVersions(wired.manifests)
        return Ingestor(
            registry, wired.addresses, wired.store, None, replay, quarantine=kept, live=live, recorder=wired.recorder
        )


def _instant(moment: Moment | None) -> int | None:
    """Microseconds since the epoch; raises BadRequest for what is neither that nor a datetime."""
    if moment is None:
        return None
    if isinstance(moment, datetime):
        return instant(moment)
    if isinstance(moment, int) and not isinstance(moment, bool):
        return moment
    raise BadRequest(f"{moment!r} is no instant: pass a datetime, or microseconds since 1970 as an int")
