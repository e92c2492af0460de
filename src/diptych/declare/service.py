"""Feature services: what one model asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.declare.frozen import frozen_items, frozen_mapping, frozen_types
from diptych.declare.operators import Written, written
from diptych.declare.place import Place, here
from diptych.declare.view import FeatureView, ViewUse
from diptych.ground.values import ValueType


@dataclass(frozen=True, slots=True)
class FeatureService:
    """The features of one model, by views, selections and aliases; ``name`` and ``version`` together are unique.

    ``request`` gives inputs that are known only at request time; ``derived`` adds columns by expressions over
    ``view.feature``, the request's inputs and ``request_time``.
    """

    name: str
    version: int = field(default=1, kw_only=True)
    features: "tuple[FeatureView | ViewUse, ...] | list[FeatureView | ViewUse]" = field(kw_only=True)
    request: Mapping[str, ValueType] = field(default_factory=dict, kw_only=True)
    derived: Mapping[str, Written] = field(default_factory=dict, kw_only=True)
    owner: str = field(default="", kw_only=True)
    description: str = field(default="", kw_only=True)
    tags: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    place: Place = field(default_factory=here, compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        what = f"service {self.name!r}"
        uses = frozen_items(self.features, (FeatureView, ViewUse), f"features of {what}")
        derived = frozen_mapping(self.derived, f"derived of {what}")
        trees = {name: written(value, f"{name!r} in derived of {what}") for name, value in derived.items()}
        object.__setattr__(self, "features", uses)
        object.__setattr__(self, "request", frozen_types(self.request, f"request of {what}"))
        object.__setattr__(self, "derived", frozen_mapping(trees, what))
        object.__setattr__(self, "tags", frozen_mapping(self.tags, f"tags of {what}"))
