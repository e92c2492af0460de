"""What ``features=`` asks for, as a service: a declared one by name, or one made for ``"view:feature"`` names."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from diptych.declare.mistakes import did_you_mean
from diptych.ground.errors import DiptychError
from diptych.plan.nodes import Output, Registry, Role, Service, View


class UnknownFeatures(DiptychError):
    """``features=`` names something that the registry does not have."""


Wanted = str | Sequence[str] | Service


def select(registry: Registry, wanted: Wanted, full_feature_names: bool = True) -> Service:
    """The service that ``wanted`` names: a Service, ``"name"`` (its newest version), ``"name:version"``, or one
    ``"view:feature"`` or a list of them. With ``full_feature_names=False`` columns are named without their view.

    Raises UnknownFeatures, also where two short names are the same.
    """
    if isinstance(wanted, Service):
        service = wanted
    elif isinstance(wanted, str):
        service = _made(registry, [wanted]) if _is_feature(registry, wanted) else _declared(registry, wanted)
    else:
        if not isinstance(wanted, Sequence) or not all(isinstance(name, str) for name in wanted):
            raise UnknownFeatures(f'features= is {wanted!r}; pass a service, its name, or a list of "view:feature"')
        service = _made(registry, list(wanted))
    return service if full_feature_names else _shortened(service)


def _is_feature(registry: Registry, wanted: str) -> bool:
    """Whether a name with a colon speaks of a view; a service of the same name comes first."""
    name, colon, _ = wanted.partition(":")
    services = {service.name for service in registry.services}
    return bool(colon) and name not in services and name in {view.name for view in registry.views}


def _declared(registry: Registry, wanted: str) -> Service:
    name, _, version = wanted.partition(":")
    versions = [service for service in registry.services if service.name == name]
    if version:
        versions = [service for service in versions if str(service.version) == version]
    if not versions:
        known = [f"{service.name}:{service.version}" for service in registry.services]
        hint = _hint(wanted, [*known, *(service.name for service in registry.services)])
        raise UnknownFeatures(
            f"project {registry.project!r} has no feature service {wanted!r}; it has {_listed(known)}{hint}"
        )
    return max(versions, key=lambda service: service.version)


def _made(registry: Registry, wanted: list[str]) -> Service:
    if not wanted:
        raise UnknownFeatures('features= is an empty list; name a service, or features like "view:feature"')
    views = {view.name: view for view in registry.views}
    asked: dict[str, list[str]] = {}
    outputs = []
    for spelled in dict.fromkeys(wanted):
        view_name, colon, name = spelled.partition(":")
        if not colon:
            raise UnknownFeatures(f'{spelled!r} is not of the form "view:feature"')
        view = views.get(view_name)
        if view is None:
            raise UnknownFeatures(
                f"{spelled!r}: there is no view {view_name!r}; there are {_listed(views)}{_hint(view_name, views)}"
            )
        outputs.append(_output(view, name, spelled))
        asked.setdefault(view_name, []).append(name)
    roles = tuple(
        Role(name, name, tuple(key.name for key in views[name].entity.keys), tuple(names))
        for name, names in asked.items()
    )
    return Service(name=", ".join(asked), version=0, roles=roles, outputs=tuple(outputs))


def _output(view: View, name: str, spelled: str) -> Output:
    for feature in view.features:
        if feature.name == name:
            return Output(f"{view.name}__{name}", view.name, name, feature.type)
    known = [feature.name for feature in view.features]
    raise UnknownFeatures(
        f"{spelled!r}: the view {view.name!r} has no feature {name!r}; it has {_listed(known)}{_hint(name, known)}"
    )


def _shortened(service: Service) -> Service:
    taken = {field.name for field in service.request} | {derived.name for derived in service.derived}
    taken |= {column for role in service.roles for column in role.on}
    outputs = []
    for output in service.outputs:
        if output.feature in taken:
            raise UnknownFeatures(
                f"full_feature_names=False gives two columns named {output.feature!r} in {service.name!r}; "
                "leave it True, or ask for one of them"
            )
        taken.add(output.feature)
        outputs.append(replace(output, name=output.feature))
    return replace(service, outputs=tuple(outputs))


def _hint(name: str, known: Iterable[str]) -> str:
    hint = did_you_mean(name, known)
    return f" ({hint})" if hint else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
