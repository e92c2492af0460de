"""What a view's state costs in bytes, and what one feature alone adds to it."""

from collections.abc import Iterable
from dataclasses import replace

from diptych.compile.online.layout import Layout, reducer_of
from diptych.describe.facts import Fact, reductions_of, spell_reduction
from diptych.ground.expression import Call, Column, Expression, columns_of
from diptych.ground.instants import spell
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, Reduction, View


def view_cost(view: View) -> tuple[Fact, ...]:
    """Bytes of one event and of one tile, and what keeps raw events from becoming tiles."""
    layout = Layout.of(view)
    facts = [
        Fact("one event", f"{layout.record_bytes} bytes until it is folded into a tile", layout.record_bytes),
        Fact("one tile", f"{layout.tile_bytes} bytes", layout.tile_bytes),
    ]
    return (*facts, *_pins(view, view.reductions, layout.record_bytes))


def feature_cost(view: View, feature: Feature) -> tuple[Fact, ...]:
    """What the feature adds to the record and the tile of its view beyond what the other features need anyway."""
    others = tuple(other for other in view.features if other.name != feature.name)
    whole, without = Layout.of(view), Layout.of(only(view, others))
    record = whole.record_bytes - without.record_bytes
    tile = whole.tile_bytes - without.tile_bytes
    facts = [
        Fact("one event", f"adds {record} bytes to the {whole.record_bytes} of the view's record", record),
        Fact("one tile", f"adds {tile} bytes to the {whole.tile_bytes} of the view's tile", tile),
    ]
    return (*facts, *_pins(view, reductions_of(view, feature), whole.record_bytes))


def _pins(view: View, reductions: Iterable[Reduction], record_bytes: int) -> list[Fact]:
    """What must be kept as raw events because tiles cannot answer it, each once."""
    lines: dict[str, None] = {}
    for reduction in reductions:
        if reducer_of(reduction).tiled:
            continue
        length = reduction.window.length
        within = "ever" if length is None else f"of the last {spell(length)}"
        match reduction.kind:
            case Kind.DISTINCT:
                why = f"the newest event {within} of each value"
            case Kind.LATEST:
                why = f"the last {reduction.n} events {within}"
            case _:
                why = f"every event {within}, for an exact tail"
        lines[f"{spell_reduction(view, reduction)} keeps {why}, {record_bytes} bytes each"] = None
    return [Fact("keeps raw events", line) for line in lines]


def only(view: View, features: tuple[Feature, ...]) -> View:
    """The view with these features alone, and of its reductions and expressions only what they read."""
    wanted = {name for feature in features for name in columns_of(feature.finish) if name != REQUEST_TIME}
    kept = [index for index in range(len(view.reductions)) if f"r{index}" in wanted]
    reductions = [view.reductions[index] for index in kept]
    inputs = sorted({reduction.input for reduction in reductions if reduction.input is not None})
    conditions = sorted({reduction.where for reduction in reductions if reduction.where is not None})
    places = {f"r{old}": f"r{new}" for new, old in enumerate(kept)}
    return replace(
        view,
        inputs=tuple(view.inputs[index] for index in inputs),
        conditions=tuple(view.conditions[index] for index in conditions),
        reductions=tuple(_placed(reduction, inputs, conditions) for reduction in reductions),
        features=tuple(replace(feature, finish=_renamed(feature.finish, places)) for feature in features),
    )


def _placed(reduction: Reduction, inputs: list[int], conditions: list[int]) -> Reduction:
    return replace(
        reduction,
        input=None if reduction.input is None else inputs.index(reduction.input),
        where=None if reduction.where is None else conditions.index(reduction.where),
    )


def _renamed(tree: Expression, names: dict[str, str]) -> Expression:
    match tree:
        case Column(name, type_):
            return Column(names.get(name, name), type_)
        case Call(op, args, type_):
            return Call(op, tuple(_renamed(argument, names) for argument in args), type_)
        case _:
            return tree
