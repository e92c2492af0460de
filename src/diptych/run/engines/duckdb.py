"""The embedded engine: compiled SQL on DuckDB, in a process of its own memory limit and time zone UTC."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from diptych.compile.sql import OVERFLOW, ROWS, CompiledView, compile_derived, compile_view
from diptych.plan.nodes import Derived, Feature, View
from diptych.run.columns import Array, as_declared
from diptych.run.engine import ROW_ID
from diptych.run.engines.duckdb_open import open_history, session
from diptych.run.errors import BadHistory, BadSpine, Overflow
from diptych.run.frames import to_arrow
from diptych.run.location import Location
from diptych.run.overflow import refuse_overflow


@dataclass(frozen=True, slots=True)
class DuckDBEngine:
    """Runs compiled views on an embedded DuckDB.

    ``memory_limit`` as DuckDB spells it (``"4GB"``), ``threads`` and ``temp_directory`` (where it spills) default to
    DuckDB's own choices.
    """

    memory_limit: str | None = None
    threads: int | None = None
    temp_directory: str | None = None

    gives_magnitudes: ClassVar[bool] = True

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
        with self.connection() as connection:
            compiled = self._prepare(connection, view, history, features, evidence=evidence)
            connection.register("spine_keys", spine)
            answers = _run(connection, compiled.sql, f"view {view.name!r}")
        answers = answers.take(pa.array(np.argsort(answers[ROW_ID].to_numpy())))
        if not evidence:
            _refuse_overflow(view, answers, spine)
        declared = [_declared(answers, feature) for feature in compiled.features]
        names = [feature.name for feature in compiled.features]
        extra = [name for name in compiled.columns if name not in (ROW_ID, OVERFLOW, *names)]
        return pa.table([*declared, *(answers[name] for name in extra)], names=[*names, *extra])

    def derive(self, derived: Sequence[Derived], inputs: Mapping[str, Array]) -> list[Array]:
        """See OfflineEngine."""
        places = {name: f"c{place}" for place, name in enumerate(inputs)}
        count = len(next(iter(inputs.values())))
        table = pa.table({ROW_ID: np.arange(count), **{places[name]: column for name, column in inputs.items()}})
        with self.connection() as connection:
            connection.register(ROWS, table)
            answers = _run(connection, compile_derived(derived, places), "derived features")
        answers = answers.take(pa.array(np.argsort(answers[ROW_ID].to_numpy())))
        return [as_declared(answers[feature.name], feature.type) for feature in derived]

    def show_sql(self, view: View, history: Location, features: Sequence[str] | None = None) -> str:
        """The statements that ``compute`` runs, as text."""
        with self.connection() as connection:
            opened = open_history(connection, history, view.source)
            compiled = compile_view(view, "duckdb", features=features, arrived=opened.arrived)
        return f'CREATE TEMP VIEW "raw" AS {opened.sql};\n\n{compiled.sql};\n'

    def _prepare(
        self,
        connection: duckdb.DuckDBPyConnection,
        view: View,
        history: Location,
        features: Sequence[str] | None,
        *,
        evidence: bool,
    ) -> CompiledView:
        opened = open_history(connection, history, view.source)
        connection.execute(f'CREATE TEMP VIEW "raw" AS {opened.sql}')
        return compile_view(view, "duckdb", features=features, evidence=evidence, arrived=opened.arrived)

    def query(self, spine: str | Path, frames: Mapping[str, Any] | None = None) -> pa.Table:
        """A spine that is not a frame: the path of Parquet files, or one SQL query over such files and ``frames``.

        Rows come in the order of the file or of the query's ORDER BY. Raises BadSpine where it cannot be read.
        """
        text = str(spine)
        is_path = isinstance(spine, Path) or text.endswith(".parquet")
        with self.connection() as connection:
            connection.execute("SET preserve_insertion_order = true; SET python_enable_replacements = false")
            for name, frame in (frames or {}).items():
                connection.register(name, to_arrow(frame))
            try:
                if not is_path and len(duckdb.extract_statements(text)) != 1:
                    raise BadSpine(f"a spine is one query, this text is several: {text!r}")
                relation = connection.read_parquet(text) if is_path else connection.sql(text)
                if relation is None:
                    raise BadSpine(f"a spine is a query that gives rows, this text gives none: {text!r}")
                return relation.to_arrow_table()
            except duckdb.Error as error:
                raise BadSpine(f"cannot read the spine {text!r}: {error}") from error

    def connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A fresh in-memory database with the engine's settings, closed at the end."""
        return session(self.memory_limit, self.threads, self.temp_directory)


def _run(connection: duckdb.DuckDBPyConnection, sql: str, what: str) -> pa.Table:
    try:
        return connection.sql(sql).to_arrow_table()
    except duckdb.OutOfRangeException as error:
        raise Overflow(f"{what}: a sum leaves 128 bits; declare narrower ranges: {error}") from error
    except duckdb.Error as error:
        raise BadHistory(f"{what}: DuckDB could not compute it: {error}") from error


def _declared(answers: pa.Table, feature: Feature) -> Any:
    return as_declared(answers[feature.name], feature.type)


def _refuse_overflow(view: View, answers: pa.Table, spine: pa.Table) -> None:
    wrong = np.flatnonzero(pc.is_valid(answers[OVERFLOW]).to_numpy())
    if len(wrong):
        first = int(wrong[0])
        row = int(answers[ROW_ID][first].as_py())
        refuse_overflow(view, answers[OVERFLOW][first].as_py(), row, len(wrong), spine)
