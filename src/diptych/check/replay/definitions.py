"""By which definitions a log is replayed: those that answered, or what is left of the service under today's."""

from dataclasses import replace

from diptych.ground.expression import columns_of
from diptych.plan.nodes import Registry, Service, View
from diptych.serve.requestlog.schema import Described


def definitions(answered: Described, current: Registry | None) -> tuple[Registry, Service, dict[str, str]]:
    """The registry and the service to replay by, and why outputs of it are left out, by output.

    ``current`` None: the definitions that answered. Else the logged service reads today's views, as far as these have
    the features that it was answered with.
    """
    service = answered.service
    if current is None:
        return answered.definition, service, {}
    lost = _lost(answered, {view.name: view for view in current.views})
    kept = replace(
        service,
        roles=tuple(
            replace(role, features=tuple(name for name in role.features if f"{role.name}__{name}" not in lost))
            for role in service.roles
            if any(output.role == role.name and output.name not in lost for output in service.outputs)
        ),
        outputs=tuple(output for output in service.outputs if output.name not in lost),
        derived=tuple(derived for derived in service.derived if derived.name not in lost),
    )
    return current, kept, lost


def _lost(answered: Described, today: dict[str, View]) -> dict[str, str]:
    """Why outputs cannot be recomputed by today's views; under their full names too, by which derived columns read."""
    lost: dict[str, str] = {}
    views = {role.name: role.view for role in answered.service.roles}
    for output in answered.service.outputs:
        name = views[output.role]
        view = today.get(name)
        features = {} if view is None else {each.name: each.type for each in view.features}
        if view is not None and _key_types(view) != _key_types(answered.definition.view(name)):
            lost[output.name] = f"view {name} has other keys today"
        elif features.get(output.feature) != output.type:
            lost[output.name] = f"there is no {name}:{output.feature} of that type today"
        if output.name in lost:
            lost[f"{output.role}__{output.feature}"] = lost[output.name]
    for derived in answered.service.derived:
        if set(columns_of(derived.expression)) & set(lost):
            lost[derived.name] = "it reads a feature that there is no more"
    return lost


def _key_types(view: View) -> list[object]:
    return [key.type for key in view.entity.keys]
