"""The commands under ``parity``, which answer one question: does serving answer what training sees."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from diptych.cli import reporting
from diptych.cli.gate import PassingCommand, run
from diptych.cli.output import progress, report
from diptych.cli.session import UsageError, instant_of, session_of

if TYPE_CHECKING:
    from diptych.check.findings import Mismatch, OutputFindings
    from diptych.check.verdict import Verdict

app = typer.Typer(no_args_is_help=True, help="Prove training and serving equal.")
app.command("run", cls=PassingCommand)(run)
app.command("report")(reporting.report)


@app.command()
def simulate(
    context: typer.Context,
    cut: Annotated[
        str | None, typer.Option(help="Backfill before this time, stream the rest; default: at 2/3.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Leave out what was known from this time on.")] = None,
    questions: Annotated[int, typer.Option(help="Questions made up for each view.", min=1)] = 300,
    service: Annotated[str | None, typer.Option(help="A service to ask too, with --requests.")] = None,
    requests: Annotated[Path | None, typer.Option(help="Parquet of its requests, with event_timestamp.")] = None,
    seed: Annotated[int, typer.Option(help="Makes the run reproducible.")] = 0,
) -> None:
    """Run the history through real ingestion and online reads, and compare every value with compiled SQL."""
    if (service is None) != (requests is None):
        raise UsageError("--service and --requests go together: the requests are those of the service")
    if requests is not None and not requests.is_file():
        raise UsageError(f"--requests: there is no file {requests}")
    session = session_of(context)
    asked = None if service is None else (service, requests)
    with session.store() as store, progress() as watch:
        verdict = store.simulate(
            cut=instant_of(cut, "--cut"),
            until=instant_of(until, "--until"),
            questions=questions,
            requests=asked,
            seed=seed,
            watch=watch,
        )
    report(session, verdict.to_dict(), lambda console: _show(console, verdict))
    raise typer.Exit(0 if verdict.equal else 1)


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
        for output in panel.outputs:
            _show_mismatches(console, output)
        for difference in panel.judged_differences[:5]:
            key = ", ".join(map(str, difference.key))
            console.print(
                f"  [red]{panel.service}: {difference.feature}[/] of ({key}) at {_when(difference.t)}: "
                f"the judge says {difference.left!r}, online {difference.right!r}",
                highlight=False,
            )
    shares = ", ".join(f"{share:.1%} {name}" for name, share in verdict.shares.to_dict().items())
    console.print(f"Of the values: {shares} (present, on a boundary, changed by known-at, changed by repeats)")
    outcome = "[bold green]equal[/]" if verdict.equal else "[bold red]not equal[/]"
    console.print(f"{verdict.compared:,} values compared, {verdict.mismatches:,} mismatches: {outcome}")


def _show_mismatches(console: Console, output: "OutputFindings") -> None:
    """How many values of an output differ, by cause, and an example of each cause."""
    if not output.mismatches:
        return
    console.print(
        f"  [red]{output.service}: {output.output}[/]: {output.mismatches:,} of {output.compared:,} values differ",
        highlight=False,
    )
    for cause, count in output.causes.items():
        example = next((each for each in output.examples if each.cause == cause), None)
        console.print(f"    [bold]{cause.value}[/] {count:,}{_because(example)}", highlight=False)


def _because(example: "Mismatch | None") -> str:
    if example is None:
        return ""
    key = ", ".join(map(str, example.key.values()))
    why = f": {escape(example.detail)}" if example.detail else ""
    wrong = f" ({example.wrong} is wrong)" if example.wrong else ""
    values = escape(f"offline {example.offline!r}, online {example.online!r}")
    return f"{why}{wrong}; ({escape(key)}) at {_when(example.at)}: {values}"


def _when(instant_us: int) -> str:
    from diptych.ground.instants import moment

    return moment(instant_us).isoformat().replace("+00:00", "Z")
