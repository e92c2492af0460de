"""One small source, view and batch that the tests of the door share."""

from typing import Any

from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import HOUR
from diptych.ground.values import Bool, Enum, Float64, Int64, String, Timestamp, ValueType
from diptych.plan.nodes import Entity, Field, Source, View

COLUMNS: dict[str, ValueType] = {
    "flight": String(12),
    "left": Timestamp(),
    "landed": Timestamp(),
    "origin": Enum("EWR", "JFK", "LGA", nullable=False),
    "plane": String(6),
    "delay": Int64(ge=-200, le=2_000),
    "speed": Float64(),
}
DELAY = Column("delay", COLUMNS["delay"])
LATE = Call(Op.GT, (DELAY, Literal(15, Int64())), Bool())
GOOD = {
    "flight": "UA1",
    "left": 10 * HOUR,
    "landed": 12 * HOUR,
    "origin": "JFK",
    "plane": "N1",
    "delay": 20,
    "speed": 4.5,
}


def source(**options: Any) -> Source:
    """Flights known when they have landed; ``options`` replace what is declared."""
    fields = tuple(Field(name, kind) for name, kind in COLUMNS.items())
    declared: dict[str, Any] = {"timestamp": "left", "known_at": "landed", "event_id": "flight", "dedup_window": HOUR}
    return Source("flights", fields, **(declared | options))


def view(over: Source, keys: dict[str, ValueType], on: tuple[str, ...]) -> View:
    """A view with the inputs delay and twice the delay, and the condition late."""
    twice: Expression = Call(Op.ADD, (DELAY, DELAY), Int64())
    entity = Entity("plane", tuple(Field(name, kind) for name, kind in keys.items()))
    return View("view", entity, over, on, (DELAY, twice), (LATE,), (), ())


def flight(**changes: Any) -> dict[str, Any]:
    """A good row with some columns changed."""
    return {**GOOD, **changes}
