"""The stream positions that a sampled request reads in its one fetch: exactly what was applied when it was answered.

The partitions of a source are listed in a document; the log reads that list and the positions that it knew before.
A partition that was not known yet is named without an offset once, and read from the next request on.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from diptych.serve.addresses import Addresses
from diptych.serve.plans import ServicePlan

MOST = 64
"""Positions that one request reads, at most."""

_PREPARED = 256
"""Services whose keys are kept ready; past that it begins anew."""


@dataclass(slots=True)
class PositionReader:
    """Which documents tell the positions of a service's sources."""

    addresses: Addresses
    _partitions: dict[bytes, tuple[bytes | None, tuple[str, ...]]] = field(default_factory=dict)
    _keys: dict[int, tuple[ServicePlan, tuple[bytes, ...]]] = field(default_factory=dict)

    def keys(self, plan: ServicePlan) -> tuple[bytes, ...]:
        """First the lists of partitions of its sources, then the positions of those that are known."""
        known = self._keys.get(id(plan))
        if known is None:
            if len(self._keys) >= _PREPARED:
                self._keys.clear()
            known = self._keys[id(plan)] = (plan, self._keys_of(plan))  # the plan too, or its id could name another
        return known[1]

    def notice(self, plan: ServicePlan, keys: Sequence[bytes], found: Sequence[bytes | None]) -> None:
        """Learn the partitions that a fetch has listed."""
        lists = self._lists(plan)
        for key, raw in zip(keys[: len(lists)], found[: len(lists)], strict=True):
            if self._partitions.get(key, (None, ()))[0] != raw:
                names = () if raw is None else tuple(json.loads(raw)["partitions"])
                self._partitions[key] = (raw, names)
                self._keys.clear()

    def decode(self, plan: ServicePlan, keys: Sequence[bytes], found: Sequence[bytes | None]) -> list[dict[str, Any]]:
        """What the documents of one fetch say: the offset to read next of each partition, null where not read."""
        documents = dict(zip(keys, found, strict=True)) if found else {}
        read = []
        for source in self._lists(plan).values():
            listed = documents.get(self.addresses.partitions(source))
            for partition in [] if listed is None else json.loads(listed)["partitions"]:
                raw = documents.get(self.addresses.position(source, partition))
                told = {} if raw is None else json.loads(raw)
                position = {"offset": told.get("offset"), "committed_at": told.get("committed_at")}
                read.append({"source": source, "partition": partition, **position})
        return read

    def _lists(self, plan: ServicePlan) -> dict[bytes, str]:
        sources = dict.fromkeys(view.program.view.source.name for view in plan.views)
        return {self.addresses.partitions(source): source for source in sources}

    def _keys_of(self, plan: ServicePlan) -> tuple[bytes, ...]:
        lists = self._lists(plan)
        positions = [
            self.addresses.position(source, partition)
            for key, source in lists.items()
            for partition in self._partitions.get(key, (None, ()))[1]
        ]
        return (*lists, *positions[:MOST])
