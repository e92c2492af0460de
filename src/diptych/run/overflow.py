"""Training stops at a sum that leaves int64, and says whose and when; both engines say it alike."""

import pyarrow as pa

from diptych.ground.instants import moment
from diptych.plan.nodes import View
from diptych.run.engine import INSTANT, key_column
from diptych.run.errors import Overflow


def refuse_overflow(view: View, feature: str, row: int, count: int, spine: pa.Table) -> None:
    """Raise Overflow for a feature that overflows in ``count`` rows of a spine of keys, ``row`` being the first."""
    key = {field.name: spine[key_column(field.name)][row].as_py() for field in view.entity.keys}
    t = int(spine[INSTANT][row].as_py())
    raise Overflow(
        f"feature {view.name}:{feature} leaves int64 in {count} rows, the first for {key} at {moment(t).isoformat()} "
        f"(t={t}); sum a smaller unit, a shorter window, or a Float64"
    )
