"""A plan in words: one visitor over its steps, giving lines that a terminal can colour and a log can hold."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from diptych.operate.rollout.steps import (
    Added,
    Backfill,
    Caution,
    Changed,
    Difference,
    FeatureChange,
    Plan,
    Removed,
    Retouched,
    Reuse,
    Step,
)


class Mark(StrEnum):
    """What kind of line it is; the value is the sign before it."""

    ADD = "+"
    REMOVE = "-"
    CHANGE = "~"
    RETOUCH = "·"
    WORK = ">"
    CAUTION = "!"
    PLAIN = " "


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plan; ``depth`` counts indentations."""

    mark: Mark
    depth: int
    text: str

    def __str__(self) -> str:
        return f"{'    ' * self.depth}{self.mark} {self.text}"


def lines(plan: Plan) -> list[Line]:
    """The whole plan; one line when there is nothing to do."""
    if plan.is_empty:
        return [Line(Mark.PLAIN, 0, "Nothing to do: what is published is what is declared.")]
    return [line for step in plan.steps for line in _step(step)]


def as_dict(plan: Plan) -> dict[str, Any]:
    """The plan as plain values for JSON; each step says its class as ``step``."""
    return {"project": plan.project, "empty": plan.is_empty, "steps": [_plain(step) for step in plan.steps]}


def _step(step: Step) -> Iterable[Line]:
    match step:
        case Added(thing, name, means):
            yield Line(Mark.ADD, 0, f"{thing} {name}")
            yield from (Line(Mark.ADD, 1, text) for text in means)
        case Removed(thing, name, lost):
            yield Line(Mark.REMOVE, 0, f"{thing} {name}")
            yield from (Line(Mark.REMOVE, 1, text) for text in lost)
        case Changed(thing, name, found, features):
            yield Line(Mark.CHANGE, 0, f"{thing} {name} changes its meaning")
            yield from _differences(found, 1)
            for feature in features:
                yield from _feature(feature)
        case Retouched(thing, name, found):
            yield Line(Mark.RETOUCH, 0, f"{thing} {name}: only words for people change")
            yield from _differences(found, 1)
        case Backfill():
            yield Line(Mark.WORK, 0, _backfill(step))
        case Reuse(view, fingerprint):
            yield Line(Mark.WORK, 0, f"view {view} has its state already (version {fingerprint}): nothing to backfill")
        case Caution(about, text):
            yield Line(Mark.CAUTION, 0, f"{about}: {text}")


def _feature(change: FeatureChange) -> Iterable[Line]:
    if change.old is None:
        yield Line(Mark.ADD, 1, f"{change.name} = {change.new}")
    elif change.new is None:
        yield Line(Mark.REMOVE, 1, f"{change.name} = {change.old}")
    else:
        yield Line(Mark.CHANGE, 1, change.name)
        yield from _differences(change.differences, 2)


def _differences(found: Iterable[Difference], depth: int) -> Iterable[Line]:
    for difference in found:
        if difference.old is not None:
            yield Line(Mark.REMOVE, depth, f"{difference.topic}: {difference.old}")
        if difference.new is not None:
            yield Line(Mark.ADD, depth, f"{difference.topic}: {difference.new}")


def _backfill(step: Backfill) -> str:
    rows = "" if step.rows is None else f", {step.rows:,} rows"
    beside = "" if step.replaces is None else f", beside {step.replaces}, which is served until then"
    return f"backfill view {step.view} from {step.source}{rows} (version {step.fingerprint}{beside})"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str) or not hasattr(value, "__dataclass_fields__"):
        return value
    plain = {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    name = type(value).__name__
    return plain if name in ("Difference", "FeatureChange") else {"step": name.lower(), **plain}
