"""Online reads: one fetch of all states of a request, one compiled call per view, and the derived columns.

What a service needs is prepared at its first request and kept; after that a request costs its round trip, the kernel,
and a handful of array operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.compile.online.answers import Answers, BeforeHorizon, CorruptState, horizon_of, read
from diptych.compile.online.program import Program
from diptych.ground.expression import columns_of
from diptych.ground.instants import instant, moment
from diptych.ground.values import Timestamp
from diptych.plan.nodes import REQUEST_TIME, Registry, Service, View
from diptych.rows.evaluate import evaluate
from diptych.rows.values import Values, constant
from diptych.serve.addresses import Addresses
from diptych.serve.answer import OnlineFeatures, RoleAnswers, RoleColumns
from diptych.serve.clock import Clock, system_clock
from diptych.serve.manifest import Manifests
from diptych.serve.request import EntityRows, RequestDoor
from diptych.serve.selection import Wanted, select
from diptych.serve.stores.protocol import KeyValueStore

_PREPARED = 256
"""Services that a reader keeps prepared; past that it begins anew."""


@dataclass(frozen=True)
class ViewPlan:
    """A view of a prepared service: what its keys begin with, its program, and its roles by number."""

    prefix: bytes
    program: Program
    roles: tuple[int, ...]
    open_features: frozenset[int]


@dataclass(frozen=True)
class ServicePlan:
    """All that a request of one service needs and that does not depend on the request."""

    service: Service
    door: RequestDoor
    views: tuple[ViewPlan, ...]
    columns: tuple[RoleColumns, ...]
    roles: tuple[tuple[int, dict[str, int]], ...]

    @cached_property
    def derived_reads(self) -> tuple[tuple[str, int, int], ...]:
        """(name, role, feature) of every ``role__feature`` that a derived column reads."""
        wanted = {name for derived in self.service.derived for name in columns_of(derived.expression)}
        return tuple(
            (f"{role.name}__{feature}", number, row)
            for number, role in enumerate(self.service.roles)
            for feature, row in self.roles[number][1].items()
            if f"{role.name}__{feature}" in wanted
        )


@dataclass(slots=True)
class Fetch:
    """The keys of one request: per view the distinct entities, per role where each row finds its own."""

    columns: dict[str, list[Any]]
    count: int
    instant: int
    entities: list[list[bytes | None]]
    places: dict[int, list[int]]
    keys: list[bytes]


@dataclass(slots=True)
class OnlineReader:
    """Answers feature requests for one registry out of one store."""

    registry: Registry
    addresses: Addresses
    store: KeyValueStore
    clock: Clock = system_clock
    _plans: dict[Any, tuple[Any, ServicePlan]] = field(default_factory=dict)
    _programs: dict[str, Program] = field(default_factory=dict)

    @classmethod
    def published(cls, addresses: Addresses, store: KeyValueStore, clock: Clock = system_clock) -> "OnlineReader":
        """A reader of the current manifest; no team module is needed. Raises ManifestError."""
        return cls(Manifests(store, addresses).current().registry, addresses, store, clock)

    def get_online_features(
        self,
        features: Wanted,
        entity_rows: EntityRows,
        at: int | datetime | None = None,
        full_feature_names: bool = True,
    ) -> OnlineFeatures:
        """The features of every entity row, now or at an instant that is not before the horizon.

        ``features``: a service, its name, ``"name:version"`` or a list of ``"view:feature"``. ``entity_rows``: dicts of
        keys and request inputs, or a dict of columns. ``at``: microseconds since the epoch, or a datetime (naive: UTC).
        Raises UnknownFeatures, BadRequest, BeforeHorizon, CorruptState and the store's errors.
        """
        plan = self._plan(features, full_feature_names)
        fetch = self._prepare(plan, entity_rows, at)
        return self._answer(plan, fetch, self.store.get_many(fetch.keys) if fetch.keys else [])

    async def get_online_features_async(
        self,
        features: Wanted,
        entity_rows: EntityRows,
        at: int | datetime | None = None,
        full_feature_names: bool = True,
    ) -> OnlineFeatures:
        """Like ``get_online_features``, without blocking the event loop while the store answers."""
        plan = self._plan(features, full_feature_names)
        fetch = self._prepare(plan, entity_rows, at)
        return self._answer(plan, fetch, await self.store.get_many_async(fetch.keys) if fetch.keys else [])

    def warm(self, features: Wanted) -> None:
        """Prepare a service, and compile what it needs, before the first request arrives."""
        plan = self._plan(features, True)
        for view in plan.views:
            read(view.program, [None], np.zeros(1, np.int64))

    def _plan(self, wanted: Wanted, full_names: bool) -> ServicePlan:
        name = id(wanted) if isinstance(wanted, Service) else wanted if isinstance(wanted, str) else tuple(wanted)
        known = self._plans.get((name, full_names))
        if known is not None:
            return known[1]
        if len(self._plans) >= _PREPARED:
            self._plans.clear()
        plan = self._prepare_service(select(self.registry, wanted, full_names))
        self._plans[name, full_names] = (wanted, plan)  # the service itself too, or its id could come to name another
        return plan

    def _prepare_service(self, service: Service) -> ServicePlan:
        names = list(dict.fromkeys(role.view for role in service.roles))
        views, roles = [], []
        for name in names:
            view = self.registry.view(name)
            program = self._program(view)
            used = tuple(number for number, role in enumerate(service.roles) if role.view == name)
            asked = {feature for number in used for feature in service.roles[number].features}
            asked |= {out.feature for out in service.outputs if service.roles[_role(service, out.role)].view == name}
            is_open = frozenset(row for row, feature, _ in program.open_features if feature.name in asked)
            views.append(ViewPlan(self.addresses.states(view), program, used, is_open))
        for role in service.roles:
            rows = {feature.name: row for row, feature in enumerate(self.registry.view(role.view).features)}
            roles.append((names.index(role.view), rows))
        columns = tuple(
            RoleColumns(tuple((o.name, roles[n][1][o.feature], o.type) for o in service.outputs if o.role == role.name))
            for n, role in enumerate(service.roles)
        )
        return ServicePlan(service, RequestDoor.of(self.registry, service), tuple(views), columns, tuple(roles))

    def _program(self, view: View) -> Program:
        if view.fingerprint not in self._programs:
            self._programs[view.fingerprint] = Program.of(view)
        return self._programs[view.fingerprint]

    def _prepare(self, plan: ServicePlan, rows: EntityRows, at: int | datetime | None) -> Fetch:
        now = self.clock() if at is None else instant(at) if isinstance(at, datetime) else at
        columns = plan.door.columns_of(rows)
        count = len(next(iter(columns.values()))) if columns else 1 if isinstance(rows, dict) else len(rows)
        plan.door.check_inputs(columns)
        by_role = plan.door.keys(columns, count)
        entities, places, keys = [], {}, []
        for view in plan.views:
            index: dict[bytes | None, int] = {}
            for role in view.roles:
                places[role] = [index.setdefault(key, len(index)) for key in by_role[role]]
            distinct = list(index)
            entities.append(distinct)
            prefix = view.prefix
            keys += [prefix + key for key in distinct if key is not None]
        return Fetch(columns, count, now, entities, places, keys)

    def _answer(self, plan: ServicePlan, fetch: Fetch, states: Sequence[bytes | None]) -> OnlineFeatures:
        answers, start = [], 0
        for view, entities in zip(plan.views, fetch.entities, strict=True):
            answers.append(self._read(view, entities, states, start, fetch.instant))
            start += len(entities) - (None in entities)
        roles = []
        for number, (view_number, _) in enumerate(plan.roles):
            places = fetch.places[number]
            in_order = len(places) == len(fetch.entities[view_number]) and places == list(range(len(places)))
            where = None if in_order else np.array(places, np.int64)
            roles.append(RoleAnswers(plan.columns[number], answers[view_number], where))
        derived = self._derive(plan, fetch, roles) if plan.service.derived else {}
        return OnlineFeatures(plan.service, fetch.instant, fetch.columns, tuple(roles), derived, fetch.count)

    def _read(
        self, view: ViewPlan, entities: list[bytes | None], states: Sequence[bytes | None], start: int, now: int
    ) -> Answers:
        nulls = [entities.index(None)] if None in entities else []
        mine = list(states[start : start + len(entities) - len(nulls)])
        for place in nulls:
            mine.insert(place, None)
        instants = np.full(len(entities), now, np.int64)
        try:
            answers = read(view.program, mine, instants, nulls)
        except (BeforeHorizon, CorruptState) as error:
            raise _named(error, view, entities, mine, now) from None
        if view.open_features:
            _settle(view, answers, instants)
        return answers

    def _derive(self, plan: ServicePlan, fetch: Fetch, roles: list[RoleAnswers]) -> dict[str, Any]:
        columns = plan.door.input_values(fetch.columns)
        columns[REQUEST_TIME] = constant(Timestamp(), fetch.instant, fetch.count)
        for name, role, row in plan.derived_reads:
            columns[name] = roles[role].values(row)
        return {
            derived.name: (derived.type, evaluate(derived.expression, columns, fetch.count))
            for derived in plan.service.derived
        }


def _role(service: Service, name: str) -> int:
    return next(number for number, role in enumerate(service.roles) if role.name == name)


def _settle(view: ViewPlan, answers: Answers, instants: npt.NDArray[np.int64]) -> None:
    """Evaluate the finishes that the kernel leaves open: text, calendars."""
    times = Values(instants, np.ones(len(instants), np.bool_))
    for row, feature, reductions in view.program.open_features:
        if row in view.open_features:
            columns = {f"r{index}": answers.reduction(index) for index in reductions}
            columns[REQUEST_TIME] = times
            answers.settle(row, evaluate(feature.finish, columns, len(instants)))


def _named(
    error: BeforeHorizon | CorruptState,
    view: ViewPlan,
    entities: list[bytes | None],
    states: Sequence[bytes | None],
    now: int,
) -> BeforeHorizon | CorruptState:
    """The kernel's complaint about a position, with the key and the view that it is about."""
    name, entity = view.program.view.name, view.program.view.entity.name
    if isinstance(error, BeforeHorizon):
        for key, state in zip(entities, states, strict=True):
            horizon = horizon_of(state)
            if horizon is not None and horizon > now:
                return BeforeHorizon(
                    f"view {name!r}: {entity} {_spell(key)} can be read from {moment(horizon).isoformat()} on, its "
                    f"horizon, and not at {moment(now).isoformat()}: older records are folded away. Read that instant "
                    "from history (get_historical_features)"
                )
    for key, state in zip(entities, states, strict=True):
        try:
            read(view.program, [state], np.full(1, now, np.int64))
        except CorruptState:
            return CorruptState(
                f"view {name!r}: the stored state of {entity} {_spell(key)} is corrupt: its {len(state or b'')} bytes "
                f"are no header, tiles of {view.program.layout.tile_bytes} and records of "
                f"{view.program.layout.record_bytes} bytes (key {view.prefix + (key or b'')!r}). Delete that key and "
                "backfill the view again"
            )
        except BeforeHorizon:
            continue
    return error


def _spell(key: bytes | None) -> str:
    return repr((key or b"").decode(errors="replace"))
