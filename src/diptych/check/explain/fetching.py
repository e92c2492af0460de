"""Where explanations get what they look at: the rows of configured histories, compiled SQL, and bytes out of the store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from diptych.admit.keys import entity_keys
from diptych.check.explain.asking import Answered, History, bare
from diptych.check.explain.explaining import explain
from diptych.check.explain.explanation import Explanation
from diptych.check.explain.near import history_of
from diptych.check.explain.state import Stored
from diptych.plan.nodes import Registry, View
from diptych.plan.serial import ManifestError
from diptych.reference import BadQuestion, Unfit, Value
from diptych.reference.door import key_of
from diptych.rows.python import to_python
from diptych.rows.values import from_scalars
from diptych.run.columns import stored_type
from diptych.run.engine import OfflineEngine
from diptych.run.entity import entity_rows
from diptych.run.errors import BadHistory
from diptych.run.location import Location
from diptych.run.spine import questions
from diptych.serve.addresses import Addresses
from diptych.serve.clock import system_clock
from diptych.serve.manifest import Manifests
from diptych.serve.positions import Positions
from diptych.serve.stores.errors import StoreError
from diptych.serve.stores.protocol import KeyValueStore


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one explanation looks at."""

    view: View
    feature: str
    key: tuple[object, ...]
    t: int
    history: History
    offline: Answered
    stored: Stored

    def explain(self) -> Explanation:
        """The explanation."""
        return explain(self.view, self.feature, self.key, self.t, self.history, self.offline, self.stored)


@dataclass(frozen=True)
class Panels:
    """Both sides of a project: definitions and histories, and the store, which is opened when it is first needed.

    ``engine`` must be compiled SQL.
    """

    registry: Registry
    locations: Mapping[str, Location]
    engine: OfflineEngine
    addresses: Addresses
    open_store: Callable[[], KeyValueStore]

    def explain(self, view: View, feature: str, key: Sequence[object], t: int) -> Explanation:
        """Explain a feature of an entity, by its key parts, at an instant.

        A store that cannot be reached, or that has nothing published, is said in the explanation. Raises BadHistory,
        BadQuestion for a key that does not fit.
        """
        return self.gather(view, feature, key, t).explain()

    def gather(self, view: View, feature: str, key: Sequence[object], t: int) -> "Gathered":
        """Everything that the explanation of a feature looks at. Raises BadHistory and BadQuestion."""
        entity = _held(view, key)
        location = self._location(view)
        found = entity_rows(view, location, entity)
        history = history_of(view, feature, t, found)
        offline = self._offline(bare(view, feature), location, entity, t)
        return Gathered(view, feature, tuple(key), t, history, offline, self._stored(view, entity))

    def now(self) -> int:
        """The server's clock; this machine's where no server can be asked."""
        try:
            return self.open_store().now_us()
        except StoreError:
            return system_clock()

    def published(self) -> Registry:
        """What is served. Raises ManifestError and the store's errors."""
        return Manifests(self.open_store(), self.addresses).current().registry

    def _location(self, view: View) -> Location:
        name = view.source.name
        if name not in self.locations:
            known = ", ".join(sorted(self.locations)) or "none"
            raise BadHistory(f"no history is known for source {name!r}; known are: {known}; name it in diptych.toml")
        return self.locations[name]

    def _offline(self, asked: View, location: Location, key: tuple[Value | None, ...], t: int) -> Answered:
        """The answers of compiled SQL."""
        parts = {
            part.name: pa.array([value], stored_type(part.type))
            for part, value in zip(asked.entity.keys, key, strict=True)
        }
        spine = questions(parts, pa.array([t], pa.int64())).table
        table = self.engine.compute(asked, location, spine, evidence=True)
        values = {feature.name: to_python(table[feature.name])[0] for feature in asked.features}
        status = to_python(table[f"{asked.features[0].name}__status"])[0]
        return Answered(values, status)

    def _stored(self, declared: View, key: tuple[Value | None, ...]) -> Stored:
        """What the store has of the entity under the version of the view that is published."""
        try:
            view = next((view for view in self.published().views if view.name == declared.name), None)
            if view is None:
                return Stored(None, missing=f"the view {declared.name} is not published: diptych apply publishes it")
            if None in key:
                return Stored(view)
            name = self.addresses.states(view) + _stored_key(view, key)
            return Stored(view, self.open_store().get_many([name])[0], fed=self._fed(view))
        except (StoreError, ManifestError) as error:
            return Stored(None, missing=str(error))

    def _fed(self, view: View) -> int | None:
        """How far the streams have been consumed that feed a view; None where none is registered."""
        return Positions(self.open_store(), self.addresses).oldest_commit(view.source.name)


def _held(view: View, key: Sequence[object]) -> tuple[Value | None, ...]:
    try:
        return key_of(view, tuple(key))
    except Unfit as unfit:
        raise BadQuestion(f"entity {view.entity.name!r}: {unfit}") from unfit


def _stored_key(view: View, key: tuple[Value | None, ...]) -> bytes:
    """The bytes that name an entity behind the prefix of its view."""
    columns = [from_scalars(part.type, [value]) for part, value in zip(view.entity.keys, key, strict=True)]
    return entity_keys(view.entity, columns, 1)[0]
