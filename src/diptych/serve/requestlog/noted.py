"""One sampled request, as the path of the request hands it over: nothing decoded, nothing copied that is not small."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.compile.online.together import Block
from diptych.ground.values import ValueType
from diptych.kernel import places as k
from diptych.rows.values import Values
from diptych.serve.plans import Entities, Fetch, ServicePlan

HEAD = 8 * (k.HEADER_HORIZON + 1)
"""The bytes of a state that say whether it has a horizon, and which."""
_CELL = 64
"""What a Python value in a list takes, about."""
_FIXED = 2_000
_NOTHING = bytes(HEAD)


@dataclass(slots=True, eq=False)
class Ticket:  # not frozen, nor is Noted: that would double what it takes to make one
    """A request that is sampled: under which id and when (microseconds), which rows of it, what to read besides.

    ``began`` is in nanoseconds of the performance counter; ``rows`` None: all of them.
    """

    request_id: str
    asked_at: int
    began: int
    rows: npt.NDArray[np.int64] | None
    documents: tuple[bytes, ...]


@dataclass(slots=True, eq=False)
class Noted:
    """A sampled request and its answer; the arrays are the answer's own, which nobody writes to any more.

    ``heads`` has the first bytes of every state in the order in which they were asked for, None where there was none;
    ``documents`` what was found under the keys of the ticket.
    """

    ticket: Ticket
    plan: ServicePlan
    instant: int
    count: int
    request: Mapping[str, Sequence[Any]]
    entities: Sequence[Entities]
    block: Block
    derived: Mapping[str, tuple[ValueType, Values]]
    heads: Sequence[bytes | None]
    documents: Sequence[bytes | None]
    latency: int

    @classmethod
    def of(
        cls,
        ticket: Ticket,
        plan: ServicePlan,
        fetch: Fetch,
        block: Block,
        derived: Mapping[str, tuple[ValueType, Values]],
        found: Sequence[bytes | None],
        latency: int,
    ) -> "Noted":
        """``found``: the states, then the documents; ``latency`` in nanoseconds."""
        states = len(fetch.keys)
        return cls(
            ticket,
            plan,
            fetch.instant,
            fetch.count,
            {name: tuple(items) for name, items in fetch.columns.items()},  # the caller may change the lists
            fetch.entities,
            block,
            derived,
            [state and state[:HEAD] for state in found[:states]],
            found[states:],
            latency,
        )

    @property
    def size(self) -> int:
        """About how many bytes wait with it."""
        words = self.block.words.nbytes + self.block.marks.nbytes
        cells = self.count * (len(self.request) + 2 * len(self.derived)) + 2 * len(self.heads)
        return words + _CELL * cells + _FIXED

    @property
    def counts(self) -> tuple[int, ...]:
        """How many entities each view was asked for."""
        return tuple(self.block.counts)

    def padded(self) -> list[bytes]:
        """The head of every entity's state, view after view; one that says nothing where there is no state."""
        if all(entities.null is None for entities in self.entities):
            return [head if head is not None and len(head) == HEAD else _NOTHING for head in self.heads]
        heads = iter(self.heads)
        found = []
        for view in self.plan.views:
            entities = self.entities[view.group]
            for place in range(len(entities.keys)):
                head = None if place == entities.null else next(heads)
                found.append(head if head is not None and len(head) == HEAD else _NOTHING)
        return found
