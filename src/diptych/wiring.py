"""From settings to live parts: where a project's store, histories and engine come from."""

import glob
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from diptych.declare.mistakes import did_you_mean
from diptych.declare.project import Environment, RequestRecording, SettingsError
from diptych.ground.errors import DiptychError
from diptych.plan.loading import Loaded, load_registry
from diptych.run.engine import OfflineEngine
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.engines.kernel import KernelEngine
from diptych.run.history import LocatedHistory
from diptych.run.location import DatabaseTable, Files, Location, Recorded, RecordedRows
from diptych.serve.addresses import Addresses
from diptych.serve.manifest import Manifests
from diptych.serve.recording.recorder import Recorder
from diptych.serve.recording.segments import Segments
from diptych.serve.requestlog.hashing import KeyedHash
from diptych.serve.requestlog.log import Options, RequestLog
from diptych.serve.requestlog.writing import Rolling
from diptych.serve.stores.opening import open_store
from diptych.serve.stores.valkey import ValkeyStore

STATE_FOLDER = ".diptych"
"""Beside ``diptych.toml``: where the embedded server keeps what it holds."""


class UnknownEngine(DiptychError):
    """The name of an offline engine that does not exist."""


@dataclass
class Wiring:
    """One project in one environment; nothing is opened before it is asked for."""

    loaded: Loaded
    environment: str
    settings: Environment

    @classmethod
    def of(cls, path: str | Path, environment: str | None = None) -> "Wiring":
        """The project whose ``diptych.toml`` is in ``path`` or above it."""
        loaded = load_registry(path)
        name = environment or loaded.project.environment
        return cls(loaded, name, loaded.project.settings(os.environ, name))

    @cached_property
    def addresses(self) -> Addresses:
        """The keys of this project and environment."""
        return Addresses(self.loaded.project.project, self.environment)

    @cached_property
    def store(self) -> ValkeyStore:
        """The online store, opened and checked."""
        folder = self.loaded.root / STATE_FOLDER / self.environment
        return open_store(self.settings.online.url, folder=folder)

    @cached_property
    def request_log(self) -> RequestLog | None:
        """What writes requests down; None where the settings name no folder for that. Raises SettingsError, WeakKey."""
        asked = self.settings.recording.requests
        return None if asked is None else RequestLog(self.log_folder, self.addresses, self._options(asked))

    @property
    def log_folder(self) -> Path:
        """Where requests are written down; raises SettingsError where the settings do not say."""
        asked = self.settings.recording.requests
        if asked is None:
            raise SettingsError(
                f"diptych.toml names no request log: add [environments.{self.environment}.recording] and "
                'requests = { path = "requests" } to it, or name the folder of a log'
            )
        return self.loaded.root / asked.path

    def _options(self, asked: RequestRecording) -> Options:
        services = self.loaded.registry.services
        known = {column for service in services for role in service.roles for column in role.on}
        known |= {field.name for service in services for field in service.request}
        known |= {key.name for entity in self.loaded.registry.entities for key in entity.keys}
        for name in asked.hash:
            if name not in known:  # a column that is misspelled here would be written down as it is
                raise SettingsError(
                    f"environments.{self.environment}.recording.requests hashes {name!r}, which is no key and no request "
                    f"input; there are {', '.join(sorted(known))}. {did_you_mean(name, known)}".rstrip(" ")
                )
        hashing = self.log_hashing
        if asked.hash and hashing is None:
            raise SettingsError(
                f"environments.{self.environment}.recording.requests hashes {', '.join(asked.hash)} with the key in the "
                f"environment variable {asked.key_variable}, which is not set"
            )
        return Options(
            asked.share,
            asked.by,
            asked.seed,
            frozenset(asked.hash),
            hashing,
            Rolling(asked.rows, asked.seconds, asked.megabytes << 20),
            asked.queue,
            asked.megabytes << 20,
        )

    @property
    def log_hashing(self) -> KeyedHash | None:
        """The keyed hash of the request log's sensitive columns; None where its key is not at hand. Raises WeakKey."""
        asked = self.settings.recording.requests
        key = os.environ.get(asked.key_variable or "") if asked is not None else None
        return KeyedHash.of(key) if key else None

    @cached_property
    def manifests(self) -> Manifests:
        """What is published."""
        return Manifests(self.store, self.addresses)

    @cached_property
    def locations(self) -> dict[str, Location]:
        """Where the history of each source is."""
        found: dict[str, Files | DatabaseTable] = {}
        for name, place in self.settings.sources.items():
            if place.path is not None:
                found[name] = Files(str(self.loaded.root / place.path), place.format)
            elif place.table is not None:
                found[name] = DatabaseTable(str(self.loaded.root / (place.database or "")), place.table)
        recorder = self.recorder
        if recorder is None:
            return dict(found)
        names = dict.fromkeys([*found, *(source.name for source in self.loaded.registry.sources)])
        return {name: Recorded(partial(_recorded, recorder.folder, name), found.get(name)) for name in names}

    @cached_property
    def recorder(self) -> Recorder | None:
        """What writes down what is taken in; None where the settings name no folder for that."""
        folder = self.settings.recording.history
        return None if folder is None else Recorder(self.loaded.root / folder)

    def engine_named(self, name: str | None = None) -> OfflineEngine:
        """An offline engine by name; None: that of the settings, else the kernel, which is the faster one."""
        chosen = name or self.settings.offline.engine or "kernel"
        if chosen == "duckdb":
            return self.sql_engine
        if chosen == "kernel":
            return KernelEngine()
        raise UnknownEngine(f"there is no offline engine {chosen!r}; there are duckdb, kernel")

    @property
    def sql_engine(self) -> DuckDBEngine:
        """The engine that parity compares with: always compiled SQL."""
        return DuckDBEngine()

    def spine(self, given: Any) -> Any:
        """A spine as a frame: a path of Parquet files or a SQL query over such files is read, a frame is left alone."""
        return self.sql_engine.query(given) if isinstance(given, str | Path) else given

    @contextmanager
    def corner(self) -> Iterator[tuple[Addresses, ValkeyStore]]:
        """A corner of the configured server, or a server of its own, for a simulation; it is empty again afterwards."""
        addresses = Addresses(self.loaded.project.project, f"simulation-{secrets.token_hex(4)}")
        with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
            store = open_store(self.settings.online.url, folder=Path(folder), append_only=False)
            try:
                yield addresses, store
            finally:
                store.delete_many(list(store.scan(addresses.root.encode())))
                store.close()

    @property
    def quarantine(self) -> Path:
        """Where pushed rows go that the door refuses."""
        return self.loaded.root / STATE_FOLDER / self.environment / "quarantine"

    @property
    def history(self) -> LocatedHistory:
        """The histories, for the backfills of one rollout: another one sees what was added since."""
        return LocatedHistory(self.locations)

    def row_counts(self) -> dict[str, int]:
        """Rows of the histories whose files say so without being read."""
        counts = {}
        for name, location in self.locations.items():
            recorded = location.recorded() if isinstance(location, Recorded) else None
            place = location.imported if isinstance(location, Recorded) else location
            if isinstance(place, Files) and place.kind == "parquet":
                counts[name] = _rows_of(sorted(glob.glob(place.path, recursive=True)))
            if recorded is not None and recorded.since is not None:
                fresh = 0 if recorded.fresh is None else recorded.fresh.num_rows
                counts[name] = counts.get(name, 0) + _rows_of(recorded.files) + fresh
        return counts

    def close(self) -> None:
        """Write what is left of the logs of requests and of history, and close what was opened."""
        if "recorder" in self.__dict__ and self.recorder is not None:
            self.recorder.close()
        if "request_log" in self.__dict__ and self.request_log is not None:
            self.request_log.close()
        if "store" in self.__dict__:
            self.store.close()


def _recorded(folder: Path, source: str) -> RecordedRows:
    found = Segments.of(folder, source).snapshot()
    return RecordedRows(found.files, found.fresh, found.since)


def _rows_of(paths: Sequence[str]) -> int:
    return int(ds.dataset(list(paths), format="parquet").count_rows()) if paths else 0
