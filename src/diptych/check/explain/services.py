"""Explaining by name: features of views, outputs of services, and derived features with everything that they read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from diptych.check.explain.asking import Answered, allowed
from diptych.check.explain.explanation import DerivedExplanation, Explanation
from diptych.check.explain.fetching import Gathered, Panels
from diptych.check.explain.naming import Wanted, key_parts, wanted
from diptych.check.explain.wording import shown
from diptych.compile.online.answers import BeforeHorizon, CorruptState
from diptych.describe.spelling import spell_expression, spell_type
from diptych.ground.expression import columns_of
from diptych.ground.values import Timestamp
from diptych.plan.nodes import REQUEST_TIME, Derived, Feature, Field, Registry, Role, Service
from diptych.plan.selection import UnknownFeatures
from diptych.plan.serial import ManifestError
from diptych.reference import TOLERANCE, Answer, Judge, Status, serve
from diptych.rows.evaluate import evaluate
from diptych.rows.objects import from_list
from diptych.rows.python import to_python
from diptych.rows.values import constant, to_list
from diptych.run.columns import arrow_type, stored, stored_again
from diptych.serve.reader import OnlineReader
from diptych.serve.request import BadRequest
from diptych.serve.stores.errors import StoreError

Explained = Explanation | DerivedExplanation


def explain_named(
    panels: Panels, name: str, entity: Mapping[str, Any], t: int, service: str | Service | None = None
) -> Explained:
    """Explain what ``name`` means (see ``wanted``) for a request row of keys and inputs, at an instant.

    Raises UnknownFeatures, BadRequest, BadQuestion, BadHistory.
    """
    asked = wanted(panels.registry, name, service)
    if asked.derived is not None:
        return _Derived(panels, asked.service, asked.derived, entity, t).explain()
    assert asked.role is not None
    return _gather(panels, asked.role, asked.feature, entity, t).explain()


def _gather(panels: Panels, role: Role, feature: str, entity: Mapping[str, Any], t: int) -> Gathered:
    view = panels.registry.view(role.view)
    return panels.gather(view, feature, key_parts(view, role.on, entity), t)


def feature_of(panels: Panels, asked: Wanted) -> Feature:
    """The feature that is asked for; a derived one as if it were a view's."""
    if asked.derived is not None:
        return _as_feature(asked.derived)
    assert asked.role is not None
    view = panels.registry.view(asked.role.view)
    return next(feature for feature in view.features if feature.name == asked.feature)


def _as_feature(derived: Derived) -> Feature:
    return Feature(derived.name, derived.type, derived.expression, tolerance=TOLERANCE)


