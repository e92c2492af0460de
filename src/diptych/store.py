"""The door for programs: one project's feature store, offline and online."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from diptych.ground.errors import DiptychError
from diptych.ground.ledger import Watcher, unwatched
from diptych.operate.backfill import Backfilled
from diptych.operate.rollout.rollout import Applied, Proposal, Pruned, RollbackProposal, Rollout
from diptych.plan.nodes import Registry
from diptych.run.training import DEFAULT_TIME, TrainingSet, training_set
from diptych.serve.answer import OnlineFeatures
from diptych.serve.consume import Consumer
from diptych.serve.ingest import Batch, Ingestor
from diptych.serve.ingested import Ingested
from diptych.serve.live import LiveVersions
from diptych.serve.quarantine import CountsOnly, ParquetQuarantine
from diptych.serve.reader import OnlineReader
from diptych.serve.request import EntityRows
from diptych.serve.selection import Wanted, select
from diptych.serve.stream import file_stream
from diptych.wiring import Wiring


class FeatureStore:
    """A project's definitions with what serves them; ``path`` is a folder with ``diptych.toml`` in it or above it."""

    def __init__(self, path: str | Path = ".", environment: str | None = None) -> None:
        self._wiring = Wiring.of(path, environment)

    @property
    def registry(self) -> Registry:
        """The definitions as they are declared."""
        return self._wiring.loaded.registry

    def plan(self) -> Proposal:
        """What applying the definitions would change."""
        return self._rollout.propose(self.registry, self._wiring.row_counts())

    def apply(self, proposal: Proposal | None = None, *, cut: int | None = None, watch: Watcher = unwatched) -> Applied:
        """Publish the definitions; see ``Rollout.apply``."""
        return self._rollout.apply(proposal or self.plan(), cut=cut, watch=watch)

    def plan_rollback(self, to: str | None = None) -> RollbackProposal:
        """What going back to an earlier manifest would change."""
        return self._rollout.propose_rollback(to)

    def rollback(self, proposal: RollbackProposal | None = None) -> None:
        """Serve an earlier manifest again."""
        self._rollout.roll_back(proposal or self.plan_rollback())

    def prune(self) -> Pruned:
        """Delete the state of every version that is not served."""
        return self._rollout.prune()

    def backfill(
        self, views: Iterable[str] | None = None, *, cut: int | None = None, watch: Watcher = unwatched
    ) -> dict[str, Backfilled]:
        """Fill published views from history; what is filled is left alone."""
        return self._rollout.fill(views, cut=cut, watch=watch)

    def ingest(
        self,
        source: str,
        files: Sequence[Path],
        *,
        partition: str | None = None,
        quarantine: Path | None = None,
        watch: Watcher = unwatched,
    ) -> Ingested:
        """Take in the events of files in the order in which they became known, those after the backfill's cut."""
        ingestor = self._ingestor(replay=True, quarantine=quarantine)
        declared = next((each for each in ingestor.registry.sources if each.name == source), None)
        if declared is None:
            known = ", ".join(each.name for each in ingestor.registry.sources) or "none"
            raise DiptychError(f"there is no source {source!r} among the published; there are {known}")
        known_at = declared.known_at or declared.timestamp
        if known_at is None:
            raise DiptychError(f"source {source!r} is true since always: backfill it, there is nothing to stream")
        stream = file_stream(partition or files[0].stem, files, known_at)
        cut = self._rollout.cut_of(source)
        start = 0 if cut is None else stream.offset_at(cut)
        return Consumer(ingestor, source, stream, start=start).run(watch)

    def push(self, source: str, rows: Batch) -> Ingested:
        """Take in rows of a source that are known from now on."""
        return self._ingestor().push(source, rows)

    def get_historical_features(
        self,
        entity_df: Any,
        features: Wanted,
        *,
        timestamp: str = DEFAULT_TIME,
        full_feature_names: bool = True,
        engine: str | None = None,
    ) -> TrainingSet:
        """Features as of each row of a spine; see ``training_set``."""
        if engine not in (None, "duckdb"):
            raise DiptychError(f"there is no engine {engine!r}; exists: duckdb")
        service = select(self.registry, features)
        wired = self._wiring
        return training_set(
            self.registry,
            service,
            wired.locations,
            entity_df,
            wired.engine,
            timestamp=timestamp,
            full_feature_names=full_feature_names,
        )

    def get_online_features(
        self, features: Wanted, entity_rows: EntityRows, at: int | None = None, full_feature_names: bool = True
    ) -> OnlineFeatures:
        """Features now, or at an instant; see ``OnlineReader.get_online_features``."""
        reader = OnlineReader.published(self._wiring.addresses, self._wiring.store)
        return reader.get_online_features(features, entity_rows, at, full_feature_names)

    def forget(self, entity: str, keys: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
        """Forget entities in every live version."""
        from diptych.serve.forget import forget

        return forget(self._wiring.manifests, entity, keys)

    def close(self) -> None:
        """Close the store."""
        self._wiring.close()

    @property
    def _rollout(self) -> Rollout:
        return Rollout(self._wiring.manifests, self._wiring.history)

    def _ingestor(self, *, replay: bool = False, quarantine: Path | None = None) -> Ingestor:
        wired = self._wiring
        manifests = wired.manifests
        kept = CountsOnly() if quarantine is None else ParquetQuarantine(quarantine)
        live = LiveVersions(manifests)
        registry = manifests.current().registry
        return Ingestor(registry, wired.addresses, wired.store, None, replay, quarantine=kept, live=live)
