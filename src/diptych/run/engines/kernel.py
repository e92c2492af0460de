"""The kernel over history: events scanned by DuckDB, judged by the door, and swept by the loops that serve online.

Memory is bounded by buckets of entities: the records of one bucket are held at a time, and the history is scanned once
for each, and its key columns once more for counting. Where a part of the key is derived, every scan passes the whole
history through the door.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.admit.project import ViewEvents, project
from diptych.compile.online import Answers, Gathering, Program, Sweep, settle
from diptych.compile.online.narrowed import narrowed
from diptych.kernel import places as k
from diptych.plan.nodes import Derived, View
from diptych.rows.evaluate import evaluate
from diptych.rows.values import to_arrow
from diptych.run.columns import Array, column_of_answers, values_of
from diptych.run.engine import key_column
from diptych.run.engines.asked import NUMBER, Asked
from diptych.run.engines.duckdb_open import session
from diptych.run.engines.duckdb_read import Batch, Reading, same
from diptych.run.location import Location
from diptych.run.overflow import refuse_overflow

STATUSES = np.array(["PRESENT", "EMPTY_WINDOW", "UNSEEN_ENTITY", "NULL_KEY", "OVERFLOW", "NULL"], object)
_ASKED = "asked"
_ROW_BITS = 32  # of a made-up event id; the number of its batch is above

Whole = npt.NDArray[np.int64]
_Task = tuple[int, Batch]


@dataclass(frozen=True, slots=True)
class KernelEngine:
    """Sweeps the events of a view, bucket by bucket of the entities that a spine asks about.

    ``record_memory``: bytes that the records of one bucket may take, unless a single entity needs more. ``threads``
    None: as many as there are cores. ``memory_limit`` (as DuckDB spells it, ``"4GB"``) and ``temp_directory`` are for
    the scan.
    """

    record_memory: int = 1 << 30
    threads: int | None = None
    memory_limit: str | None = None
    temp_directory: str | None = None

    gives_magnitudes: ClassVar[bool] = False

    def compute(
        self,
        view: View,
        history: Location,
        spine: pa.Table,
        features: Sequence[str] | None = None,
        *,
        evidence: bool = False,
    ) -> pa.Table:
        """See OfflineEngine."""
        program = Program.of(view if features is None else narrowed(view, features))
        asked = Asked.of(view, spine)
        sweep = Sweep.of(program, asked.instants, asked.counts)
        with self._connection() as connection:
            gathering = _Gatherer(Reading.of(connection, view, history), view, asked, self._cores)
            counts = gathering.counts()
            for first, last in _buckets(counts, self.record_memory // program.layout.record_bytes):
                sweep.run(first, gathering.gather(program, counts, first, last), self._cores)
        settle(sweep.answers)
        answers = sweep.answers.at(asked.places)
        answers.status[:, asked.null_keys] = k.NULL_KEY
        if not evidence:
            _refuse_overflow(view, answers, spine)
        return _table(answers, evidence=evidence)

    def derive(self, derived: Sequence[Derived], inputs: Mapping[str, Array]) -> list[Array]:
        """See OfflineEngine."""
        count = len(next(iter(inputs.values())))
        columns = {name: values_of(column) for name, column in inputs.items()}
        return [to_arrow(feature.type, evaluate(feature.expression, columns, count)) for feature in derived]

    def show_sql(self, view: View, history: Location, features: Sequence[str] | None = None) -> str:
        """The scan, which is all that is SQL here."""
        with self._connection() as connection:
            return Reading.of(connection, view, history).show()

    @property
    def _cores(self) -> int:
        return self.threads or os.cpu_count() or 1

    def _connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return session(self.memory_limit, self.threads, self.temp_directory)


@dataclass(frozen=True, slots=True)
class _Gatherer:
    """Counts and collects the events of the asked entities."""

    reading: Reading
    view: View
    asked: Asked
    cores: int

    def counts(self) -> Whole:
        """How many records each entity has at most, nobody last."""
        size = self.asked.entities
        if size == 0:
            return np.zeros(1, np.int64)
        if self._joins:
            found = self.reading.counts(*self._numbered(), size)
        else:
            found = np.zeros(size, np.int64)
            for batch in self.reading.batches():
                numbers = self._numbers(batch, project(self.view, self.reading.check(batch)))
                found += np.bincount(numbers[numbers >= 0], minlength=size)
        return np.append(found, 0)

    def gather(self, program: Program, counts: Whole, first: int, last: int) -> Gathering:
        """The records of the entities from ``first`` to before ``last``."""
        room = Gathering.of(program, counts[first:last])
        if not counts[first:last].any():
            return room

        def take(task: _Task) -> None:
            place, batch = task
            events = project(self.view, self.reading.check(batch))
            numbers = self._numbers(batch, events)
            entities = np.where((numbers >= first) & (numbers < last), numbers - first, -1)
            ids = events.id_hash
            if ids is None:
                ids = np.uint64(place << _ROW_BITS) + np.arange(len(events.ts), dtype=np.uint64)
            room.add(entities, events.ts, events.known_at, ids, events.inputs, events.conditions)

        number, joined = self._numbered() if self._joins else ("", "")
        whole = first == 0 and last >= self.asked.entities
        where = "" if whole or not number else f"{number} BETWEEN {first} AND {last - 1}"
        _share(take, enumerate(self.reading.batches(number, joined, where)), self.cores)
        return room

    @property
    def _joins(self) -> bool:
        """Whether the key is of columns that the history has, so that DuckDB can find out whose a row is."""
        return set(self.view.on) <= {field.name for field in self.view.source.columns}

    def _numbered(self) -> tuple[str, str]:
        if not self.view.on:
            return "CAST(0 AS BIGINT)", ""
        self.reading.connection.register(_ASKED, self.asked.table)
        keys = [(on, key_column(part.name)) for part, on in zip(self.view.entity.keys, self.view.on, strict=True)]
        return f"{_ASKED}.{NUMBER}", same(keys, _ASKED)

    def _numbers(self, batch: Batch, events: ViewEvents) -> Whole:
        """Whose each event is; nobody's is -1."""
        if batch.number is not None:
            return batch.number[events.rows]
        return self.asked.numbers_of(events.key, len(events.ts))