@dataclass(frozen=True, slots=True)
class _Derived:
    """One derived feature of a service for one request row."""

    panels: Panels
    service: Service
    derived: Derived
    entity: Mapping[str, Any]
    t: int

    def explain(self) -> DerivedExplanation:
        gathered = {name: _gather(self.panels, *self._read(name), self.entity, self.t) for name in self._features()}
        inputs = {name: each.explain() for name, each in gathered.items()}
        law = self._law(gathered)
        feature = _as_feature(self.derived)
        by_law = Answered({feature.name: shown(law.value, feature.type)}, law.status.value)
        return DerivedExplanation(
            service=self.service.name,
            version=self.service.version,
            name=self.derived.name,
            type=spell_type(self.derived.type),
            formula=spell_expression(self.derived.expression),
            at=self.t,
            request={field.name: self.entity[field.name] for field in self._request()},
            allowed_error=allowed(feature, law),
            law=by_law.side(feature, law),
            offline=self._offline(gathered).side(feature, law),
            online=self._online().side(feature, law),
            inputs=inputs,
        )

    def _names(self) -> list[str]:
        return list(dict.fromkeys(columns_of(self.derived.expression)))

    def _features(self) -> list[str]:
        given = {field.name for field in self.service.request} | {REQUEST_TIME}
        return [name for name in self._names() if name not in given]

    def _read(self, name: str) -> tuple[Role, str]:
        """The role and the feature behind a column of the expression."""
        found = [role for role in self.service.roles if name.startswith(f"{role.name}__")]
        role = max(found, key=lambda role: len(role.name))
        return role, name[len(role.name) + 2 :]

    def _request(self) -> tuple[Field, ...]:
        fields = tuple(field for field in self.service.request if field.name in self._names())
        missing = [field.name for field in fields if field.name not in self.entity]
        if missing:
            raise BadRequest(f"{self.derived.name} reads the request input {missing[0]!r}, which was not given")
        return fields

    def _law(self, gathered: Mapping[str, Gathered]) -> Answer:
        """The judge's answer: every feature read as a view of its own, since each has rows of its own."""
        roles, judges = [], {}
        for name, each in gathered.items():
            role, feature = self._read(name)
            roles.append(Role(role.name, name, role.on, (feature,)))
            judges[name] = Judge(each.view, each.history.rows)
        alone = replace(self.service, roles=tuple(roles), outputs=(), derived=(self.derived,), request=self._request())
        return serve(alone, judges, self.entity, self.t)[self.derived.name]

    def _offline(self, gathered: Mapping[str, Gathered]) -> Answered:
        """What the offline engine makes of the values that it computed itself."""
        columns: dict[str, Any] = {REQUEST_TIME: pa.array([self.t], pa.int64())}
        for name, each in gathered.items():
            feature = next(one for one in each.view.features if one.name == each.feature)
            value = pa.array([each.offline.values[feature.name]], arrow_type(feature.type))
            columns[name] = stored_again(feature.type, value)  # type: ignore[arg-type]
        for field in self._request():
            columns[field.name] = stored(field.type, from_list(field.type, [self.entity[field.name]]).values)
        value = to_python(self.panels.engine.derive([self.derived], columns)[0])[0]
        overflowed = any(each.offline.status == Status.OVERFLOW for each in gathered.values())
        absent = Status.OVERFLOW if overflowed else Status.NULL
        return Answered({self.derived.name: value}, (absent if value is None else Status.PRESENT).value)

    def _online(self) -> Answered:
        """What serving answers, by the version of the service that is published."""
        try:
            published = self.panels.published()
            served = next((s for s in published.services if (s.name, s.version) == self._version()), None)
            if served is None or self.derived.name not in {derived.name for derived in served.derived}:
                return Answered({}, missing=f"the published {self.service.name} has no such derived feature")
            value = self._served(published, self._alone(served))
        except (StoreError, ManifestError, BeforeHorizon, CorruptState, UnknownFeatures, BadRequest) as error:
            return Answered({}, missing=str(error))
        if isinstance(self.derived.type, Timestamp):
            value = shown(value, self.derived.type)
        return Answered({self.derived.name: value}, Status.NULL if value is None else Status.PRESENT)

    def _served(self, published: Registry, alone: Service) -> Any:
        """What serving answers to a service of nothing but the derived feature."""
        if not alone.roles:  # nothing is read from the store: only the request is asked
            given = {field.name: from_list(field.type, [self.entity[field.name]]).values for field in alone.request}
            given[REQUEST_TIME] = constant(Timestamp(), self.t, 1)
            return to_list(self.derived.type, evaluate(alone.derived[0].expression, given, 1))[0]
        reader = OnlineReader(published, self.panels.addresses, self.panels.open_store())
        columns = {name for role in alone.roles for name in role.on} | {field.name for field in alone.request}
        row = {name: value for name, value in self.entity.items() if name in columns}
        return reader.get_online_features(alone, [row], at=self.t).to_dict()[self.derived.name][0]

    def _alone(self, served: Service) -> Service:
        """The published service without all that the derived feature does not read, so that it needs no other keys."""
        derived = tuple(derived for derived in served.derived if derived.name == self.derived.name)
        read = set(columns_of(derived[0].expression))
        roles = tuple(role for role in served.roles if any(name.startswith(f"{role.name}__") for name in read))
        request = tuple(field for field in served.request if field.name in read)
        return replace(served, outputs=(), derived=derived, roles=roles, request=request)

    def _version(self) -> tuple[str, int]:
        return self.service.name, self.service.version
