"""Tombstones: which entities were forgotten and when, so that a redelivery does not bring them back.

The tombstones of an entity are a log of numbered documents without gaps: whoever knows the first m asks for number
m + 1, so a process that knows them all pays one small read per batch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from diptych.serve import documents
from diptych.serve.addresses import Addresses
from diptych.serve.stores.errors import WriteUncertain
from diptych.serve.stores.protocol import DocumentChange, KeyValueStore

_KEYS_PER_STONE = 1_000


@dataclass(slots=True)
class Graveyard:
    """The tombstones of one project and environment, as far as this process has read them."""

    store: KeyValueStore
    addresses: Addresses
    _read: dict[str, int] = field(default_factory=dict)
    _stones: dict[str, dict[bytes, int]] = field(default_factory=dict)

    def bury(self, entity: str, keys: Sequence[bytes], instant: int) -> None:
        """Leave tombstones of that instant (microseconds) for keys, before anything of theirs is deleted."""
        for start in range(0, len(keys), _KEYS_PER_STONE):
            chosen = [key.hex() for key in keys[start : start + _KEYS_PER_STONE]]
            self._add(entity, documents.encode({"keys": chosen, "instant": instant}))

    def of(self, entities: Iterable[str]) -> dict[str, dict[bytes, int]]:
        """Per entity, the instant at which each forgotten key was last forgotten; one read if nothing is new."""
        waiting = list(dict.fromkeys(entities))
        known = {entity: self._stones.setdefault(entity, {}) for entity in waiting}
        while waiting:
            keys = [self.addresses.tombstone(entity, self._read.get(entity, 0) + 1) for entity in waiting]
            found = self.store.get_many(keys)
            for entity, key, raw in zip(waiting, keys, found, strict=True):
                if raw is not None:
                    self._learn(entity, key, raw)
            waiting = [entity for entity, raw in zip(waiting, found, strict=True) if raw is not None]
        return known

    def _add(self, entity: str, stone: bytes) -> None:
        while True:
            self.of([entity])
            key = self.addresses.tombstone(entity, self._read.get(entity, 0) + 1)
            try:
                if self.store.compare_and_set(DocumentChange(key, None, stone)):
                    return
            except WriteUncertain:
                continue  # a stone that stands twice means the same as one

    def _learn(self, entity: str, key: bytes, raw: bytes) -> None:
        stone = documents.decode(key, raw)
        stones = self._stones.setdefault(entity, {})
        for name in stone["keys"]:
            forgotten = bytes.fromhex(name)
            stones[forgotten] = max(stone["instant"], stones.get(forgotten, stone["instant"]))
        self._read[entity] = self._read.get(entity, 0) + 1
