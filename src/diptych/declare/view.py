"""Feature views: features of one entity over one source, and how a service uses them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from diptych.declare.aggregate import Aggregate
from diptych.declare.entity import Entity
from diptych.declare.frozen import frozen_items, frozen_mapping
from diptych.declare.mistakes import DeclarationError
from diptych.declare.place import Place, here
from diptych.declare.source import EventSource


@dataclass(frozen=True, slots=True)
class FeatureView:
    """Features of an entity over the events of a source.

    ``on`` maps the entity's key parts to columns of the source (default: columns of the same names). ``ttl`` turns
    lifetime windows into windows of that length. ``freshness`` is how old the online values may be before somebody
    should know. ``view["a", "b"]`` selects features, ``view.alias("role", on={...})`` uses the view in another role.
    """

    name: str
    entity: Entity = field(kw_only=True)
    source: EventSource = field(kw_only=True)
    features: tuple[Aggregate, ...] | list[Aggregate] = field(kw_only=True)
    on: Mapping[str, str] | None = field(default=None, kw_only=True)
    ttl: str | timedelta | None = field(default=None, kw_only=True)
    freshness: str | timedelta | None = field(default=None, kw_only=True)
    owner: str = field(default="", kw_only=True)
    description: str = field(default="", kw_only=True)
    tags: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    place: Place = field(default_factory=here, compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        what = f"view {self.name!r}"
        for value, kind, noun in ((self.entity, Entity, "entity"), (self.source, EventSource, "source")):
            if not isinstance(value, kind):
                raise DeclarationError(f"{noun} of {what} must be a dt.{kind.__name__}, not {value!r}")
        object.__setattr__(self, "features", frozen_items(self.features, (Aggregate,), f"features of {what}"))
        object.__setattr__(self, "tags", frozen_mapping(self.tags, f"tags of {what}"))
        if self.on is not None:
            object.__setattr__(self, "on", frozen_mapping(self.on, f"on of {what}"))

    def __getitem__(self, names: str | tuple[str, ...]) -> "ViewUse":
        """The view with only the features named."""
        return ViewUse(self, self.name)[names]

    def alias(self, name: str, *, on: Mapping[str, str] | None = None) -> "ViewUse":
        """The view in the role ``name``; ``on`` maps the entity's key parts to the request's columns."""
        return ViewUse(self, self.name).alias(name, on=on)


@dataclass(frozen=True, slots=True)
class ViewUse:
    """A view as one service uses it: its role's name, key columns of the request, and features (None: all)."""

    view: FeatureView
    name: str
    on: Mapping[str, str] | None = None
    features: tuple[str, ...] | None = None
    place: Place = field(default_factory=here, compare=False, repr=False, kw_only=True)

    def __getitem__(self, names: str | tuple[str, ...]) -> "ViewUse":
        """The same use with only the features named."""
        wanted = (names,) if isinstance(names, str) else frozen_items(names, (str,), f"features of {self.name!r}")
        return ViewUse(self.view, self.name, self.on, wanted)

    def alias(self, name: str, *, on: Mapping[str, str] | None = None) -> "ViewUse":
        """The same use under another name, with keys from other columns of the request."""
        columns = None if on is None else frozen_mapping(on, f"on of alias {name!r}")
        return ViewUse(self.view, name, columns, self.features)
