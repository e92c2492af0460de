"""What every offline engine offers: the features of one view at the instants of a spine."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

import pyarrow as pa

from diptych.plan.nodes import Derived, View
from diptych.run.columns import Array
from diptych.run.location import Location

ROW_ID = "row_id"
INSTANT = "t"


def key_column(name: str) -> str:
    """The name of a key part's column in a spine of keys."""
    return f"key_{name}"


class OfflineEngine(Protocol):
    """Computes views over history; knows nothing of services, names of outputs or a user's spine.

    ``gives_magnitudes``: whether evidence has magnitudes; a comparison needs an engine that does, or another's.
    """

    gives_magnitudes: ClassVar[bool]

    def compute(
        self,
        view: View,
        history: Location,
        spine: pa.Table,
        features: Sequence[str] | None = None,
        *,
        evidence: bool = False,
    ) -> pa.Table:
        """One column for each feature asked for (all by default), row for row as the spine.

        ``spine`` has ``row_id`` (int64: 0, 1, ...), ``t`` (int64 microseconds) and ``key_{name}`` for each key part,
        distinct in key and ``t``. A null key part is answered as an empty window. Raises Overflow when a window's own
        sum leaves int64. With ``evidence`` it does not, and adds ``{feature}__status`` (text) and, for each feature
        that is not exact, ``{feature}__magnitude`` (float64, what its tolerance is relative to) if it gives those.
        """
        ...

    def derive(self, derived: Sequence[Derived], inputs: Mapping[str, Array]) -> list[Array]:
        """One array for each derived feature, over N rows of ``inputs`` by name (decimals and instants as int64)."""
        ...

    def show_sql(self, view: View, history: Location, features: Sequence[str] | None = None) -> str:
        """What ``compute`` runs, as text for people."""
        ...
