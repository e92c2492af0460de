"""Changed definitions: a view with one thing in its expressions, windows or reductions exchanged."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from diptych.ground.expression import Call, Expression, Literal, Op
from diptych.ground.values import Bool, Float64, String
from diptych.plan.nodes import Feature, Kind, Reduction, View, Window

Rewrite = Callable[[Call], Expression]


def rewritten(tree: Expression, change: Rewrite) -> Expression:
    """The tree with every call changed, arguments first."""
    if not isinstance(tree, Call):
        return tree
    args = tuple(rewritten(argument, change) for argument in tree.args)
    alike = all(new is old for new, old in zip(args, tree.args, strict=True))
    return change(tree if alike else replace(tree, args=args))


def with_finishes(view: View, change: Rewrite) -> View | None:
    """The view with changed finishes; None where nothing changes."""
    finishes = [rewritten(feature.finish, change) for feature in view.features]
    features = tuple(
        feature if feature.finish is finish else replace(feature, finish=finish)
        for feature, finish in zip(view.features, finishes, strict=True)
    )
    return None if features == view.features else replace(view, features=features)


def with_rows(view: View, change: Rewrite) -> View | None:
    """The view with changed row expressions (inputs, conditions, derived columns); None where nothing changes."""
    source = view.source
    derive = tuple((name, rewritten(tree, change)) for name, tree in source.derive)
    inputs = tuple(rewritten(tree, change) for tree in view.inputs)
    conditions = tuple(rewritten(tree, change) for tree in view.conditions)
    if (derive, inputs, conditions) == (source.derive, view.inputs, view.conditions):
        return None
    return replace(view, source=replace(source, derive=derive), inputs=inputs, conditions=conditions)


def with_reductions(view: View, change: Callable[[Reduction], Reduction]) -> View | None:
    """The view with changed reductions, one for one; None where nothing changes."""
    reductions = tuple(change(reduction) for reduction in view.reductions)
    return None if reductions == view.reductions else replace(view, reductions=reductions)


def with_window(view: View, change: Callable[[Window], Window]) -> View | None:
    """The view with changed windows; None where nothing changes."""

    def changed(reduction: Reduction) -> Reduction:
        window = change(reduction.window)
        return reduction if window is reduction.window else replace(reduction, window=window)

    return with_reductions(view, changed)


def whole_division(call: Call) -> Expression:
    """Division as integers have it: cut to a whole number."""
    if call.op is not Op.DIV:
        return call
    floor = Call(Op.FLOOR, (call,), Float64())
    ceil = Call(Op.CEIL, (call,), Float64())
    negative = Call(Op.LT, (call, Literal(0.0, Float64())), Bool())
    return Call(Op.CASE, (negative, ceil, floor), Float64())


def unscaled(call: Call) -> Expression:
    """A decimal's units taken for its value."""
    return call.args[0] if call.op is Op.SHIFT else call


def null_for_zero_divisor(call: Call) -> Expression:
    """A division by zero that gives zero instead of null."""
    if call.op is not Op.DIV:
        return call
    zero = Literal(0.0, Float64())
    return Call(Op.CASE, (Call(Op.EQ, (call.args[1], zero), Bool()), zero, call), Float64())


def zones(view: View) -> Iterator[str]:
    """The zones that a view's expressions name."""
    found: dict[str, None] = {}

    def look(call: Call) -> Expression:
        zone = zone_of(call)
        if zone is not None:
            found[zone] = None
        return call

    with_rows(view, look)
    with_finishes(view, look)
    yield from found


_CALENDAR = (Op.HOUR, Op.DAY_OF_WEEK, Op.DAY_OF_MONTH, Op.MONTH, Op.YEAR)


def zone_of(call: Call) -> str | None:
    """The zone of a calendar function."""
    if call.op in _CALENDAR and len(call.args) == 2 and isinstance(call.args[1], Literal):
        return str(call.args[1].value)
    return None


def in_zone(zone: str) -> Rewrite:
    """Every calendar function on the clock of another zone."""

    def change(call: Call) -> Expression:
        if zone_of(call) in (None, zone):
            return call
        return replace(call, args=(call.args[0], Literal(zone, String(len(zone.encode())))))

    return change


def feature_as(view: View, feature: Feature, other: Feature) -> View:
    """The view in which a feature is computed as another of the same type."""
    changed = replace(feature, finish=other.finish, default=other.default)
    return replace(view, features=tuple(changed if each.name == feature.name else each for each in view.features))


def with_kind(view: View, kind: Kind, other: Kind) -> View | None:
    """The view with one kind of reducer in place of another."""
    return with_reductions(view, lambda each: replace(each, kind=other) if each.kind is kind else each)
