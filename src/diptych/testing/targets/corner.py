"""One view in a corner of its own of a real store, driven by hand: a clock that stands where it is put."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from diptych.ground.instants import EARLIEST
from diptych.plan.nodes import Registry, View
from diptych.serve.addresses import Addresses
from diptych.serve.appending import Target
from diptych.serve.consume import Consumer
from diptych.serve.folding import Folder
from diptych.serve.ingest import Ingestor
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.protocol import KeyValueStore
from diptych.serve.stream import TableStream
from diptych.testing.build import table
from diptych.testing.cases.case import Question

Row = Mapping[str, Any]
NEVER = 1 << 40
"""A threshold that no state reaches, so that nothing is folded."""


@dataclass
class Hand:
    """A clock that a test sets."""

    now: int = 0

    def __call__(self) -> int:
        """Microseconds since the epoch."""
        return self.now


def registry_of(*views: View) -> Registry:
    """A registry of these views and no services."""
    sources = {view.source.name: view.source for view in views}
    entities = {view.entity.name: view.entity for view in views}
    return Registry("test", tuple(sources.values()), tuple(entities.values()), views, ())


def fresh_addresses() -> Addresses:
    """A project that nobody else has."""
    return Addresses(f"test-{uuid.uuid4().hex}", "test")


def known(view: View, row: Row) -> int | None:
    """When history knew a row (microseconds), None where that is not said."""
    if row.get("arrived_at") is not None:
        return int(row["arrived_at"])
    column = view.source.known_at or view.source.timestamp
    at: int | None = EARLIEST if column is None else row.get(column)
    return at


def in_order(view: View, rows: Sequence[Row]) -> list[Row]:
    """Rows in the order in which they became known; those that never did are left out, the door refuses them."""
    told = [row for row in rows if known(view, row) is not None]
    return sorted(told, key=lambda row: known(view, row) or 0)


def _as_sent(view: View, rows: Sequence[Row]) -> pa.Table:
    """Rows as whoever sends them has them, who cannot know when they will arrive."""
    return table(view.source, [{name: value for name, value in row.items() if name != "arrived_at"} for row in rows])


@dataclass
class Corner:
    """Ingestion and reads of one view in one project of a store; ``clear`` deletes all that is there."""

    view: View
    store: KeyValueStore
    addresses: Addresses
    clock: Hand
    ingestor: Ingestor
    reader: OnlineReader

    @classmethod
    def of(cls, view: View, store: KeyValueStore, *, replay: bool, folder: Folder | None = None) -> "Corner":
        """A new corner. With ``replay`` rows are known when their columns say, else when the clock says. ``folder``
        lends its settings to one of this corner; without one nothing is folded."""
        addresses, clock, registry = fresh_addresses(), Hand(), registry_of(view)
        quiet = Folder(store, addresses, threshold=NEVER)
        made = folder and Folder(store, addresses, folder.fold_lag, folder.threshold, folder.limit, folder.worthwhile)
        ingestor = Ingestor(registry, addresses, store, clock, replay, folder=made or quiet)
        return cls(view, store, addresses, clock, ingestor, OnlineReader(registry, addresses, store, clock))

    def replay(self, rows: Sequence[Row], upto: int | None = None, batch_rows: int = 3) -> None:
        """Replay what was known before an instant; ``rows`` are all of the history, in order."""
        count = len(rows) if upto is None else sum((known(self.view, row) or 0) < upto for row in rows)
        stream = TableStream("stream", table(self.view.source, list(rows)[:count]), "", batch_rows)
        Consumer(self.ingestor, self.view.source.name, stream).run()

    def push(self, *rows: Row) -> None:
        """Push rows at the clock's instant."""
        self.ingestor.push(self.view.source.name, _as_sent(self.view, rows))

    def stream(self, rows: Sequence[Row], upto: int) -> None:
        """Read a live stream of ``rows`` on to its first ``upto``, at the clock's instant."""
        stream = TableStream("stream", _as_sent(self.view, rows[:upto]), "")
        Consumer(self.ingestor, self.view.source.name, stream).run()

    def fold(self, now: int, lag: int = 0) -> None:
        """Fold every state there is."""
        target = Target.of(self.view, self.addresses)
        keys = list(self.store.scan(target.prefix))
        Folder(self.store, self.addresses, lag, worthwhile=1.0).fold_keys(target, keys, now)

    def ask(self, question: Question) -> dict[str, Any]:
        """The values of all features of an entity at an instant, as arrow arrays of one value."""
        return self.ask_all([question.key], question.t)

    def ask_all(self, keys: Sequence[tuple[Any, ...]], at: int) -> dict[str, Any]:
        """The values of all features of entities at one instant, as arrow arrays in the order of the keys."""
        names = [key.name for key in self.view.entity.keys]
        wanted = [f"{self.view.name}:{feature.name}" for feature in self.view.features]
        rows = [dict(zip(names, key, strict=True)) for key in keys]
        answer = self.reader.get_online_features(wanted, rows, at=at)
        arrow = answer.to_arrow()
        plain = answer.to_dict()
        found = {}
        for feature in self.view.features:
            column = f"{self.view.name}__{feature.name}"
            listed = arrow[column].to_pylist()
            assert listed == plain[column] or plain[column] != plain[column], f"{column}: dict and arrow differ"
            found[feature.name] = arrow[column].combine_chunks()
        return found

    def clear(self) -> None:
        """Delete every key of this corner."""
        keys = list(set(self.store.scan(self.addresses.root.encode())))
        if keys:
            self.store.delete_many(keys)
