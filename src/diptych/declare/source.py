"""Event sources: the columns that arrive, their types and the rules of the door."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from diptych.declare.frozen import frozen_mapping, frozen_types
from diptych.declare.operators import Written, written
from diptych.declare.place import Place, here
from diptych.ground.values import ValueType


@dataclass(frozen=True, slots=True)
class EventSource:
    """A stream or table of events.

    ``columns`` gives every column that is read, the times included, with its type and range. ``timestamp=None`` is
    a table of attributes that are valid since always. ``known_at`` names the column that says when the store accepted
    an event; without one an event of history counts as known at its own timestamp. A copy of an ``event_id`` within
    ``dedup_window`` of the previous one is the same event. Events later than ``lateness``, or more than ``max_skew``
    ahead, go to quarantine. ``derive`` adds columns by expressions, in order; ``filter`` keeps the rows where it is
    true. Durations are like ``"90s"``, ``"24h"``, ``"7d"``.
    """

    name: str
    columns: Mapping[str, ValueType]
    timestamp: str | None
    known_at: str | None = None
    event_id: str | None = None
    dedup_window: str | timedelta = "1h"
    lateness: str | timedelta | None = None
    max_skew: str | timedelta | None = None
    derive: Mapping[str, Written] = field(default_factory=dict)
    filter: Written | None = None
    owner: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    place: Place = field(default_factory=here, compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        what = f"source {self.name!r}"
        derive = frozen_mapping(self.derive, f"derive of {what}")
        trees = {name: written(value, f"{name!r} in derive of {what}") for name, value in derive.items()}
        object.__setattr__(self, "columns", frozen_types(self.columns, f"columns of {what}"))
        object.__setattr__(self, "derive", frozen_mapping(trees, what))
        object.__setattr__(self, "tags", frozen_mapping(self.tags, f"tags of {what}"))
        if self.filter is not None:
            object.__setattr__(self, "filter", written(self.filter, f"filter of {what}"))
