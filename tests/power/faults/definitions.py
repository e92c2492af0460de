"""Skews of versions: one side works by a definition that is no longer, or not yet, the other's."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from diptych.admit.project import ViewEvents
from diptych.check.findings import Cause
from diptych.compile.online.program import Program
from diptych.ground.expression import Call, Column, Op
from diptych.ground.instants import DAY
from diptych.plan.nodes import Service, View, Window
from diptych.serve.plans import prepare
from diptych.serve.reader import OnlineReader
from tests.power.faults.fault import (
    column_input,
    everywhere,
    fault,
    offline_view,
    online_events,
    swapped,
    with_windows,
)

OTHER = {Cause.OTHER_DEFINITION}


def _stale_manifest() -> AbstractContextManager[None]:
    """A reader whose manifest is of last week, when the three-hour windows were two hours long."""
    old = with_windows(lambda w: replace(w, length=2 * w.length // 3) if w.length == 3 * DAY // 24 else w)

    def program(self: OnlineReader, view: View) -> Program:
        return replace(Program.of(old(view)), view=view)

    return swapped(OnlineReader, "_program", program)


def _old_large(view: View, events: ViewEvents) -> ViewEvents:
    """Last version's payments were large from four items on."""
    names = [getattr(condition, "name", None) for condition in view.conditions]
    place = column_input(view, "items")
    if "large" not in names or place is None:
        return events
    items = events.inputs[place]
    large = items.valid & (items.data > 3)
    conditions = tuple(large if name == "large" else c for name, c in zip(names, events.conditions, strict=True))
    return replace(events, conditions=conditions)


def _other_share() -> AbstractContextManager[None]:
    def prepared(service: Service, *rest: Any) -> Any:
        derived = tuple(
            replace(d, expression=_of_an_hour(d.expression)) if d.name == "large_share" else d for d in service.derived
        )
        return prepare(replace(service, derived=derived), *rest)

    return everywhere(prepare, prepared)


def _of_an_hour(node: Any) -> Any:
    match node:
        case Column("shop_sales__count_24h"):
            return replace(node, name="shop_sales__count_1h")
        case Call(Op(), args):
            return replace(node, args=tuple(map(_of_an_hour, args)))
        case _:
            return node


def _no_ttl(window: Window) -> Window:
    return Window() if window.length == 2 * DAY else window


FAULTS = (
    fault(
        "stale manifest", "online", "One serving process still runs last week's definitions, with shorter windows.", OTHER,
        _stale_manifest,
        shows="till_sales",
    ),
    fault(
        "state of another version", "online", "States written by the last version's condition are read by the new one.",
        OTHER | {Cause.FILTER}, online_events(_old_large),
    ),
    fault(
        "derived column of another version", "online", "The formula of a derived column was changed on one side only.",
        OTHER | {Cause.ARITHMETIC}, _other_share,
        shows="checkout:1",
    ),
    fault(
        "ttl ignored", "offline", "Serving forgets a customer after two days, training never does.",
        OTHER | {Cause.EXPIRED_STATE}, offline_view(with_windows(_no_ttl, "customer_visits")),
        shows="customer_visits",
    ),
)  # fmt: skip
