"""The answer of an empty window, found by evaluating a feature's finish over the results of empty reductions."""

from diptych.describe.spelling import spell_value
from diptych.ground.expression import columns_of
from diptych.ground.instants import DAY
from diptych.ground.values import Int64, ListOf, Scalar, Timestamp
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, Reduction, View
from diptych.rows.evaluate import evaluate
from diptych.rows.values import Values, constant, nulls, to_list

_INSTANTS = (0, 400 * DAY + 1)
_ZERO_WHEN_EMPTY = {Kind.COUNT, Kind.SUM, Kind.DISTINCT}


def empty_answer(view: View, feature: Feature) -> str:
    """What the feature says of an empty window, an entity never seen and one that has expired."""
    if isinstance(feature.type, ListOf):
        return "[]"
    answers = [_answer(view, feature, instant) for instant in _INSTANTS]
    if answers[0] != answers[1]:
        return "depends on the instant of the request"
    if answers[0] is None and feature.default is not None:
        return f"{spell_value(feature.default, feature.type)}, the declared default, which stands for every null answer"
    return spell_value(answers[0], feature.type)


def _answer(view: View, feature: Feature, instant: int) -> Scalar | None:
    """The finish over reductions that have seen nothing, at one instant."""
    assert not isinstance(feature.type, ListOf)
    columns: dict[str, Values] = {REQUEST_TIME: constant(Timestamp(), instant, 1)}
    for name in columns_of(feature.finish):
        if name != REQUEST_TIME:
            columns[name] = _of_nothing(view.reductions[int(name[1:])])
    return to_list(feature.type, evaluate(feature.finish, columns, 1))[0]


def _of_nothing(reduction: Reduction) -> Values:
    assert reduction.type is not None
    assert not isinstance(reduction.type, ListOf)
    if reduction.kind in _ZERO_WHEN_EMPTY:
        zero = 0 if isinstance(reduction.type, Int64) else 0.0
        return constant(reduction.type, zero, 1)
    return nulls(reduction.type, 1)
