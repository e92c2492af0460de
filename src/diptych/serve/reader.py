"""Online reads: one fetch of all states of a request, one compiled call per view, and the derived columns.

What a service needs is prepared at its first request and kept; after that a request costs its round trip, the kernel,
and a handful of array operations.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from diptych.compile.online.answers import BeforeHorizon, CorruptState, horizon_of, read
from diptych.compile.online.program import Program
from diptych.compile.online.settle import settle
from diptych.compile.online.together import Block
from diptych.ground.instants import instant, moment
from diptych.ground.values import Timestamp
from diptych.kernel.places import NULL_KEY
from diptych.plan.nodes import REQUEST_TIME, Registry, Service, View
from diptych.plan.selection import Wanted, select
from diptych.rows.evaluate import evaluate
from diptych.rows.values import constant
from diptych.serve.addresses import Addresses
from diptych.serve.answer import OnlineFeatures, RoleAnswers
from diptych.serve.clock import Clock, system_clock
from diptych.serve.manifest import Manifests
from diptych.serve.plans import Entities, Fetch, ServicePlan, ViewPlan, prepare
from diptych.serve.request import EntityRows
from diptych.serve.requestlog.log import RequestLog
from diptych.serve.requestlog.noted import Ticket
from diptych.serve.stores.protocol import KeyValueStore

_PREPARED = 256
"""Services that a reader keeps prepared; past that it begins anew."""


@dataclass(slots=True)
class OnlineReader:
    """Answers feature requests for one registry out of one store; with a ``log``, sampled requests are written down."""

    registry: Registry
    addresses: Addresses
    store: KeyValueStore
    clock: Clock = system_clock
    log: RequestLog | None = None
    _plans: dict[Any, tuple[Any, ServicePlan]] = field(default_factory=dict)
    _programs: dict[str, Program] = field(default_factory=dict)

    @classmethod
    def published(
        cls, addresses: Addresses, store: KeyValueStore, clock: Clock = system_clock, log: RequestLog | None = None
    ) -> "OnlineReader":
        """A reader of the current manifest; no team module is needed. Raises ManifestError."""
        return cls(Manifests(store, addresses).current().registry, addresses, store, clock, log)

    def get_online_features(
        self,
        features: Wanted,
        entity_rows: EntityRows,
        at: int | datetime | None = None,
        full_feature_names: bool = True,
        request_id: str | None = None,
    ) -> OnlineFeatures:
        """The features of every entity row, now or at an instant that is not before the horizon.

        ``features``: a service, its name, ``"name:version"`` or a list of ``"view:feature"``. ``entity_rows``: dicts of
        keys and request inputs, or a dict of columns. ``at``: microseconds since the epoch, or a datetime (naive: UTC).
        ``request_id``: what the request log calls it; None: a name is made. Raises UnknownFeatures, BadRequest,
        BeforeHorizon, CorruptState and the store's errors.
        """
        began = time.perf_counter_ns()
        plan = self._plan(features, full_feature_names)
        fetch = self._prepare(plan, entity_rows, at)
        ticket = None if self.log is None else self.log.ticket(plan, fetch, request_id, began)
        keys = _keys(fetch, ticket)
        return self._finish(plan, fetch, self.store.get_many(keys) if keys else [], ticket, request_id)

    async def get_online_features_async(
        self,
        features: Wanted,
        entity_rows: EntityRows,
        at: int | datetime | None = None,
        full_feature_names: bool = True,
        request_id: str | None = None,
    ) -> OnlineFeatures:
        """Like ``get_online_features``, without blocking the event loop while the store answers."""
        began = time.perf_counter_ns()
        plan = self._plan(features, full_feature_names)
        fetch = self._prepare(plan, entity_rows, at)
        ticket = None if self.log is None else self.log.ticket(plan, fetch, request_id, began)
        keys = _keys(fetch, ticket)
        return self._finish(plan, fetch, await self.store.get_many_async(keys) if keys else [], ticket, request_id)

    def keys_of(self, features: Wanted, entity_rows: EntityRows) -> list[bytes]:
        """The keys that a request reads in its one fetch."""
        plan = self._plan(features, True)
        return self._prepare(plan, entity_rows, 0).keys

    def warm(self, features: Wanted) -> None:
        """Prepare a service, and compile what it needs, before the first request arrives."""
        plan = self._plan(features, True)
        plan.together.read([None] * len(plan.views), [1] * len(plan.views), 0)

    def _plan(self, wanted: Wanted, full_names: bool) -> ServicePlan:
        name = id(wanted) if isinstance(wanted, Service) else tuple(wanted) if isinstance(wanted, list) else wanted
        known = self._plans.get((name, full_names))
        if known is not None:
            return known[1]
        if len(self._plans) >= _PREPARED:
            self._plans.clear()
        service = select(self.registry, wanted, full_names)
        plan = prepare(service, self.registry, self.addresses.states, self._program)
        self._plans[name, full_names] = (wanted, plan)  # the service itself too, or its id could come to name another
        return plan

    def _program(self, view: View) -> Program:
        if view.fingerprint not in self._programs:
            self._programs[view.fingerprint] = Program.of(view)
        return self._programs[view.fingerprint]

    def _prepare(self, plan: ServicePlan, rows: EntityRows, at: int | datetime | None) -> Fetch:
        now = self.clock() if at is None else instant(at) if isinstance(at, datetime) else at
        columns = plan.door.columns_of(rows)
        count = len(next(iter(columns.values()))) if columns else 1 if isinstance(rows, dict) else len(rows)
        plan.door.check_inputs(columns)
        keys = plan.door.keys(columns, count)
        entities = [Entities.of({number: keys[number] for number in group}) for group in plan.groups]
        stored = [key for view in plan.views for key in entities[view.group].stored(view.prefix)]
        return Fetch(columns, count, now, keys, entities, stored)

    def _finish(
        self,
        plan: ServicePlan,
        fetch: Fetch,
        found: Sequence[bytes | None],
        ticket: Ticket | None,
        request_id: str | None,
    ) -> OnlineFeatures:
        """The answer out of what was found; one that is sampled goes to the log too."""
        block = _read(plan, fetch, list(found[: len(fetch.keys)]))
        answer = self._answer(plan, fetch, block, request_id if ticket is None else ticket.request_id)
        if ticket is not None and self.log is not None:
            self.log.take(ticket, plan, fetch, block, answer.derived, found)
        return answer

    def _answer(self, plan: ServicePlan, fetch: Fetch, block: Block, request_id: str | None) -> OnlineFeatures:
        make_roles = partial(_roles, plan, fetch, block)
        derived = self._derive(plan, fetch, make_roles()) if plan.service.derived else {}
        in_order = fetch.count > 0 and all(place is None for group in fetch.entities for place in group.places.values())
        plain = (plan.plain, block) if in_order and plan.plain is not None else None
        return OnlineFeatures(
            plan.service, plan.blank, fetch.instant, fetch.columns, make_roles, derived, fetch.count, plain, request_id
        )

    def _derive(self, plan: ServicePlan, fetch: Fetch, roles: Sequence[RoleAnswers]) -> dict[str, Any]:
        columns = plan.door.input_values(fetch.columns)
        columns[REQUEST_TIME] = constant(Timestamp(), fetch.instant, fetch.count)
        for name, role, row in plan.derived_reads:
            columns[name] = roles[role].values(row)
        return {
            derived.name: (derived.type, evaluate(derived.expression, columns, fetch.count))
            for derived in plan.service.derived
        }


def _keys(fetch: Fetch, ticket: Ticket | None) -> list[bytes]:
    """The keys of the one fetch; a request that is sampled asks for the stream positions too."""
    return fetch.keys if ticket is None or not fetch.keys else [*fetch.keys, *ticket.documents]


def _read(plan: ServicePlan, fetch: Fetch, states: list[bytes | None]) -> Block:
    """Every view's answers for its distinct entities."""
    groups, counts, start = [fetch.entities[view.group] for view in plan.views], [], 0
    for entities in groups:
        if entities.null is not None:
            states.insert(start + entities.null, None)
        counts.append(len(entities.keys))
        start += len(entities.keys)
    block = plan.together.read(states, counts, fetch.instant)
    if block is None:
        raise _fault(plan, groups, states, fetch.instant)
    for number, (view, entities) in enumerate(zip(plan.views, groups, strict=True)):
        if entities.null is not None:
            block.answers[number].status[:, entities.null] = NULL_KEY
        if view.open_features:
            settle(block.answers[number], view.open_features)
    return block


def _roles(plan: ServicePlan, fetch: Fetch, block: Block) -> tuple[RoleAnswers, ...]:
    """Each role's share of the answers."""
    roles = []
    for (view, _), key, columns in zip(plan.roles, plan.door.role_keys, plan.columns, strict=True):
        places = fetch.entities[plan.views[view].group].places[key]
        roles.append(RoleAnswers(columns, block.answers[view], places))
    return tuple(roles)


def _fault(
    plan: ServicePlan, groups: Sequence[Entities], states: Sequence[bytes | None], now: int
) -> BeforeHorizon | CorruptState:
    """What is wrong with the first view of which a state cannot be read."""
    start = 0
    for view, entities in zip(plan.views, groups, strict=True):
        mine = states[start : start + len(entities.keys)]
        try:
            read(view.program, mine, np.full(len(mine), now, np.int64))
        except (BeforeHorizon, CorruptState) as error:
            return _named(error, view, entities.keys, mine, now)
        start += len(mine)
    raise AssertionError("states that read well view by view do not read together")


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
