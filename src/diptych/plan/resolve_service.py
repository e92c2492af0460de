"""Services resolved: roles, outputs, request inputs and derived features."""

from collections.abc import Mapping
from dataclasses import replace

from diptych.declare.service import FeatureService
from diptych.declare.view import FeatureView, ViewUse
from diptych.ground.expression import Call, Column, Expression, Literal
from diptych.ground.values import ListOf, Timestamp, ValueType
from diptych.plan import nodes
from diptych.plan.conversion import spelled
from diptych.plan.findings import Bounded, Findings
from diptych.plan.fingerprint import service_fingerprint
from diptych.plan.naming import SEPARATOR, check_name, repeated
from diptych.plan.nodes import REQUEST_TIME
from diptych.plan.ranges import Interval, declared
from diptych.plan.resolve_source import check_type, tags_of
from diptych.plan.resolve_view import ResolvedView
from diptych.plan.typed import Scope


def resolve_service(
    service: FeatureService, views: Mapping[str, ResolvedView], findings: Findings
) -> nodes.Service | None:
    """The service's node, or None when a mistake leaves none; mistakes are noted."""
    what = f"service {service.name!r}"
    check_name(findings, service.place, what, service.name)
    if isinstance(service.version, bool) or not isinstance(service.version, int) or service.version < 1:
        findings.add(service.place, f"version of {what} must be a whole number from 1, not {service.version!r}")
    uses = [
        use if isinstance(use, ViewUse) else ViewUse(use, use.name, place=service.place) for use in service.features
    ]
    if not uses:
        findings.add(service.place, f"{what} has no features")
    for name in repeated(use.name for use in uses):
        hint = 'select its features in one place, or give one a role: .alias("...", on={...})'
        findings.add(service.place, f"{what} uses {name!r} twice", hint=hint)
    roles = [_role(use, service, views, findings) for use in uses]
    known = [role for role in roles if role is not None]
    request = _request(service, known, views, findings)
    outputs = _outputs(known, views)
    derived = _derived(service, known, views, findings)
    _check_collisions(service, findings)
    node = nodes.Service(
        name=service.name,
        version=service.version,
        roles=tuple(known),
        outputs=outputs,
        request=request,
        derived=derived,
        owner=service.owner,
        description=service.description,
        tags=tags_of(service.tags),
    )
    if any(feature not in views[role.view].types for role in known for feature in role.features):
        return None
    return replace(node, fingerprint=service_fingerprint(node, {name: view.node for name, view in views.items()}))


def _role(
    use: ViewUse, service: FeatureService, views: Mapping[str, ResolvedView], findings: Findings
) -> nodes.Role | None:
    view: FeatureView = use.view
    what = f"{use.name!r} of service {service.name!r}"
    check_name(findings, use.place, f"alias {what}" if use.name != view.name else what, use.name)
    if view.name not in views:
        findings.unknown(use.place, f"{what}: unknown view {view.name!r}", view.name, views)
        return None
    types = views[view.name].types
    wanted = tuple(types) if use.features is None else use.features
    for name in wanted:
        if name not in types:
            findings.unknown(use.place, f"{what}: view {view.name!r} has no feature {name!r}", name, types)
    for name in repeated(wanted):
        findings.add(use.place, f"{what} selects {name!r} twice")
    features = tuple(name for name in dict.fromkeys(wanted) if name in types)
    return nodes.Role(use.name, view.name, _role_keys(use, what, findings), features)


def _role_keys(use: ViewUse, what: str, findings: Findings) -> tuple[str, ...]:
    keys = use.view.entity.keys
    on = {} if use.on is None else dict(use.on)
    for name in sorted(set(on) - set(keys)):
        entity = use.view.entity.name
        findings.unknown(use.place, f"on of {what}: {name!r} is no key of entity {entity!r}", name, keys)
    for column in on.values():
        check_name(findings, use.place, f"request column of {what}", column, reserved=True)
    return tuple(on.get(name, name) for name in keys)


