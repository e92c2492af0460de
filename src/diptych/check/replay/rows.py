"""The raw rows of entities, out of histories where they lie; a few entities are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.check.causes import Key, Row
from diptych.check.past import KEPT
from diptych.ground.instants import instant
from diptych.plan.nodes import View
from diptych.run.engines.duckdb_rows import rows_of
from diptych.run.location import Location


@dataclass(slots=True)
class Rows:
    """Histories by source; each entity is one scan."""

    histories: Mapping[str, Location]
    _kept: dict[tuple[str, str, Key], Sequence[Row]] = field(default_factory=dict)

    def of(self, view: View, key: Key) -> Sequence[Row]:
        """The rows of one entity of a view, as the judge takes them; where a part of the key is derived, more."""
        name = (view.name, view.fingerprint, key)
        if name not in self._kept:
            while len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            parts = [instant(part) if isinstance(part, datetime) else part for part in key]
            self._kept[name] = rows_of(view, self.histories[view.source.name], parts)
        return self._kept[name]
