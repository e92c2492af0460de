"""Reading a history for the door: the columns that a view needs, in batches, for some of its entities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.admit.door import Checked, check
from diptych.admit.faults import ARRIVED_AT
from diptych.ground.expression import columns_of
from diptych.ground.instants import EARLIEST, LATEST
from diptych.ground.values import Bool, Decimal, Int64
from diptych.plan.nodes import Field, Source, View
from diptych.run.columns import as_declared, stored_type
from diptych.run.engines.duckdb_open import Opened, open_history
from diptych.run.engines.duckdb_scan import quoted
from diptych.run.errors import BadHistory
from diptych.run.location import Location

BATCH_ROWS = 1 << 18
_RAW = "raw"
_ARRIVAL = "arrival"  # when a row arrived, or else when it was known; no declared column has an upper-case name
_ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class Batch:
    """Raw rows: ``table`` as the door takes it, ``arrived_at`` and ``number`` of each row where there are such."""

    table: pa.Table
    arrived_at: npt.NDArray[np.int64] | None
    number: npt.NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A history as the relation ``raw`` of a connection; ``source`` has those of its columns that must be read."""

    connection: duckdb.DuckDBPyConnection
    source: Source
    opened: Opened

    @property
    def arrival(self) -> bool:
        """Whether the history says by itself when each row arrived."""
        return self.opened.arrived

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, view: View, history: Location) -> "Reading":
        """Open a history for a view: the columns that it needs. Raises BadHistory."""
        return cls._opened(connection, view.source, _needed(view), history)

    @classmethod
    def whole(cls, connection: duckdb.DuckDBPyConnection, source: Source, history: Location) -> "Reading":
        """Open a history with all declared columns. Raises BadHistory."""
        return cls._opened(connection, source, source, history)

    @classmethod
    def _opened(
        cls, connection: duckdb.DuckDBPyConnection, source: Source, narrowed: Source, history: Location
    ) -> "Reading":
        opened = open_history(connection, history, source)
        connection.execute(f'CREATE TEMP VIEW "{_RAW}" AS {opened.sql}')
        return cls(connection, narrowed, opened)

    def batches(self, number: str = "", joined: str = "", where: str = "") -> Iterator[Batch]:
        """The rows in no particular order; ``number``: SQL of an int64 to give out beside each row.

        ``joined`` is added after the relation, ``where`` is a condition; both may be left empty.
        """
        columns = [f"{_RAW}.{quoted(field.name)} AS {quoted(f'c{i}')}" for i, field in enumerate(self.source.columns)]
        columns += [f"{self._arrival_sql()} AS {quoted(_ARRIVAL)}"] if self.arrival else []
        columns += [f"{number} AS {quoted(_ENTITY)}"] if number else []
        sql = f"SELECT {', '.join(columns) or '1 AS nothing'} FROM {_RAW}{joined}{self._punctual(where)}"
        try:
            for batch in self.connection.sql(sql).to_arrow_reader(BATCH_ROWS):
                yield self._batch(batch)
        except duckdb.Error as error:
            raise BadHistory(f"source {self.source.name!r}: DuckDB could not read its history: {error}") from error

    def counts(self, number: str, joined: str, size: int) -> npt.NDArray[np.int64]:
        """How many rows there are of each number below ``size``."""
        found = np.zeros(size, np.int64)
        try:
            table = self.connection.sql(
                f"SELECT {number} AS number, COUNT(*) AS rows FROM {_RAW}{joined} GROUP BY ALL"
            ).to_arrow_table()
        except duckdb.Error as error:
            raise BadHistory(f"source {self.source.name!r}: DuckDB could not read its history: {error}") from error
        found[table["number"].to_numpy()] = table["rows"].to_numpy()
        return found

    def show(self) -> str:
        """The relation ``raw`` as text for people."""
        return f'CREATE TEMP VIEW "{_RAW}" AS {self.opened.sql};\n'

    def rows(self) -> int:
        """How many rows there are, whatever they hold."""
        return self._counted(f"SELECT {self.opened.rows}")

    def unreadable(self) -> int:
        """How many rows hold a value that the scan cannot read as its declared type, or no time of arrival."""
        return self._counted(f"SELECT {self.opened.rows} - (SELECT COUNT(*) FROM {_RAW}{self._punctual()})")

    def _counted(self, sql: str) -> int:
        try:
            return int(self.connection.execute(sql).fetchall()[0][0])
        except duckdb.Error as error:
            raise BadHistory(f"source {self.source.name!r}: DuckDB could not read its history: {error}") from error

    def nothing(self) -> Batch:
        """A batch without rows."""
        columns = {field.name: pa.array([], stored_type(field.type)) for field in self.source.columns}
        arrivals = np.empty(0, np.int64) if self.arrival else None
        return Batch(pa.table(columns), arrivals, None)

    def check(self, batch: Batch) -> Checked:
        """The door's verdict on a batch."""
        return check(self.source, batch.table, arrived_at=batch.arrived_at)

    def _punctual(self, condition: str = "") -> str:
        """A WHERE clause: the condition, and that a history with times of arrival says one that can be."""
        conditions = [condition] if condition else []
        if self.arrival:
            conditions.append(f"{self._arrival_sql()} BETWEEN {EARLIEST} AND {LATEST}")
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _arrival_sql(self) -> str:
        known = self.source.known_at or self.source.timestamp
        other = str(EARLIEST) if known is None else f"{_RAW}.{quoted(known)}"
        return f"COALESCE({_RAW}.{quoted(ARRIVED_AT)}, {other})"

    def _batch(self, batch: pa.RecordBatch) -> Batch:
        fields = self.source.columns
        arrays = [_as_taken(field, batch.column(i)) for i, field in enumerate(fields)]
        table = pa.table(arrays, names=[field.name for field in fields])
        if not fields:
            table = pa.table({"nothing": batch.column(0)})
        names = batch.schema.names
        arrivals = batch.column(_ARRIVAL).to_numpy() if _ARRIVAL in names else None
        return Batch(table, arrivals, batch.column(_ENTITY).to_numpy() if _ENTITY in names else None)