def _outputs(roles: list[nodes.Role], views: Mapping[str, ResolvedView]) -> tuple[nodes.Output, ...]:
    outputs = []
    for role in roles:
        for name in role.features:
            type_ = views[role.view].types[name]
            if type_ is not None:
                outputs.append(nodes.Output(f"{role.name}{SEPARATOR}{name}", role.name, name, type_))
    return tuple(outputs)


def _request(
    service: FeatureService, roles: list[nodes.Role], views: Mapping[str, ResolvedView], findings: Findings
) -> tuple[nodes.Field, ...]:
    """The request's inputs; one with the name of a key column must have the key's type."""
    what = f"service {service.name!r}"
    keys: dict[str, ValueType] = {}
    for role in roles:
        for column, part in zip(role.on, views[role.view].node.entity.keys, strict=False):
            first = keys.setdefault(column, part.type)
            if type(first) is not type(part.type):
                problem = f"{what} reads request column {column!r} as {spelled(first)} and as {spelled(part.type)}"
                findings.add(service.place, problem, hint="give one role other columns: .alias(..., on={...})")
    for name, type_ in service.request.items():
        check_name(findings, service.place, f"request input of {what}", name, reserved=True)
        check_type(findings, service.place, f"request input {name!r} of {what}", type_)
        if name in keys and type(keys[name]) is not type(type_):
            key = spelled(keys[name])
            problem = f"request input {name!r} of {what} is {spelled(type_)}, and a key of that name is {key}"
            findings.add(service.place, problem, hint="give the input another name")
    return tuple(nodes.Field(name, type_) for name, type_ in service.request.items())


def _derived(
    service: FeatureService,
    roles: list[nodes.Role],
    views: Mapping[str, ResolvedView],
    findings: Findings,
) -> tuple[nodes.Derived, ...]:
    scope, ranges = _derived_scope(service, roles, views)
    derived = []
    for name, written in service.derived.items():
        what = f"derived feature {name!r} of service {service.name!r}"
        check_name(findings, service.place, what, name, reserved=True)
        bounded: Bounded | None = findings.expression(service.place, what, written, scope, ranges)
        if bounded is not None:
            assert bounded.tree.type is not None
            derived.append(nodes.Derived(name, _full_names(bounded.tree), bounded.tree.type))
    return tuple(derived)


def _derived_scope(
    service: FeatureService, roles: list[nodes.Role], views: Mapping[str, ResolvedView]
) -> tuple[Scope, dict[str, Interval | None]]:
    """Outputs as ``role.feature``, request inputs and the time of the request; lists cannot be computed with."""
    types: dict[str, ValueType | None] = {REQUEST_TIME: Timestamp()}
    ranges: dict[str, Interval | None] = {REQUEST_TIME: declared(Timestamp())}
    for name, type_ in service.request.items():
        types[name], ranges[name] = type_, declared(type_)
    for role in roles:
        view = views[role.view]
        for feature in role.features:
            type_of = view.types[feature]
            if not isinstance(type_of, ListOf):
                types[f"{role.name}.{feature}"] = type_of
                ranges[f"{role.name}.{feature}"] = view.ranges.get(feature)
    return Scope(types, "input", approximate=True), ranges


def _full_names(tree: Expression) -> Expression:
    """``role.feature`` as the output column ``role__feature``."""
    match tree:
        case Column(name, type_):
            return Column(name.replace(".", SEPARATOR), type_)
        case Call(op, args, type_):
            return Call(op, tuple(_full_names(argument) for argument in args), type_)
        case Literal():
            return tree


def _check_collisions(service: FeatureService, findings: Findings) -> None:
    for name in sorted(set(service.derived) & set(service.request)):
        what = f"service {service.name!r} has a request input and a derived feature {name!r}"
        findings.add(service.place, what, hint="give one of them another name")
