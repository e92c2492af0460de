"""What one call of ingestion did, in numbers that add up over calls."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Ingested:
    """Sums over the batches of a call; results are added with ``+``.

    ``events`` were offered; of these ``filtered`` were left out by the source's filter, and ``rejected`` counts the
    refused by reason. ``appended`` counts records by view: a repeat is appended too, for only a read or a fold tells
    it from a new event. ``keyless`` counts by view the events that belong to no entity, by reason. ``forgotten``
    counts records left out because their entity was forgotten after them. ``folds`` states were folded; ``unfolded``
    could not be, which loses nothing. ``oversized`` names keys whose state is above the limit in spite of that.
    ``bytes`` were appended.
    """

    events: int = 0
    filtered: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    appended: Mapping[str, int] = field(default_factory=dict)
    keyless: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    forgotten: int = 0
    folds: int = 0
    unfolded: int = 0
    oversized: frozenset[bytes] = frozenset()
    bytes: int = 0

    def __add__(self, other: "Ingested") -> "Ingested":
        """The sum of two results."""
        return Ingested(**{f.name: _sum(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)})


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, frozenset):
        return one | other
    if isinstance(one, int):
        return one + other
    if any(isinstance(value, Mapping) for value in (*one.values(), *other.values())):
        return {name: _sum(one.get(name, {}), other.get(name, {})) for name in {**one, **other}}
    return dict(Counter(one) + Counter(other))
