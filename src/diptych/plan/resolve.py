"""Declarations to plan: every name looked up, every type known, and all mistakes told at once."""

from collections.abc import Iterable
from typing import TypeVar

from diptych.declare.entity import Entity
from diptych.declare.mistakes import Mistake, RegistryError
from diptych.declare.place import Place
from diptych.declare.project import FILE, Project
from diptych.declare.registry import Declaration, reachable
from diptych.declare.service import FeatureService
from diptych.declare.source import EventSource
from diptych.declare.view import FeatureView
from diptych.plan import nodes
from diptych.plan.findings import Findings
from diptych.plan.resolve_service import resolve_service
from diptych.plan.resolve_source import resolve_entity, resolve_source
from diptych.plan.resolve_view import resolve_view

Named = TypeVar("Named", Entity, EventSource, FeatureView)


def resolve(declarations: Iterable[Declaration], project: Project, mistakes: Iterable[Mistake] = ()) -> nodes.Registry:
    """The registry of a project, everything in order of name.

    ``declarations`` may come in any order and more than once; what they refer to need not be among them. Raises
    RegistryError with every mistake there is, those given as ``mistakes`` included.
    """
    findings = Findings(list(mistakes))
    everything = reachable(declarations)
    entities = _by_name(everything, Entity, "entities", findings)
    sources = _by_name(everything, EventSource, "sources", findings)
    views = _by_name(everything, FeatureView, "views", findings)
    entity_nodes = {name: resolve_entity(entity, findings) for name, entity in entities.items()}
    resolved_sources = {name: resolve_source(source, findings) for name, source in sources.items()}
    resolved_views = {
        name: resolve_view(view, entity_nodes[view.entity.name], resolved_sources[view.source.name], findings)
        for name, view in views.items()
    }
    services = [resolve_service(service, resolved_views, findings) for service in _services(everything, findings)]
    _check_locations(project, sources, findings)
    if findings.mistakes:
        raise RegistryError(findings.mistakes)
    return nodes.Registry(
        project=project.project,
        sources=tuple(source.node for source in resolved_sources.values()),
        entities=tuple(entity_nodes.values()),
        views=tuple(view.node for view in resolved_views.values()),
        services=tuple(service for service in services if service is not None),
    )


def _by_name(declarations: list[Declaration], kind: type[Named], noun: str, findings: Findings) -> dict[str, Named]:
    """The declarations of one kind, sorted by name; two different ones of a name are a mistake."""
    found: dict[str, Named] = {}
    for declaration in declarations:
        if isinstance(declaration, kind):
            first = found.setdefault(declaration.name, declaration)
            if first != declaration:
                _differ(findings, declaration.place, f"two {noun} named {declaration.name!r}", first.place)
    return {name: found[name] for name in sorted(found, key=str)}


def _services(declarations: list[Declaration], findings: Findings) -> list[FeatureService]:
    found: dict[tuple[str, int], FeatureService] = {}
    for declaration in declarations:
        if isinstance(declaration, FeatureService):
            first = found.setdefault((declaration.name, declaration.version), declaration)
            if first != declaration:
                what = f"two services named {declaration.name!r} with version {declaration.version}"
                _differ(findings, declaration.place, what, first.place, "give the new one the next version")
    return [found[key] for key in sorted(found, key=str)]


def _differ(findings: Findings, place: Place, what: str, other: Place, hint: str = "") -> None:
    findings.add(place, f"{what} differ: the other one is at {other}", hint=hint or "give one of them another name")


def _check_locations(project: Project, sources: Iterable[str], findings: Findings) -> None:
    for name, environment in project.environments.items():
        for source in sorted(set(environment.sources) - set(sources)):
            what = f"environments.{name}.sources: unknown source {source!r}"
            findings.unknown(Place(FILE, 1), what, source, sources)
