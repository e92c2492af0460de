"""``backfill``, ``ingest``, ``get`` and ``forget``: history and events into state, values and entities out of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from diptych.cli.entities import entity_rows
from diptych.cli.output import confirm, progress, report, show_rejected
from diptych.cli.session import instant_of, session_of

if TYPE_CHECKING:
    from diptych.operate.backfill import Backfilled
    from diptych.serve.ingested import Ingested


def backfill(
    context: typer.Context,
    views: Annotated[list[str] | None, typer.Argument(help="Names of views; default: all that are published.")] = None,
    cut: Annotated[str | None, typer.Option(help="Take what was known before this time; default: now.")] = None,
) -> None:
    """Fill published views from history. Goes on where an interrupted one stopped; what is filled is left alone."""
    session = session_of(context)
    instant = instant_of(cut, "--cut")
    with session.store() as store, progress() as watch:
        filled = store.materialize(views or None, cut=instant, watch=watch)
    data = {name: {part: getattr(done, part) for part in done.__slots__} for name, done in filled.items()}
    report(session, {"views": data}, lambda console: _show_filled(console, filled))


def ingest(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="The source that the events are of.")],
    files: Annotated[list[Path], typer.Argument(help="Parquet or CSV files.", exists=True, dir_okay=False)],
    quarantine: Annotated[Path | None, typer.Option(help="A folder for refused rows; default: under .diptych.")] = None,
    partition: Annotated[str | None, typer.Option(help="The stream's name; default: by the files' content.")] = None,
) -> None:
    """Take in events from files, in the order in which they became known, from where the last call stopped."""
    session = session_of(context)
    with session.store() as store, progress() as watch:
        done = store.ingest(source, files, partition=partition, quarantine=quarantine, watch=watch)
    data = {"source": source, **{name: getattr(done, name) for name in done.__slots__}}
    report(session, data, lambda console: _show_ingested(console, done))


def forget(
    context: typer.Context,
    entity: Annotated[str, typer.Argument(help="The kind of entity, as it is declared.")],
    key: Annotated[list[str], typer.Argument(help="key=value pairs of one entity, or JSON: one object, or a list.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete the state of entities in every version, and keep redelivered events from bringing it back."""
    session = session_of(context)
    with session.store() as store:
        rows = entity_rows(store.registry, key)
        confirm(session, yes, f"Forget {len(rows)} {entity}, for good?")
        done = store.forget(entity, rows)
    data = {name: getattr(done, name) for name in done.__slots__}
    words = f"Forgot {done.entities:,} {entity}: {done.states:,} states in {done.versions} versions of views deleted"
    report(session, data, lambda console: console.print(f"{words}. History is yours to erase."))


def get(
    context: typer.Context,
    features: Annotated[str, typer.Argument(help='A service, or "view:feature,view:feature".')],
    entity: Annotated[list[str], typer.Argument(help="key=value pairs of one entity, or JSON: one object, or a list.")],
    at: Annotated[str | None, typer.Option(help="The instant of the request; default: now.")] = None,
) -> None:
    """Online features of one or many entities, with a status beside each value."""
    session = session_of(context)
    instant = instant_of(at, "--at")
    wanted: Any = [name.strip() for name in features.split(",")] if "," in features else features
    with session.store() as store:
        rows = entity_rows(store.registry, entity)
        answer = store.get_online_features(features=wanted, entity_rows=rows, at=instant)
        values, statuses = answer.to_dict(), answer.statuses()
    data = {"values": values, "statuses": statuses}
    report(session, data, lambda console: _show_values(console, values, statuses))


def _show_filled(console: Console, filled: "dict[str, Backfilled]") -> None:
    for name, done in filled.items():
        states = done.seeded + done.merged + done.already
        known = " (was filled already)" if done.resumed == done.buckets else ""
        console.print(f"Filled {name}: {done.events:,} events, {states:,} states, {done.seconds:.1f} s{known}")
        show_rejected(console, done.rejected)


def _show_ingested(console: Console, done: "Ingested") -> None:
    console.print(f"{done.events:,} events offered, {done.filtered:,} filtered, {done.bytes:,} bytes appended")
    for view, count in done.appended.items():
        console.print(f"  {view}: {count:,} records")
    show_rejected(console, done.rejected)


def _show_values(console: Console, values: dict[str, list[Any]], statuses: dict[str, list[Any]]) -> None:
    count = max((len(column) for column in values.values()), default=0)
    table = Table(box=None, pad_edge=False)
    table.add_column("column", style="cyan")
    for row in range(count):
        table.add_column("value" if count == 1 else f"row {row}")
        table.add_column("status", style="dim")
    for name, column in values.items():
        found = statuses.get(name)
        cells = [cell for row in range(count) for cell in (str(column[row]), str(found[row]) if found else "")]
        table.add_row(name, *cells)
    console.print(table)
