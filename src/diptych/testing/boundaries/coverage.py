"""Which rules the cases of a view really exercise, feature by feature: where bending a rule changes an answer.

A case that gives the same answers under a bent rule proves nothing about it, so what is counted here is not what a
case is meant for but what it can tell. The bent rules are the mistakes that are easily made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from diptych.ground.expression import Call, Expression, Literal, Op, columns_of
from diptych.ground.values import Decimal, Enum, Float64, Int64, String, ValueType
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, Reduction, View, Window
from diptych.reference import ARRIVED_AT, Judge, Status
from diptych.testing.boundaries.case import BoundaryCase, Rule
from diptych.testing.boundaries.exam import Exam
from diptych.testing.boundaries.nullable import never_null
from diptych.testing.boundaries.pools import filling
from diptych.testing.cases.case import Question

Row = Mapping[str, Any]
Asked: TypeAlias = tuple[View, Sequence[Row], Sequence[Question]]
_NOTHING = {Status.EMPTY_WINDOW, Status.UNSEEN_ENTITY}


@dataclass(frozen=True, slots=True)
class Bent:
    """A rule that is not kept: ``how`` says in words what is done instead.

    ``matters`` says of a reduction whether that could ever change it; ``beside`` is another rule whose cases tell, too.
    """

    rule: Rule
    how: str
    bend: Callable[[View, Sequence[Row], Sequence[Question]], Asked]
    matters: Callable[[View, Reduction], bool] = lambda view, reduction: True
    beside: Rule | None = None


@dataclass(frozen=True, slots=True)
class Covered:
    """How many ``cases`` are about a rule, and in how many a feature's answers would tell that it is not kept.

    Only of features to which the rule matters. Where nothing is bent for a rule, ``how`` is empty and a case tells where
    it has an answer that is not empty.
    """

    feature: str
    rule: Rule
    how: str
    cases: int
    telling: int


def coverage(view: View) -> list[Covered]:
    """Every feature and rule of a view that has cases."""
    exam = Exam.of(view)
    about: dict[Rule, list[int]] = {}
    for number, case in enumerate(exam.cases):
        about.setdefault(case.about, []).append(number)
    found: list[Covered] = []
    for rule in Rule:
        numbers = about.get(rule, [])
        bends = [bent for bent in BENT if bent.rule is rule]
        for bent in bends:
            among = [*numbers, *(about.get(bent.beside, []) if bent.beside else [])]
            told = [_told(exam, number, bent) for number in among]
            found += _counted(view, rule, bent.how, told, bent.matters)
        if not bends:
            found += _counted(view, rule, "", [_answered(view, exam.cases[number], rule) for number in numbers])
    return found


def _counted(
    view: View,
    rule: Rule,
    how: str,
    told: Sequence[set[str]],
    matters: Callable[[View, Reduction], bool] = lambda view, reduction: True,
) -> list[Covered]:
    return [
        Covered(feature.name, rule, how, len(told), sum(feature.name in names for names in told))
        for feature in view.features
        if told and any(matters(view, reduction) for reduction in _reductions(view, feature))
    ]


def _reductions(view: View, feature: Feature) -> list[Reduction]:
    return [view.reductions[int(name[1:])] for name in set(columns_of(feature.finish)) if name != REQUEST_TIME]


def _told(exam: Exam, number: int, bent: Bent) -> set[str]:
    """The features of a case of which some answer is another one when a rule is bent."""
    case = exam.cases[number]
    view, history, spine = bent.bend(exam.view, case.history, case.questions)
    judge = Judge(view, history)
    expected = exam.expected[number].values
    found = set()
    for place, question in enumerate(spine):
        for name, answer in judge.answers(question.key, question.t).items():
            if answer.value != expected[name][place]:
                found.add(name)
    return found


def _answered(view: View, case: BoundaryCase, rule: Rule) -> set[str]:
    """The features of which some answer is there; of the rule of empty windows, of which some is not."""
    judge = Judge(view, case.history)
    verdicts = [judge.answers(question.key, question.t) for question in case.questions]
    empty = rule is Rule.EMPTY
    return {name for verdict in verdicts for name, answer in verdict.items() if (answer.status in _NOTHING) is empty}


def _windows(change: Callable[[int, int | None], Window]) -> Callable[..., Asked]:
    def bend(view: View, history: Sequence[Row], spine: Sequence[Question]) -> Asked:
        reductions = tuple(
            reduction
            if reduction.window.length is None
            else replace(reduction, window=change(reduction.window.length, reduction.window.hop))
            for reduction in view.reductions
        )
        return replace(view, reductions=reductions), history, spine

    return bend


def _source(**changes: Any) -> Callable[..., Asked]:
    return lambda view, history, spine: (replace(view, source=replace(view.source, **changes)), history, spine)


def _at_once(view: View, history: Sequence[Row], spine: Sequence[Question]) -> Asked:
    untold = [{name: value for name, value in row.items() if name != ARRIVED_AT} for row in history]
    return _source(known_at=None, lateness=None, max_skew=None)(view, untold, spine)


def _later(view: View, history: Sequence[Row], spine: Sequence[Question]) -> Asked:
    return view, history, [Question(question.key, question.t + 1) for question in spine]


def _by_arrival(view: View, history: Sequence[Row], spine: Sequence[Question]) -> Asked:
    """Events of one instant are put apart in the order in which they came."""
    ts = view.source.timestamp
    assert ts is not None
    return view, [{**row, ts: row[ts] + place} for place, row in enumerate(history)], spine


def _everybody(view: View, history: Sequence[Row], spine: Sequence[Question]) -> Asked:
    nobody = replace(view, entity=replace(view.entity, keys=()), on=())
    return nobody, history, [Question((), question.t) for question in spine]


def _filled(view: View, history: Sequence[Row], spine: Sequence[Question]) -> Asked:
    return replace(view, inputs=tuple(map(_or_zero, view.inputs))), history, spine


def _or_zero(tree: Expression) -> Expression:
    if tree.type is None:
        return tree
    zero = 0 if isinstance(tree.type, Decimal) else filling(tree.type)  # as the judge holds it
    return Call(Op.COALESCE, (tree, Literal(zero)), tree.type)


def _null_is_true(view: View, history: Sequence[Row], spine: Sequence[Question]) -> Asked:
    either = tuple(Call(Op.COALESCE, (tree, Literal(True)), tree.type) for tree in view.conditions)
    return replace(view, conditions=either), history, spine


def _no_where(view: View, history: Sequence[Row], spine: Sequence[Question]) -> Asked:
    return replace(view, reductions=tuple(replace(each, where=None) for each in view.reductions)), history, spine


def _unchecked(view: View, history: Sequence[Row], spine: Sequence[Question]) -> Asked:
    columns = tuple(replace(field, type=_wide(field.type)) for field in view.source.columns)
    return replace(view, source=replace(view.source, columns=columns)), history, spine


def _wide(type_: ValueType) -> ValueType:
    match type_:
        case Int64():
            return Int64()
        case Float64():
            return Float64()
        case Decimal():
            return Decimal(type_.scale)
        case String() | Enum():
            return String(1 << 20)
        case _:
            return replace(type_, nullable=True)


def _bounded(view: View, reduction: Reduction) -> bool:
    return not reduction.window.lifetime


def _hopping(view: View, reduction: Reduction) -> bool:
    return reduction.window.hop is not None


def _ordered(view: View, reduction: Reduction) -> bool:
    return reduction.kind in (Kind.FIRST, Kind.LAST, Kind.LATEST)


def _filtered(view: View, reduction: Reduction) -> bool:
    return reduction.where is not None


def _takes_nulls(view: View, reduction: Reduction) -> bool:
    """Whether a null of the input could be taken for a zero; of a sum that would change nothing."""
    return (
        reduction.input is not None
        and reduction.kind is not Kind.SUM
        and not never_null(view, view.inputs[reduction.input])
    )


def _may_be_null(view: View, reduction: Reduction) -> bool:
    return reduction.where is not None and not never_null(view, view.conditions[reduction.where])


BENT = (
    Bent(Rule.STRICTLY_BEFORE, "an event at exactly t is seen", _later),
    Bent(
        Rule.TAIL, "a window is a microsecond longer", _windows(lambda length, hop: Window(length + 1, hop)), _bounded
    ),
    Bent(
        Rule.TAIL, "a window is a microsecond shorter", _windows(lambda length, hop: Window(length - 1, hop)), _bounded
    ),
    Bent(
        Rule.HOP, "tails move with every microsecond", _windows(lambda length, hop: Window(length)), _hopping, Rule.TAIL
    ),
    Bent(
        Rule.HOP,
        "tails move in hops twice as long",
        _windows(lambda length, hop: Window(length, hop and 2 * hop)),
        _hopping,
    ),
    Bent(Rule.KNOWN_AT, "events are known at once", _at_once),
    Bent(Rule.LATENESS, "nothing is too late or too early", _source(lateness=None, max_skew=None)),
    Bent(Rule.TIES, "of one instant the last to come is the last", _by_arrival, _ordered),
    Bent(Rule.DUPLICATES, "every copy counts", _source(dedup_window=-1)),
    Bent(Rule.DUPLICATES, "an id is never forgotten", _source(dedup_window=2**62)),
    Bent(Rule.NULLS, "a null is zero", _filled, _takes_nulls),
    Bent(Rule.WHERE, "where is ignored", _no_where, _filtered),
    Bent(Rule.WHERE, "a null condition is met", _null_is_true, _may_be_null),
    Bent(Rule.FILTER, "the filter is ignored", _source(filter=None)),
    Bent(Rule.DOOR, "types and ranges are not checked", _unchecked),
    Bent(Rule.KEYS, "entities are not told apart", _everybody),
)
"""What is bent, one at a time; a rule may be bent in several ways."""
