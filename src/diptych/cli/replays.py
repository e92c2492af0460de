"""``parity replay``: what logged requests got, against what they should have got."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from diptych.cli.output import progress, report
from diptych.cli.session import instant_of, session_of

if TYPE_CHECKING:
    from diptych.check.findings import Findings, Mismatch, OutputFindings


class By(StrEnum):
    """What is drawn when a share is replayed."""

    REQUEST = "request"
    ENTITY = "entity"


def replay(
    context: typer.Context,
    log: Annotated[Path | None, typer.Option(help="The log's folder; default: that of the settings.")] = None,
    since: Annotated[str | None, typer.Option(help="Leave out requests before this time.")] = None,
    until: Annotated[str | None, typer.Option(help="Leave out requests from this time on.")] = None,
    share: Annotated[float, typer.Option(help="Compare this share.", min=0.0, max=1.0)] = 1.0,
    by: Annotated[By, typer.Option(help="Draw whole requests, or all rows of an entity.")] = By.REQUEST,
    seed: Annotated[int, typer.Option(help="Makes the draw reproducible.")] = 0,
    values: Annotated[int | None, typer.Option(help="Compare about so many values a service.", min=1)] = None,
    current: Annotated[
        bool, typer.Option("--current", help="By today's definitions, not by those that answered.")
    ] = False,
    save: Annotated[Path | None, typer.Option("--report", help="Keep the findings in this file, as JSON.")] = None,
) -> None:
    """Recompute what every logged request should have got, and compare value by value."""
    import msgspec

    from diptych.check.gate import failures

    session = session_of(context)
    with session.store() as store, progress() as watch:
        found = store.replay(
            log,
            since=instant_of(since, "--since"),
            until=instant_of(until, "--until"),
            share=share,
            by=by.value,
            seed=seed,
            values=values,
            current=current,
            watch=watch,
        )
    failed = failures(found, {})
    data: dict[str, Any] = {"equal": not failed, "failures": failed} | msgspec.to_builtins(found, enc_hook=str)
    if save is not None:
        save.write_bytes(msgspec.json.encode(found, enc_hook=str))
    report(session, data, lambda console: _show(console, found, failed))
    raise typer.Exit(1 if failed else 0)


def _show(console: Console, found: "Findings", failed: list[str]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 1))
    for header in ("service", "rows", "requests", "outputs", "values", "differ"):
        table.add_column(header, justify="left" if header == "service" else "right", header_style="dim")
    for service in found.facts["services"]:
        of_service = [output for output in found.outputs if output.service == service["service"]]
        wrong = sum(output.mismatches for output in of_service)
        counts = (service["compared"], service["requests"], len(of_service), sum(o.compared for o in of_service), wrong)
        name = f"{service['service']}:{service['version']} ({service['fingerprint'][:8]})"
        table.add_row(name, *(f"{count:,}" for count in counts), style="red" if wrong else "")
    console.print(table)
    for output in found.outputs:
        if output.mismatches:
            _show_output(console, output)
    for service in found.facts["services"]:
        _show_notes(console, service)
    for sample in found.sampling:
        if sample.detectable:
            console.print(
                f"{sample.name}: {sample.compared:,} compared; a skew of {sample.detectable:.2%} of the {sample.by} "
                "population or more would have shown with 95 % confidence",
                style="dim",
            )
    outcome = "[bold red]not equal[/]" if failed else "[bold green]equal[/]"
    console.print(f"{found.compared:,} values compared, {found.mismatches:,} mismatches: {outcome}")


def _show_output(console: Console, output: "OutputFindings") -> None:
    causes = ", ".join(f"{count:,} {cause.value}" for cause, count in output.causes.items())
    share = output.mismatches / output.compared
    console.print(f"  [red]{output.service}: {output.output}[/]: {output.mismatches:,} differ ({share:.2%}): {causes}")
    shown: set[str] = set()
    for example in output.examples:
        if example.cause not in shown:
            shown.add(example.cause)
            _show_example(console, example)


def _show_example(console: Console, example: "Mismatch") -> None:
    from diptych.ground.instants import moment

    key = ", ".join(f"{name}={value}" for name, value in example.key.items())
    at = moment(example.at).isoformat().replace("+00:00", "Z")
    console.print(
        escape(
            f"    {example.cause.value}: ({key}) at {at}: offline {example.offline!r}, online {example.online!r} "
            f"(request {example.request_id}){': ' + example.detail if example.detail else ''}"
        ),
        highlight=False,
        style="dim",
    )


def _show_notes(console: Console, service: dict[str, Any]) -> None:
    if service["changed_since"]:
        views = ", ".join(service["changed_since"])
        console.print(f"  {service['service']}: defined otherwise today: {views}", style="yellow")
    if service["dropped"]:
        console.print(
            f"  {service['service']}: {service['dropped']:,} requests were dropped by the log", style="yellow"
        )
    for reason in dict.fromkeys(service["not_replayed"].values()):
        names = [name for name, why in service["not_replayed"].items() if why == reason]
        console.print(f"  {service['service']}: {len(names)} outputs were not replayed: {reason}", style="yellow")
