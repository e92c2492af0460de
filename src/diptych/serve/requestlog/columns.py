"""Many answers of one service as one table: decoded in the log's own thread, column by column.

Answers to as many entities each are stacked, so that a column costs a few array operations however many requests there
are. Between two columns the caller may ``rest``: the interpreter then is free for requests, which a thread that goes
on would keep waiting.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.compile.online.answers import Answers
from diptych.ground.expression import columns_of
from diptych.ground.values import ListOf, ResultType
from diptych.kernel import places as k
from diptych.plan.nodes import Derived
from diptych.rows.objects import from_list
from diptych.rows.values import arrow_type, concatenate, to_arrow
from diptych.serve.answer import Status
from diptych.serve.requestlog import schema as s
from diptych.serve.requestlog.hashing import KeyedHash
from diptych.serve.requestlog.noted import HEAD, Noted
from diptych.serve.requestlog.positions import PositionReader

_WORDS = pa.array([status.value for status in Status])
_CODE = {status: code for code, status in enumerate(Status)}
Rest = Callable[[], None]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tables:
    """Makes tables of one service's log."""

    described: s.Described
    hashed: frozenset[str]
    hashing: KeyedHash | None
    positions: PositionReader
    rest: Rest = lambda: None

    def of(self, noted: Sequence[Noted]) -> pa.Table:
        """The rows of some requests, in no particular order; without the words of a file."""
        alike: dict[tuple[int, ...], list[Noted]] = {}
        for note in noted:
            alike.setdefault(note.counts, []).append(note)
        return pa.concat_tables([self._stacked(group) for group in alike.values()])

    def _stacked(self, noted: Sequence[Noted]) -> pa.Table:
        chosen = _chosen(noted)
        columns = self._own(noted, chosen)
        self.rest()
        for name, kind in self.described.request.items():
            items = [item for note in noted for item in note.request[name]]
            columns[name] = self._request(name, kind, items, chosen)
            self.rest()
        columns |= self._answers(noted, chosen)
        fields = self.described.schema(tuple(self.hashed), {})
        return pa.table([columns[name] for name in fields.names], schema=fields.remove_metadata())

    def _own(self, noted: Sequence[Noted], chosen: Places) -> dict[str, Any]:
        """The log's own columns."""
        counts = np.array([note.count for note in noted])
        which = np.repeat(np.arange(len(noted)), counts)[chosen]
        rows = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts))[chosen]
        spread = pa.array(which)

        def each(values: Sequence[Any], kind: Any) -> Any:
            return pa.array(values, kind).take(spread)

        horizons = _horizons(noted, chosen)
        positions = self._positions(noted)
        return {
            s.REQUEST_ID: each([note.ticket.request_id for note in noted], pa.string()),
            s.ROW: pa.array(rows, pa.int32()),
            s.AT: each([note.instant for note in noted], pa.int64()).cast(s.INSTANT),
            s.ASKED_AT: each([note.ticket.asked_at for note in noted], pa.int64()).cast(s.INSTANT),
            s.LATENCY: each([note.latency // 1_000 for note in noted], pa.int64()),
            s.HORIZONS: pa.StructArray.from_arrays(horizons, list(self.described.roles)),
            s.POSITIONS: each(positions, pa.list_(s.POSITION)),
        }

    def _positions(self, noted: Sequence[Noted]) -> list[list[dict[str, Any]]]:
        """What each request read of the streams; most read what the one before has read."""
        known: dict[tuple[bytes | None, ...], list[dict[str, Any]]] = {}
        found = []
        for note in noted:
            said = (*note.ticket.documents, *note.documents)
            if said not in known:
                known[said] = self.positions.decode(note.plan, note.ticket.documents, note.documents)
            found.append(known[said])
        return found

    def _request(self, name: str, kind: Any, items: Sequence[Any], chosen: Places) -> Any:
        values = from_list(kind, items).values.take(chosen)
        if name in self.hashed and self.hashing is not None:
            return pa.array(self.hashing.column(kind, values), pa.string())
        return to_arrow(kind, values)

    def _answers(self, noted: Sequence[Noted], chosen: Places) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        overflowed: dict[str, npt.NDArray[np.bool_]] = {}
        read = {name for derived in self.described.service.derived for name in columns_of(derived.expression)}
        plan = noted[0].plan
        for number, role in enumerate(self.described.service.roles):
            view, rows = plan.roles[number]
            answers = _of_role(noted, number, chosen)
            for name, row, kind in plan.columns[number].shown:
                columns[name] = _array(answers, row, kind)
                columns[name + s.STATUS] = _statuses(answers.status[answers.program.features[row].row])
                self.rest()
            for feature in self.described.definition.view(role.view).features:
                if (full := f"{role.name}__{feature.name}") in read:
                    status = answers.status[plan.views[view].program.features[rows[feature.name]].row]
                    overflowed[full] = status == k.OVERFLOW
        for derived in self.described.service.derived:
            columns |= self._derived(derived, noted, chosen, overflowed)
            self.rest()
        return columns

    def _derived(
        self, derived: Derived, noted: Sequence[Noted], chosen: Places, overflowed: Mapping[str, npt.NDArray[np.bool_]]
    ) -> dict[str, Any]:
        values = concatenate([note.derived[derived.name][1] for note in noted]).take(chosen)
        wrong = np.zeros(len(chosen), np.bool_)
        for name in columns_of(derived.expression):
            wrong |= overflowed.get(name, False)
        absent = np.where(wrong, _CODE[Status.OVERFLOW], _CODE[Status.NULL])
        codes = np.where(values.valid, _CODE[Status.PRESENT], absent)
        return {derived.name: to_arrow(derived.type, values), derived.name + s.STATUS: _statuses(codes)}


def _chosen(noted: Sequence[Noted]) -> Places:
    """The sampled rows among all rows of all requests, one behind the other."""
    found, start = [], 0
    for note in noted:
        rows = note.ticket.rows
        found.append(np.arange(start, start + note.count) if rows is None else rows + start)
        start += note.count
    return np.concatenate(found)


def _places(noted: Sequence[Noted], number: int, chosen: Places) -> tuple[int, Places]:
    """A role's view, and for each sampled row its entity among those that all requests ask that view for."""
    plan = noted[0].plan
    view, key = plan.roles[number][0], plan.door.role_keys[number]
    group, size = plan.views[view].group, noted[0].counts[view]
    if all(note.entities[group].places[key] is None for note in noted):
        return view, chosen  # every row is an entity of its own, in order
    found = []
    for position, note in enumerate(noted):
        places = note.entities[group].places[key]
        found.append((np.arange(note.count) if places is None else places) + position * size)
    return view, np.concatenate(found)[chosen]


def _of_role(noted: Sequence[Noted], number: int, chosen: Places) -> Answers:
    """A role's answers to every sampled row."""
    view, places = _places(noted, number, chosen)
    together, counts = noted[0].block.together, noted[0].counts
    sizes = list(zip(together.shapes, counts, strict=True))
    word = sum(width * count for (width, _), count in sizes[:view])
    mark = sum((2 * rows + 1) * count for (_, rows), count in sizes[:view])
    (width, rows), count = sizes[view]
    words = np.stack([note.block.words[word : word + width * count] for note in noted])
    marks = np.stack([note.block.marks[mark : mark + 2 * rows * count] for note in noted])
    by_word = words.reshape(-1, width, count).transpose(1, 0, 2).reshape(width, -1)
    by_mark = marks.reshape(-1, 2 * rows, count).transpose(1, 0, 2).reshape(2 * rows, -1)
    instants = np.repeat([note.instant for note in noted], count)
    answers = Answers(together.programs[view], by_word, by_mark[:rows], by_mark[rows:], instants)
    return answers.at(places)


def _array(answers: Answers, row: int, kind: ResultType) -> Any:
    """One feature as an Arrow array."""
    if not isinstance(kind, ListOf):
        return to_arrow(kind, answers.to_values(row))
    lists = answers.to_lists(row)
    absent = pa.array(answers.valid[answers.program.features[row].row] == 0)
    elements = to_arrow(kind.element, lists.values)
    offsets = pa.array(lists.offsets, pa.int32())
    return pa.ListArray.from_arrays(offsets, elements, mask=absent).cast(pa.list_(arrow_type(kind.element)))


def _statuses(codes: npt.NDArray[Any]) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), _WORDS)


def _horizons(noted: Sequence[Noted], chosen: Places) -> list[Any]:
    """For each role the horizon of every sampled row's state, null where it has none."""
    counts = noted[0].counts
    joined = b"".join(head for note in noted for head in note.padded())
    words = np.frombuffer(joined, np.int64).reshape(len(noted), sum(counts), HEAD // 8)
    found = []
    for number in range(len(noted[0].plan.roles)):
        view, places = _places(noted, number, chosen)
        start = sum(counts[:view])
        mine = words[:, start : start + counts[view]].reshape(-1, HEAD // 8)[places]
        absent = mine[:, 0] != k.NO_HEADER
        found.append(pa.array(mine[:, k.HEADER_HORIZON], mask=absent).cast(s.INSTANT))
    return found
