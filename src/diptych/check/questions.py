"""Questions where nobody brings requests: entities from the history itself, instants biased to boundaries."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.check.deliveries import Deliveries, instants_of
from diptych.plan.nodes import Output, Registry, Role, Service, View

INSTANT = "event_timestamp"
"""The column of a panel's requests that holds the instant of each."""


def whole_view(view: View) -> Service:
    """A service of every feature of one view, keyed by the entity's own key names."""
    names = tuple(feature.name for feature in view.features)
    role = Role(view.name, view.name, tuple(key.name for key in view.entity.keys), names)
    outputs = tuple(Output(f"{view.name}__{f.name}", view.name, f.name, f.type) for f in view.features)
    return Service(name=view.name, version=0, roles=(role,), outputs=outputs)


def made_up(
    registry: Registry, deliveries: Mapping[str, Deliveries], start: int, end: int, each: int, seed: int
) -> list[tuple[Service, pa.Table]]:
    """For every view, its service and up to ``each`` requests with ``start <= t < end``.

    Entities are drawn from the events themselves, so hot ones come often. Instants are drawn around what can go wrong:
    exactly at an event, just after it, when it becomes known, when it leaves a window, and at random.
    """
    panels = []
    for view in registry.views:
        delivered = deliveries[view.source.name]
        columns = delivered.table.column_names
        if delivered.table.num_rows == 0 or not set(view.on) <= set(columns):
            continue
        rng = np.random.default_rng([seed, *view.name.encode()])
        rows = rng.integers(0, delivered.table.num_rows, each)
        instants = _near(view, delivered, rows, start, end, rng)
        keys = {
            key.name: delivered.table[column].take(pa.array(rows))
            for key, column in zip(view.entity.keys, view.on, strict=True)
        }
        table = pa.table({**keys, INSTANT: pa.array(instants).cast(pa.timestamp("us", "UTC"))})
        panels.append((whole_view(view), table))
    return panels


def _near(
    view: View,
    delivered: Deliveries,
    rows: npt.NDArray[np.int64],
    start: int,
    end: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """An instant for each row near something that its event does; those outside [start, end) are drawn at random."""
    known = delivered.known_at[rows]
    ts = known if view.source.timestamp is None else instants_of(delivered.table, view.source.timestamp)[rows]
    windows = [r.window for r in view.reductions if r.window.length is not None]
    leaving = ts.copy()
    if windows:
        chosen = rng.integers(0, len(windows), len(rows))
        length = np.array([window.length for window in windows])[chosen]
        step = np.array([window.step for window in windows])[chosen]
        leaving = ts - ts % step + step + length
    choices = np.stack([ts, ts + 1, known, known + 1, leaving, leaving - 1, leaving + 1])
    near = choices[rng.integers(0, len(choices), len(rows)), np.arange(len(rows))]
    random = rng.integers(start, end, len(rows))
    return np.where((near >= start) & (near < end), near, random)