def same(parts: Sequence[tuple[str, str]], other: str) -> str:
    """A join of ``raw`` with a relation of keys: pairs of a column of ``raw`` and one of the other."""
    conditions = [f"{_RAW}.{quoted(mine)} = {quoted(other)}.{quoted(theirs)}" for mine, theirs in parts]
    return f" JOIN {quoted(other)} ON {' AND '.join(conditions)}"


def spread(columns: Sequence[str], buckets: int) -> str:
    """SQL of the bucket of a row by columns of ``raw``."""
    return f"(hash({', '.join(f'{_RAW}.{quoted(column)}' for column in columns)}) % {buckets})" if columns else "0"


def _as_taken(field: Field, array: pa.Array) -> pa.Array:
    """A column as the door takes it: decimals as decimals, all else as it was scanned."""
    return as_declared(array, field.type) if isinstance(field.type, Decimal) else array


def _needed(view: View) -> Source:
    """The source without the columns that nothing reads and that can refuse no row."""
    source = view.source
    trees = [*view.inputs, *view.conditions, *(tree for _, tree in source.derive)]
    trees += [source.filter] if source.filter is not None else []
    read = {name for tree in trees for name in columns_of(tree)}
    read |= {*view.on, source.timestamp or "", source.known_at or "", source.event_id or ""}
    columns = tuple(field for field in source.columns if field.name in read or _may_refuse(field))
    return replace(source, columns=columns)


def _may_refuse(field: Field) -> bool:
    kind = field.type
    if isinstance(kind, Bool):
        return not kind.nullable
    return not (isinstance(kind, Int64) and kind.nullable and kind.ge is None and kind.le is None)
