"""Entities: what features are about."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.declare.frozen import frozen_types
from diptych.declare.place import Place, here
from diptych.ground.values import ValueType


@dataclass(frozen=True, slots=True)
class Entity:
    """Something with features, known by an ordered set of typed key parts; ``keys={}`` is one global state.

    A key part may be Bool, Int64, Timestamp, String or Enum.
    """

    name: str
    keys: Mapping[str, ValueType]
    description: str = ""
    place: Place = field(default_factory=here, compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozen_types(self.keys, f"keys of entity {self.name!r}"))
