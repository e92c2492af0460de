"""What a spine asks: its distinct entities, numbered, and its instants by entity and time."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.admit.keys import factorise
from diptych.plan.nodes import View
from diptych.rows.fit import from_arrow
from diptych.rows.misfit import Misfit
from diptych.rows.values import Values, concatenate
from diptych.run.engine import INSTANT, key_column

Whole = npt.NDArray[np.int64]
NUMBER = "number"


@dataclass(frozen=True, slots=True, eq=False)
class _Keys:
    parts: tuple[Values, ...]
    good: npt.NDArray[np.bool_]
    null: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Asked:
    """The questions of a spine of N rows about n entities, and one more that is nobody: null keys, and what is no key.

    ``order``: the rows of the spine by (entity, t). ``instants`` (N,) are in that order; ``counts`` (n + 1,) says how
    many are about each entity, nobody last. ``null_keys``: the rows of the spine with a null in their key.
    """

    table: pa.Table
    parts: tuple[Values, ...]
    order: Whole
    instants: Whole
    counts: Whole
    null_keys: Whole

    @classmethod
    def of(cls, view: View, spine: pa.Table) -> "Asked":
        """Read a spine of keys (see OfflineEngine)."""
        count = spine.num_rows
        keys = _keys(view, spine)
        rows = np.flatnonzero(keys.good)
        codes, first = factorise([part.take(rows) for part in keys.parts], len(rows))
        entities = np.full(count, len(first), np.int64)
        entities[rows] = codes
        instants = spine[INSTANT].to_numpy()
        order = np.lexsort((instants, entities))
        chosen = rows[first]
        names = [key_column(field.name) for field in view.entity.keys]
        keys_of = {name: spine[name].take(pa.array(chosen)) for name in names}
        return cls(
            table=pa.table({**keys_of, NUMBER: np.arange(len(first), dtype=np.int64)}),
            parts=tuple(part.take(chosen) for part in keys.parts),
            order=order,
            instants=instants[order],
            counts=np.bincount(entities, minlength=len(first) + 1),
            null_keys=np.flatnonzero(keys.null),
        )

    @property
    def entities(self) -> int:
        """How many entities are asked about, nobody not among them."""
        return len(self.counts) - 1

    @cached_property
    def places(self) -> Whole:
        """For each row of the spine its place in ``instants``."""
        places = np.empty(len(self.order), np.int64)
        places[self.order] = np.arange(len(self.order))
        return places

    def numbers_of(self, key: tuple[Values, ...], count: int) -> Whole:
        """The entity of each of ``count`` events, -1 where nobody asks about it."""
        both = [concatenate([mine, theirs]) for mine, theirs in zip(self.parts, key, strict=True)]
        codes, _ = factorise(both, self.entities + count)  # the asked are different, so they come first in order
        found = codes[self.entities :]
        return np.where(found < self.entities, found, -1)


def _keys(view: View, spine: pa.Table) -> _Keys:
    fitted = [from_arrow(field.type, spine[key_column(field.name)]) for field in view.entity.keys]
    good, null = np.ones(spine.num_rows, np.bool_), np.zeros(spine.num_rows, np.bool_)
    for column in fitted:
        misfit = (column.misfits != Misfit.FITS) & (column.misfits != Misfit.NULL)
        null |= ~column.values.valid & ~misfit
        good &= column.values.valid
    return _Keys(tuple(column.values for column in fitted), good, null)
