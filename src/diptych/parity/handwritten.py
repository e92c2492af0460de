"""A team's other implementation of a feature as a target: it answers like an engine, so it is tested like one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from diptych.check.questions import INSTANT
from diptych.ground.errors import DiptychError
from diptych.parity.suite import Copy
from diptych.plan.nodes import View
from diptych.run.columns import arrow_type
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.testing.build import table
from diptych.testing.cases import Question

ROW = "row"
"""The column of a copy's spine, and of a query's answer, that says which question a value answers."""


class BadCopy(DiptychError):
    """A copy that cannot be compared: it fails, or does not answer with one value for each row of the spine."""


@dataclass(frozen=True, slots=True)
class HandWritten:
    """One copy, run on an engine; ``others`` are the tables of all sources, which a query may read."""

    copy: Copy
    engine: DuckDBEngine
    others: Mapping[str, pa.Table] = field(default_factory=dict)
    name: str = "hand-written"

    def answer(self, view: View, history: Sequence[Mapping[str, Any]], spine: Sequence[Question]) -> dict[str, Any]:
        """See ``diptych.testing.targets.Target``."""
        rows = table(view.source, history)
        keys = {
            part.name: pa.array([question.key[place] for question in spine], arrow_type(part.type))
            for place, part in enumerate(view.entity.keys)
        }
        instants = pa.array([question.t for question in spine], pa.int64()).cast(pa.timestamp("us", "UTC"))
        feature = self.copy.feature.partition(":")[2]
        return {feature: self.answers(view.source.name, rows, pa.table({**keys, INSTANT: instants}))}

    def close(self) -> None:
        """Nothing is held."""

    def answers(self, source: str, history: pa.Table, requests: pa.Table) -> pa.Array:
        """A value for each request (key columns and ``event_timestamp``), null where the copy says nothing.

        Raises BadCopy.
        """
        spine = requests.add_column(0, ROW, pa.array(np.arange(requests.num_rows)))
        if self.copy.function is not None:
            return self._called(history.to_pandas(), spine.to_pandas())
        assert self.copy.sql is not None
        named = {name: self.others[name] for name in self.others if name in self.copy.sql and name != source}
        try:
            answer = self.engine.query(self.copy.sql, {**named, source: history, "spine": spine})
        except DiptychError as error:
            raise BadCopy(f"copy of {self.copy.feature!r}: {error}") from error
        return in_order(answer, requests.num_rows, self.copy.feature)

    def _called(self, events: pd.DataFrame, spine: pd.DataFrame) -> pa.Array:
        assert self.copy.function is not None
        try:
            answer = self.copy.function(events, spine)
            values = answer if isinstance(answer, pd.Series | np.ndarray) else list(answer)
            column = pa.array(values, from_pandas=True)
        except Exception as error:
            raise BadCopy(
                f"copy of {self.copy.feature!r}: its function raised {type(error).__name__}: {error}"
            ) from error
        if len(column) != len(spine):
            raise BadCopy(f"copy of {self.copy.feature!r}: {len(column)} values for {len(spine)} rows of the spine")
        return column


def in_order(answer: pa.Table, count: int, name: str) -> pa.Array:
    """A query's answer as one value for each row of the spine; null where it has no row. Raises BadCopy."""
    others = [column for column in answer.column_names if column != ROW]
    if ROW not in answer.column_names or len(others) != 1:
        raise BadCopy(
            f"copy of {name!r}: the query must answer with the column {ROW!r} and one more, which holds the values; "
            f"it has {', '.join(answer.column_names)}"
        )
    try:
        rows = answer[ROW].combine_chunks().cast(pa.int64())
    except pa.ArrowException as error:
        raise BadCopy(f"copy of {name!r}: the column {ROW!r} must be that of the spine: {error}") from error
    numbers = rows.to_numpy(zero_copy_only=False)
    if rows.null_count or len(np.unique(numbers)) != len(numbers) or not np.isin(numbers, np.arange(count)).all():
        raise BadCopy(f"copy of {name!r}: a row of the spine may be answered once at most, by its own {ROW!r}")
    places = np.full(count, -1)
    places[numbers] = np.arange(len(numbers))
    return answer[others[0]].combine_chunks().take(pa.array(places, mask=places < 0))