def _buckets(counts: Whole, most: int) -> Iterator[tuple[int, int]]:
    """Stretches of entities with at most ``most`` records, unless one alone has more."""
    total = np.cumsum(counts)
    first = 0
    while first < len(counts):
        before = int(total[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(total, before + most, side="right")))
        yield first, last
        first = last


def _share(work: Callable[[_Task], None], tasks: Iterable[_Task], cores: int) -> None:
    """Work through tasks on all cores, with few of them waiting; raises the first error."""
    with ThreadPoolExecutor(cores) as pool:
        pending: set[Future[None]] = set()
        for task in tasks:
            pending.add(pool.submit(work, task))
            if len(pending) > cores:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        for future in pending:
            future.result()


def _refuse_overflow(view: View, answers: Answers, spine: pa.Table) -> None:
    rows = len(answers.program.features)
    overflows = answers.status[:rows] == k.OVERFLOW
    wrong = np.flatnonzero(overflows.any(axis=0))
    if len(wrong):
        row = int(wrong[0])
        feature = answers.program.features[int(np.argmax(overflows[:, row]))]
        refuse_overflow(view, feature.name, row, len(wrong), spine)


def _table(answers: Answers, *, evidence: bool) -> pa.Table:
    features = answers.program.features
    columns = {feature.name: column_of_answers(answers, row) for row, feature in enumerate(features)}
    if evidence:
        for row, feature in enumerate(features):
            columns[f"{feature.name}__status"] = pa.array(STATUSES[answers.status[row]], pa.string())
    return pa.table(columns)
