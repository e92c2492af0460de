"""``train``: a training set for a spine, as serving would have given it at each of its instants."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diptych.cli.output import out, report
from diptych.cli.session import UsageError, session_of

if TYPE_CHECKING:
    import pyarrow as pa


def train(
    context: typer.Context,
    features: Annotated[str, typer.Argument(help='A service, or "view:feature,view:feature".')],
    spine: Annotated[
        Path, typer.Argument(help="Parquet or CSV: keys, inputs and a time.", exists=True, dir_okay=False)
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The Parquet file to write.")] = None,
    timestamp: Annotated[str, typer.Option(help="The spine's column of instants.")] = "event_timestamp",
    engine: Annotated[str | None, typer.Option(help="The offline engine; default: of diptych.toml.")] = None,
    show_sql: Annotated[bool, typer.Option("--show-sql", help="Print the SQL instead of running it.")] = False,
) -> None:
    """Build a training set: the spine's rows, and every feature as of each row's instant."""
    session = session_of(context)
    if output is None and not show_sql:
        raise UsageError("where to? Pass --output FILE.parquet, or --show-sql")
    wanted: Any = [name.strip() for name in features.split(",")] if "," in features else features
    with session.store() as store:
        if isinstance(wanted, str) and any(wanted.startswith(f"{view.name}:") for view in store.registry.views):
            wanted = [wanted]
        found = store.get_historical_features(
            entity_df=read_frame(spine), features=wanted, timestamp=timestamp, engine="duckdb" if show_sql else engine
        )
        if show_sql:
            sql = found.to_sql()
            report(session, {"sql": sql}, lambda _: out().print(sql, markup=False, soft_wrap=True))
            return
        table = found.to_arrow()
    assert output is not None
    write_frame(table, output)
    data = {"output": str(output), "rows": table.num_rows, "columns": table.column_names}
    report(
        session, data, lambda console: console.print(f"{table.num_rows:,} rows, {table.num_columns} columns: {output}")
    )


def read_frame(path: Path) -> "pa.Table":
    """A Parquet or CSV file (by its suffix) as a table."""
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    match path.suffix.lower():
        case ".parquet":
            return pq.read_table(path)
        case ".csv":
            return csv.read_csv(path)
        case _:
            raise UsageError(f"cannot tell how to read {path}: a spine is a .parquet or .csv file")


def write_frame(table: "pa.Table", path: Path) -> None:
    """Write a table as Parquet, whole or not at all."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.writing")
    pq.write_table(table, aside, compression="zstd")
    aside.replace(path)
