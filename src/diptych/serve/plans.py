"""Prepared services: all that a request needs and that does not depend on the request, worked out once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.compile.online.program import Program
from diptych.compile.online.together import Together
from diptych.ground.expression import columns_of
from diptych.plan.nodes import Registry, Service, View
from diptych.serve.answer import PlainColumns, RoleColumns
from diptych.serve.request import RequestDoor

Keys = list[bytes | None]


@dataclass(frozen=True)
class ViewPlan:
    """A view of a service: what its keys begin with, its program, its group of keys, and finishes left open to us."""

    prefix: bytes
    program: Program
    group: int
    open_features: frozenset[int]


@dataclass(frozen=True, slots=True)
class Entities:
    """The distinct keys that the roles of a view ask for; ``null`` is the place of the null key among them.

    ``places``, by number of the key, says which of them each row asks for; None where that is all of them in order.
    """

    keys: Keys
    null: int | None
    places: dict[int, npt.NDArray[np.int64] | None]

    @classmethod
    def of(cls, asked: dict[int, Keys]) -> "Entities":
        """The distinct keys among the keys that are asked for, each key of the request by its number."""
        index: dict[bytes | None, int] = dict.fromkeys(chain.from_iterable(asked.values()), 0)
        distinct = list(index)
        places: dict[int, npt.NDArray[np.int64] | None] = {}
        numbered = False
        for number, keys in asked.items():
            if keys == distinct:
                places[number] = None
                continue
            if not numbered:
                index = {key: place for place, key in enumerate(distinct)}
                numbered = True
            places[number] = np.array([index[key] for key in keys], np.int64)
        return cls(distinct, distinct.index(None) if None in index else None, places)

    def stored(self, prefix: bytes) -> list[bytes]:
        """The keys of the states of a view."""
        return [prefix + key for key in self.keys if key is not None]


@dataclass(frozen=True, slots=True)
class Fetch:
    """What one request asks for: its columns, row keys and instant, the entities of each group, all keys to fetch."""

    columns: dict[str, list[Any]]
    count: int
    instant: int
    row_keys: list[list[bytes | None]]
    entities: list[Entities]
    keys: list[bytes]


@dataclass(frozen=True)
class ServicePlan:
    """A service ready to be asked.

    ``groups`` are the sets of keys (by their number in the door) for which some view is asked: views of one group share
    their distinct entities. ``roles`` gives for each role its view (by number) and the rows of its features by name.
    """

    service: Service
    door: RequestDoor
    views: tuple[ViewPlan, ...]
    groups: tuple[tuple[int, ...], ...]
    columns: tuple[RoleColumns, ...]
    roles: tuple[tuple[int, dict[str, int]], ...]

    @cached_property
    def together(self) -> Together:
        """The programs of all views, to be read in one call."""
        return Together.of([view.program for view in self.views])

    @cached_property
    def plain(self) -> PlainColumns | None:
        """All outputs as plain columns, where they are, and all views are asked for the same entities."""
        if len(self.groups) != 1:
            return None
        by_name = {role.name: self.roles[number] for number, role in enumerate(self.service.roles)}
        shown = [(out.name, by_name[out.role][0], by_name[out.role][1][out.feature]) for out in self.service.outputs]
        return PlainColumns.of(self.together, shown)

    @cached_property
    def blank(self) -> dict[str, list[Any]]:
        """The names of the outputs in their order, with nothing in them yet."""
        return {output.name: [] for output in self.service.outputs}

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


def prepare(
    service: Service, registry: Registry, prefix_of: Callable[[View], bytes], program_of: Callable[[View], Program]
) -> ServicePlan:
    """The plan of a service of the registry."""
    door = RequestDoor.of(registry, service)
    names = list(dict.fromkeys(role.view for role in service.roles))
    by_role = {role.name: number for number, role in enumerate(service.roles)}
    views: list[ViewPlan] = []
    groups: list[tuple[int, ...]] = []
    for name in names:
        view, program = registry.view(name), program_of(registry.view(name))
        used = tuple(number for number, role in enumerate(service.roles) if role.view == name)
        asked = {feature for number in used for feature in service.roles[number].features}
        asked |= {output.feature for output in service.outputs if by_role[output.role] in used}
        left_open = frozenset(row for row, feature, _ in program.open_features if feature.name in asked)
        group = tuple(dict.fromkeys(door.role_keys[number] for number in used))
        if group not in groups:
            groups.append(group)
        views.append(ViewPlan(prefix_of(view), program, groups.index(group), left_open))
    roles = []
    for role in service.roles:
        rows = {feature.name: row for row, feature in enumerate(registry.view(role.view).features)}
        roles.append((names.index(role.view), rows))
    columns = tuple(
        RoleColumns.of(
            views[roles[number][0]].program,
            tuple((out.name, roles[number][1][out.feature]) for out in service.outputs if out.role == role.name),
        )
        for number, role in enumerate(service.roles)
    )
    return ServicePlan(service, door, tuple(views), tuple(groups), columns, tuple(roles))
