"""The commands under ``parity``, which answer one question: does serving answer what training sees."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from diptych.cli.output import progress, report
from diptych.cli.session import UsageError, instant_of, session_of

if TYPE_CHECKING:
    from diptych.check.verdict import Verdict
    from diptych.serve.addresses import Addresses
    from diptych.serve.stores.valkey import ValkeyStore
    from diptych.wiring import Wiring

app = typer.Typer(no_args_is_help=True, help="Prove training and serving equal.")


@app.command()
def simulate(
    context: typer.Context,
    cut: Annotated[
        str | None, typer.Option(help="Backfill before this time, stream the rest; default: at 2/3.")
    ] = None,
    questions: Annotated[int, typer.Option(help="Questions made up for each view.", min=1)] = 300,
    service: Annotated[str | None, typer.Option(help="A service to ask too, with --requests.")] = None,
    requests: Annotated[Path | None, typer.Option(help="Parquet of its requests, with event_timestamp.")] = None,
    seed: Annotated[int, typer.Option(help="Makes the run reproducible.")] = 0,
) -> None:
    """Run the history through real ingestion and online reads, and compare every value with compiled SQL."""
    from diptych.check.repository import Options, simulate_repository
    from diptych.serve.selection import select
    from diptych.wiring import Tables, Wiring

    if (service is None) != (requests is None):
        raise UsageError("--service and --requests go together: the requests are those of the service")
    session = session_of(context)
    wired = Wiring.of(session.repo, session.environment)
    registry = wired.loaded.registry
    asked = None
    if service is not None and requests is not None:
        asked = (select(registry, service), _read(requests))
    options = Options(cut=instant_of(cut, "--cut"), questions=questions, seed=seed)
    with _corner(wired) as (addresses, store), progress() as watch:
        verdict = simulate_repository(
            registry, Tables(wired.locations), addresses, store, wired.sql_engine, options, asked, watch
        )
    report(session, verdict.to_dict(), lambda console: _show(console, verdict))
    raise typer.Exit(0 if verdict.equal else 1)


def _read(path: Path) -> "object":
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UsageError(f"--requests: there is no file {path}")
    return pq.read_table(path)


@contextmanager
def _corner(wired: "Wiring") -> "Iterator[tuple[Addresses, ValkeyStore]]":
    """A corner of the configured server, or a server of its own, that is empty again afterwards."""
    from diptych.serve.addresses import Addresses
    from diptych.serve.stores.opening import open_store

    addresses = Addresses(wired.loaded.project.project, f"simulation-{secrets.token_hex(4)}")
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        store = open_store(wired.settings.online.url, folder=Path(folder))
        try:
            yield addresses, store
        finally:
            store.delete_many(list(store.scan(addresses.root.encode())))
            store.close()


def _show(console: Console, verdict: "Verdict") -> None:
    table = Table(box=None, padding=(0, 2, 0, 1))
    for header in ("view or service", "requests", "values", "judged", "differ"):
        table.add_column(header, justify="left" if header.startswith("view") else "right", header_style="dim")
    for panel in verdict.panels:
        style = "red" if panel.mismatches else ""
        counts = (panel.requests, panel.compared, panel.judged, panel.mismatches)
        table.add_row(panel.service, *(f"{count:,}" for count in counts), style=style)
    console.print(table)
    for panel in verdict.panels:
        for difference in (*(d for output in panel.outputs for d in output.differences), *panel.judged_differences[:5]):
            key = ", ".join(map(str, difference.key))
            console.print(
                f"  [red]{panel.service}: {difference.feature}[/] of ({key}) at {_when(difference.t)}: "
                f"offline {difference.left!r}, online {difference.right!r}",
                highlight=False,
            )
    shares = ", ".join(f"{share:.1%} {name}" for name, share in verdict.shares.to_dict().items())
    console.print(f"Of the values: {shares} (present, on a boundary, changed by known-at, changed by repeats)")
    outcome = "[bold green]equal[/]" if verdict.equal else "[bold red]not equal[/]"
    console.print(f"{verdict.compared:,} values compared, {verdict.mismatches:,} mismatches: {outcome}")


def _when(instant_us: int) -> str:
    from diptych.ground.instants import moment

    return moment(instant_us).isoformat().replace("+00:00", "Z")
