"""Hashed columns of a log found again: a history's keys are hashed the same way, a small vocabulary is tried out.

What cannot be found again is said: an output that reads such a column is not replayed, all others are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.ground.expression import columns_of
from diptych.ground.instants import LATEST
from diptych.ground.values import ValueType
from diptych.plan.nodes import Registry, Service, View
from diptych.rows.values import Values, arrow_type, concatenate, to_arrow
from diptych.run.history import LocatedHistory
from diptych.run.location import Location
from diptych.serve.requestlog.hashing import KeyedHash
from diptych.serve.requestlog.reading import Batch
from diptych.serve.requestlog.schema import Described

_BUCKETS = 8
"""Passes over a history in which its keys are collected, so that no more than such a part of its rows is in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """Requests whose hashed columns hold values again.

    ``service`` has lost what reads a column that could not be recovered; ``lost`` says why, by output. ``unknown`` are
    rows with a key that the history does not hold: it is null in ``table``, which has the same answer, an empty window.
    """

    service: Service
    table: pa.Table
    lost: Mapping[str, str]
    unknown: npt.NDArray[np.bool_]


@dataclass(slots=True)
class Recovery:
    """Recovers batches of one logged service; ``hashing`` None: the key is not at hand."""

    described: Described
    registry: Registry
    histories: Mapping[str, Location]
    hashing: KeyedHash | None
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, service: Service, batch: Batch) -> Recovered:
        """The batch with values where it had hashes."""
        table, unknown = batch.table, np.zeros(batch.table.num_rows, np.bool_)
        lost: dict[str, str] = {}
        for name in sorted(batch.hashed & set(self.described.request)):
            why = self._why_not(service, name, batch)
            if why:
                lost[name] = why
                table = table.set_column(
                    table.column_names.index(name), name, pa.nulls(len(table), arrow_type(self._kind(name)))
                )
                continue
            found, missing = self._values(service, name, table[name].combine_chunks())
            unknown |= missing
            table = table.set_column(table.column_names.index(name), name, found)
        kept, outputs = without(service, lost) if lost else (service, {})
        return Recovered(kept, table, outputs, unknown)

    def _why_not(self, service: Service, name: str, batch: Batch) -> str:
        """Why a hashed column cannot be recovered; empty if it can."""
        if self.hashing is None:
            return f"{name} is hashed, and the key is not at hand"
        if self.hashing.id != batch.words["key"]:
            return f"{name} is hashed with another key ({batch.words['key']}, this one is {self.hashing.id})"
        read = {column for derived in service.derived for column in columns_of(derived.expression)}
        inputs = {field.name for field in service.request} & read
        if name in inputs and self.hashing.vocabulary(self._kind(name)) is None:
            return f"{name} is hashed and no key of a history, so its values cannot be found again"
        return ""

    def _kind(self, name: str) -> ValueType:
        return self.described.request[name]

    def _values(self, service: Service, name: str, hashes: pa.Array) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
        """The values behind hashes, and which of them are not known."""
        if name not in self._known:
            self._known[name] = self._collect(service, name)
        known = self._known[name]
        plain = hashes.to_pylist()
        missing = np.array([each is not None and each not in known for each in plain], np.bool_)
        return pa.array([known.get(each) for each in plain], arrow_type(self._kind(name))), missing

    def _collect(self, service: Service, name: str) -> dict[str, Any]:
        """Every value that a column may hold by its hash: its type's vocabulary, or the keys of the histories."""
        assert self.hashing is not None
        kind = self._kind(name)
        vocabulary = self.hashing.vocabulary(kind)
        if vocabulary is not None:
            return vocabulary
        found: dict[str, Any] = {}
        for role in service.roles:
            view = self.registry.view(role.view)
            for place, column in enumerate(role.on):
                if column == name:
                    values = self._keys_of(view, place)
                    part = view.entity.keys[place].type
                    hashes = self.hashing.column(part, values)
                    found |= dict(zip(hashes, to_arrow(part, values).to_pylist(), strict=True))  # type: ignore[arg-type]
        return found

    def _keys_of(self, view: View, place: int) -> Values:
        """The different values of one part of a view's key in its history."""
        history = LocatedHistory(self.histories)
        parts = []
        for bucket in range(_BUCKETS):
            part = history.events(view, LATEST, bucket, _BUCKETS).key[place]
            parts.append(part.take(np.unique(part.data, return_index=True)[1]))
        return concatenate(parts)


def without(service: Service, lost: Mapping[str, str]) -> tuple[Service, dict[str, str]]:
    """A service without what reads some request columns, and why each output of it is gone; ``lost`` is by column."""
    gone = {role.name: lost[column] for role in service.roles for column in role.on if column in lost}
    missing = {output.name: gone[output.role] for output in service.outputs if output.role in gone}
    kept = []
    for derived in service.derived:
        reads = set(columns_of(derived.expression))
        why = next((lost[name] for name in lost if name in reads), None)
        why = why or next((why for role, why in gone.items() if _reads_role(reads, role)), None)
        if why is None:
            kept.append(derived)
        else:
            missing[derived.name] = why
    left = replace(
        service,
        roles=tuple(role for role in service.roles if role.name not in gone),
        outputs=tuple(output for output in service.outputs if output.role not in gone),
        request=tuple(field for field in service.request if field.name not in lost),
        derived=tuple(kept),
    )
    return left, missing


def _reads_role(names: Sequence[str] | set[str], role: str) -> bool:
    return any(name.startswith(f"{role}__") for name in names)
