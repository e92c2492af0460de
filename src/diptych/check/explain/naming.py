"""What is to be explained, by the names that people use: features of views, outputs and derived columns of services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.declare.mistakes import did_you_mean
from diptych.plan.nodes import Derived, Registry, Role, Service, View
from diptych.plan.selection import UnknownFeatures, select
from diptych.serve.request import BadRequest


@dataclass(frozen=True, slots=True)
class Wanted:
    """A feature as a role has it, or a derived column of a service; ``column`` is its name in answers."""

    service: Service
    role: Role | None
    feature: str
    derived: Derived | None

    @property
    def column(self) -> str:
        """The name under which the service gives it; a feature that it does not give out has ``role__feature``."""
        if self.derived is not None:
            return self.derived.name
        assert self.role is not None
        for output in self.service.outputs:
            if (output.role, output.feature) == (self.role.name, self.feature):
                return output.name
        return f"{self.role.name}__{self.feature}"


def wanted(registry: Registry, name: str, service: str | Service | None = None) -> Wanted:
    """What ``name`` means: ``"view:feature"``; or with a service an output, ``"role:feature"`` or a derived column.

    Raises UnknownFeatures.
    """
    if service is None:
        made = select(registry, [name])
        return Wanted(made, made.roles[0], made.outputs[0].feature, None)
    chosen = service if isinstance(service, Service) else select(registry, service)
    for derived in chosen.derived:
        if derived.name == name:
            return Wanted(chosen, None, name, derived)
    for role in chosen.roles:
        features = {feature.name for feature in registry.view(role.view).features}
        outputs = {output.name: output.feature for output in chosen.outputs if output.role == role.name}
        if name in outputs:
            return Wanted(chosen, role, outputs[name], None)
        for split in (":", "__"):
            head, mark, feature = name.partition(split)
            if mark and head in (role.name, role.view) and feature in features:
                return Wanted(chosen, role, feature, None)
    known = [*(output.name for output in chosen.outputs), *(derived.name for derived in chosen.derived)]
    hint = did_you_mean(name, known) or f"It has {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}"
    raise UnknownFeatures(f"service {chosen.name!r} has no column {name!r}. {hint}")


def key_parts(view: View, columns: Sequence[str], entity: Mapping[str, Any]) -> list[Any]:
    """The key of a view's entity out of a request's columns. Raises BadRequest where one is missing."""
    missing = [column for column in columns if column not in entity]
    if missing:
        given = ", ".join(entity) or "nothing"
        raise BadRequest(
            f"the key of entity {view.entity.name!r} is {', '.join(columns)}: {', '.join(missing)} was not given, only "
            f"{given}"
        )
    return [entity[column] for column in columns]
