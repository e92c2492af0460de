"""What a suite is about: the registry narrowed to the views, features and services that it names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from diptych.ground.errors import DiptychError
from diptych.ground.values import Float64
from diptych.plan.fingerprint import stamped
from diptych.plan.nodes import Feature, Registry, Service, View
from diptych.plan.selection import select


class BadSuite(DiptychError):
    """A suite that names what does not exist, or asks for what cannot be."""


def narrowed(registry: Registry, wanted: Sequence[str], tolerances: Mapping[str, float]) -> Registry:
    """The registry with only what ``wanted`` names (services, views, ``"view:feature"``; nothing: all of it).

    ``tolerances`` (by ``"view:feature"``) are put in place of those declared. Raises BadSuite, and UnknownFeatures for a
    service.
    """
    if isinstance(wanted, str):
        raise BadSuite(f"features={wanted!r} is a text; write a list: features=[{wanted!r}]")
    services = list(registry.services) if not wanted else []
    features = {view.name: set() if wanted else _names(view) for view in registry.views}
    for name in wanted:
        view, colon, feature = name.partition(":")
        if view in features:
            features[view] |= {_known(registry.view(view), feature)} if colon else _names(registry.view(view))
        else:
            service = _service(registry, name)
            services.append(service)
            for role in service.roles:
                features[role.view] |= set(role.features)
    loosened = _loosened(registry, tolerances)
    views = tuple(_only(view, features[view.name], loosened) for view in registry.views if features[view.name])
    sources = {view.source.name for view in views}
    return replace(
        registry,
        sources=tuple(source for source in registry.sources if source.name in sources),
        views=views,
        services=tuple(dict.fromkeys(services)),
    )


def feature_of(registry: Registry, spelled: str) -> tuple[View, Feature]:
    """The view and feature that ``"view:feature"`` names; raises BadSuite."""
    name, colon, feature = spelled.partition(":")
    view = next((view for view in registry.views if view.name == name), None)
    if view is None or not colon:
        known = ", ".join(view.name for view in registry.views) or "none"
        raise BadSuite(f'{spelled!r} is no "view:feature": there are the views {known}')
    _known(view, feature)
    return view, next(each for each in view.features if each.name == feature)


def _service(registry: Registry, name: str) -> Service:
    if all(service.name != name.partition(":")[0] for service in registry.services):
        views = ", ".join(view.name for view in registry.views) or "none"
        services = ", ".join(service.name for service in registry.services) or "none"
        raise BadSuite(f"features: there is no view or service {name!r}; views are {views}; services are {services}")
    return select(registry, name)


def _names(view: View) -> set[str]:
    return {feature.name for feature in view.features}


def _known(view: View, feature: str) -> str:
    if feature not in _names(view):
        known = ", ".join(each.name for each in view.features)
        raise BadSuite(f"the view {view.name!r} has no feature {feature!r}; it has {known}")
    return feature


def _loosened(registry: Registry, tolerances: Mapping[str, float]) -> dict[tuple[str, str], float]:
    found = {}
    for spelled, tolerance in tolerances.items():
        view, feature = feature_of(registry, spelled)
        if not isinstance(feature.type, Float64):
            raise BadSuite(f"tolerances: {spelled!r} is a {feature.type}, which is exact; only Float64 has a tolerance")
        if not 0 < tolerance < 1:
            raise BadSuite(f"tolerances: {spelled!r} has {tolerance!r}; a relative tolerance lies between 0 and 1")
        found[view.name, feature.name] = tolerance
    return found


def _only(view: View, features: set[str], tolerances: Mapping[tuple[str, str], float]) -> View:
    kept = tuple(
        replace(feature, tolerance=tolerances.get((view.name, feature.name), feature.tolerance))
        for feature in view.features
        if feature.name in features
    )
    return view if kept == view.features else stamped(replace(view, features=kept))
