"""Expressions over single rows as a statement: derived features, after the views have answered."""

from collections.abc import Mapping, Sequence

from diptych.compile.sql.dialects import dialect_named
from diptych.compile.sql.door import positive_zero
from diptych.compile.sql.expressions import lower
from diptych.compile.sql.tree import Sql, column, select, typed
from diptych.ground.values import Float64
from diptych.plan.nodes import Derived

ROWS = "answers"
"""The relation that the statement reads: ``row_id`` and the columns that it is told of, in the form of engines."""


def compile_derived(derived: Sequence[Derived], columns: Mapping[str, str], dialect: str = "duckdb") -> str:
    """A statement of ``row_id`` and one column for each derived feature.

    ``columns`` gives for each name that the expressions read the column of ``answers`` that holds it.
    """
    spoken = dialect_named(dialect)
    selected: list[tuple[str, Sql]] = [("row_id", column(ROWS, "row_id"))]
    for feature in derived:
        value = lower(feature.expression, lambda name: column(ROWS, columns[name]), spoken)
        if isinstance(feature.type, Float64):
            value = positive_zero(value, spoken)
        selected.append((feature.name, typed(value, spoken.type_name(feature.type))))
    return select(selected, ROWS).sql(dialect=spoken.name, pretty=True, max_text_width=110)
