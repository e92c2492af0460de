"""Views written out as resolved plan nodes, small enough to compute their answers by hand."""

from collections.abc import Mapping
from typing import Any

from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import HOUR, SECOND
from diptych.ground.values import Bool, Float64, Int64, String, Timestamp, ValueType
from diptych.plan.nodes import Entity, Feature, Field, Kind, Reduction, Source, View, Window
from diptych.reference import Answer, Judge

LIFETIME = Window()


def source(
    columns: Mapping[str, ValueType] | None = None,
    *,
    known_at: str | None = None,
    event_id: str | None = None,
    dedup_window: int = HOUR,
    **options: Any,
) -> Source:
    declared = {"user": String(8), "at": Timestamp(), **({"x": Int64()} if columns is None else columns)}
    return Source(
        "events",
        tuple(Field(name, type_) for name, type_ in declared.items()),
        timestamp="at",
        known_at=known_at,
        event_id=event_id,
        dedup_window=dedup_window,
        **options,
    )


def x(type_: ValueType | None = None) -> Column:
    return Column("x", type_ or Int64())


def view(
    *reductions: Reduction, over: Source | None = None, conditions: tuple[Expression, ...] = (), **kw: Any
) -> View:
    """A view over ``user`` with input 0 = x and one feature ``r{i}`` for each reduction."""
    over = over or source()
    type_ = next((field.type for field in over.columns if field.name == "x"), Int64())
    features = tuple(
        Feature(f"r{i}", r.type or Int64(), Column(f"r{i}", r.type), tolerance=kw.pop("tolerance", 0.0))
        for i, r in enumerate(reductions)
    )
    options: dict[str, Any] = {
        "entity": Entity("user", (Field("user", String(8)),)),
        "on": ("user",),
        "inputs": (x(type_),),
        "features": features,
        **kw,
    }
    return View(name="v", source=over, conditions=conditions, reductions=reductions, **options)


def reduction(kind: Kind, window: Window = LIFETIME, type_: Any = None, **kw: Any) -> Reduction:
    return Reduction(kind, input=kw.pop("input", 0), where=kw.pop("where", None), window=window, type=type_, **kw)


def rows(*pairs: tuple[int, Any], user: str = "a", **more: Any) -> list[dict[str, Any]]:
    return [{"user": user, "at": at, "x": value, **more} for at, value in pairs]


def ask(v: View, history: list[dict[str, Any]], t: int, feature: str = "r0", key: tuple[Any, ...] = ("a",)) -> Answer:
    return Judge(v, history).answer(feature, key, t)


def value(v: View, history: list[dict[str, Any]], t: int, feature: str = "r0", key: tuple[Any, ...] = ("a",)) -> Any:
    return ask(v, history, t, feature, key).value


def call(op: Op, *args: Expression, type_: ValueType | None = None) -> Call:
    return Call(op, args, type_)


def literal(value_: Any, type_: ValueType | None = None) -> Literal:
    return Literal(value_, type_)


__all__ = [
    "LIFETIME", "SECOND", "Bool", "Float64", "Int64", "ask", "call", "literal",
    "reduction", "rows", "source", "value", "view", "x",
]  # fmt: skip
