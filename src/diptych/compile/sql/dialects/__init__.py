"""The dialects of SQL that the compiler knows, and how far each is proven.

A dialect is *proven* when the suite runs its text on a real engine; every other one is refused by name, because a
text that merely looks right has answered wrongly before.
"""

from diptych.compile.sql.dialects.base import Dialect
from diptych.compile.sql.dialects.duckdb import DuckDB
from diptych.compile.sql.errors import CannotCompile

PROVEN: dict[str, Dialect] = {"duckdb": DuckDB()}
REFUSED = ("bigquery", "clickhouse", "databricks", "postgres", "redshift", "snowflake", "spark", "trino")


def dialect_named(name: str) -> Dialect:
    """The proven dialect of that name; CannotCompile for any other."""
    dialect = PROVEN.get(name.lower())
    if dialect is None:
        known = "is known but was never run in the suite" if name.lower() in REFUSED else "is not known"
        raise CannotCompile(
            f"cannot compile for the dialect {name!r}: it {known}; proven dialects: {', '.join(sorted(PROVEN))}"
        )
    return dialect


__all__ = ["PROVEN", "REFUSED", "Dialect", "dialect_named"]
