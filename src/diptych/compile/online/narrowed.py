"""A view as if it had some of its features only, with the reductions that these read and no others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from diptych.ground.expression import Call, Column, Expression, Literal, columns_of
from diptych.plan.nodes import REQUEST_TIME, Feature, View


def narrowed(view: View, names: Sequence[str]) -> View:
    """The view with the named features, in that order; its records stay what they are, so that repeats compare alike.

    Raises KeyError where there is no feature of a name.
    """
    by_name = {feature.name: feature for feature in view.features}
    chosen = [by_name[name] for name in names]
    read = {name for feature in chosen for name in columns_of(feature.finish) if name != REQUEST_TIME}
    kept = [index for index in range(len(view.reductions)) if f"r{index}" in read]
    places = {f"r{index}": f"r{place}" for place, index in enumerate(kept)}
    return replace(
        view,
        features=tuple(_renamed_feature(feature, places) for feature in chosen),
        reductions=tuple(view.reductions[index] for index in kept),
    )


def _renamed_feature(feature: Feature, places: Mapping[str, str]) -> Feature:
    return replace(feature, finish=_renamed(feature.finish, places))


def _renamed(expression: Expression, places: Mapping[str, str]) -> Expression:
    match expression:
        case Column(name):
            return replace(expression, name=places.get(name, name))
        case Literal():
            return expression
        case Call(_, args):
            return replace(expression, args=tuple(_renamed(argument, places) for argument in args))
