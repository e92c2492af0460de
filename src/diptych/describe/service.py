"""What a service answers: which views by which keys, what a request brings, and every column in one line."""

from diptych.describe.facts import Fact, formula, reductions_of
from diptych.describe.spelling import spell_expression, spell_type
from diptych.ground.instants import spell
from diptych.plan.nodes import Feature, Registry, Service, View


def service_facts(registry: Registry, service: Service) -> dict[str, tuple[Fact, ...]]:
    """The facts of a service under their titles; each topic is the name of a role, an input or a column."""
    views = {role.name: registry.view(role.view) for role in service.roles}
    roles = [
        Fact(role.name, f"{role.view}, by {', '.join(role.on) or 'no key'}: {_counted(len(role.features))}")
        for role in service.roles
    ]
    outputs = [Fact(output.name, _output(views[output.role], output.feature)) for output in service.outputs]
    derived = [
        Fact(column.name, f"{spell_expression(column.expression)} ({spell_type(column.type)})")
        for column in service.derived
    ]
    return {
        "Keys and views": tuple(roles),
        "Request inputs": tuple(Fact(field.name, spell_type(field.type)) for field in service.request),
        "Features": tuple(outputs),
        "Derived from them": tuple(derived),
    }


def summary(view: View, feature: Feature) -> str:
    """One line for a feature: its formula, over how long, and its type."""
    windows = dict.fromkeys(reduction.window for reduction in reductions_of(view, feature))
    lengths = " and ".join("lifetime" if w.length is None else spell(w.length) for w in windows)
    return f"{formula(view, feature)} over {lengths} ({spell_type(feature.type)})"


def _output(view: View, name: str) -> str:
    return summary(view, next(feature for feature in view.features if feature.name == name))


def _counted(features: int) -> str:
    return "1 feature" if features == 1 else f"{features} features"
