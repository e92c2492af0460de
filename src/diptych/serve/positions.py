"""Stream positions, kept beside the state that they speak of: after a crash both are lost together, or neither.

Each partition from which a source is fed has a document: the next offset to read, and the instant of the last commit
on the clock that stamps ``known_at``. Everything that was delivered after that commit may be delivered again, so a
fold may take only what was known before the oldest of these instants.
"""

from dataclasses import dataclass

from diptych.serve import documents
from diptych.serve.addresses import Addresses
from diptych.serve.stores.protocol import DocumentChange, KeyValueStore


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset to read, the instant of the last commit (microseconds), and which consumer committed."""

    offset: int
    committed_at: int
    consumer: str = ""

    def encode(self) -> bytes:
        """The document's bytes."""
        return documents.encode({"offset": self.offset, "committed_at": self.committed_at, "consumer": self.consumer})


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions of one project in one environment."""

    store: KeyValueStore
    addresses: Addresses

    def read(self, source: str, partition: str) -> Position | None:
        """Where a partition stands, None if it was never registered."""
        document = documents.fetch(self.store, self.addresses.position(source, partition))
        return None if document is None else _position(document)

    def register(self, source: str, partition: str, start: Position) -> Position:
        """Where a partition stands; a new one stands at ``start`` from now on.

        ``start.committed_at`` must not be after the ``known_at`` of anything that the partition will deliver. From
        here on folds wait for this partition, until it is retired.
        """
        documents.change(
            self.store,
            self.addresses.partitions(source),
            lambda document: {"partitions": sorted({*_names(document), partition})},
        )
        key = self.addresses.position(source, partition)
        self.store.compare_and_set(DocumentChange(key, None, start.encode()))
        return self.read(source, partition) or start

    def retire(self, source: str, partition: str) -> None:
        """Forget a partition that will deliver nothing any more, so that folds no longer wait for it."""
        documents.change(
            self.store,
            self.addresses.partitions(source),
            lambda document: {"partitions": sorted(set(_names(document)) - {partition})},
        )
        self.store.delete_many([self.addresses.position(source, partition)])

    def step(self, source: str, partition: str, old: Position, new: Position) -> DocumentChange:
        """The change that moves a partition from one position to the next."""
        return DocumentChange(self.addresses.position(source, partition), old.encode(), new.encode())

    def partitions(self, source: str) -> tuple[str, ...]:
        """The names of the registered partitions of a source."""
        return tuple(_names(documents.fetch(self.store, self.addresses.partitions(source))))

    def oldest_commit(self, source: str) -> int | None:
        """The oldest last commit of any partition of a source (microseconds); None if no partition is registered."""
        keys = [self.addresses.position(source, partition) for partition in self.partitions(source)]
        found = zip(keys, self.store.get_many(keys), strict=True)
        instants = [_position(documents.decode(key, raw)).committed_at for key, raw in found if raw is not None]
        return min(instants, default=None)


def _position(document: documents.Document) -> Position:
    return Position(document["offset"], document["committed_at"], document["consumer"])


def _names(document: documents.Document | None) -> list[str]:
    return [] if document is None else list(document["partitions"])
