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
class _Keys:
    """What a service reads: the lists of partitions of its sources first, ``listed`` of them, then the positions.

    ``seen`` is what the lists said when the positions were chosen.
    """

    plan: ServicePlan
    keys: tuple[bytes, ...]
    listed: int
    seen: list[bytes | None]


@dataclass(slots=True)
class PositionReader:
    """Which documents tell the positions of a service's sources."""

    addresses: Addresses
    _of_plan: dict[int, _Keys] = field(default_factory=dict)

    def keys(self, plan: ServicePlan) -> tuple[bytes, ...]:
        """First the lists of partitions of its sources, then the positions of those that are known."""
        known = self._of_plan.get(id(plan))
        if known is None:
            if len(self._of_plan) >= _PREPARED:
                self._of_plan.clear()
            lists = tuple(self._lists(plan))
            known = self._of_plan[id(plan)] = _Keys(plan, lists, len(lists), [None] * len(lists))
        return known.keys

    def notice(self, plan: ServicePlan, found: Sequence[bytes | None]) -> None:
        """Learn the partitions that a fetch has listed; ``found`` is what was found under the keys."""
        known = self._of_plan.get(id(plan))
        if known is None or known.seen == found[: known.listed]:
            return
        sources = self._lists(plan)
        positions = [
            self.addresses.position(source, partition)
            for source, raw in zip(sources.values(), found, strict=False)
            for partition in ([] if raw is None else json.loads(raw)["partitions"])
        ]
        fresh = _Keys(plan, (*sources, *positions[:MOST]), known.listed, list(found[: known.listed]))
        self._of_plan[id(plan)] = fresh  # one assignment: another thread sees the old or the new

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
