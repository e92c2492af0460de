"""``demo``: the main job on real data, end to end, with a verdict."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from diptych.cli.output import err, out, progress, report
from diptych.cli.scaffold import template_folder
from diptych.cli.session import Session, session_of

REQUESTS = 4_000


def demo(
    context: typer.Context,
    requests: Annotated[int, typer.Option(help="Requests to put and compare.", min=1)] = REQUESTS,
    data: Annotated[Path, typer.Option(help="Where the flights are kept.")] = Path("data/flights"),
) -> None:
    """Take the flights of 2013 through the whole store and prove training and serving equal."""
    from diptych.demo import job
    from diptych.demo import report as shown
    from diptych.run.engines.duckdb import DuckDBEngine
    from diptych.run.engines.kernel import KernelEngine

    session = session_of(context)
    console = err() if session.json else out()
    console.print(
        "\n[bold]Diptych[/]: the flights out of New York City in 2013, from one definition to two equal panels\n"
    )
    with progress() as watch:
        prepared = job.prepare(_repository(session), data, requests, watch)
        shown.show_definitions(console, prepared)
        outcome = job.run(prepared, DuckDBEngine(), KernelEngine(), watch)
    shown.show_plan(console, outcome)
    console.print()
    report(session, _as_dict(outcome), lambda on: shown.show_outcome(on, prepared, outcome))
    _next(console)
    raise typer.Exit(0 if outcome.passed else 1)


def _repository(session: Session) -> Path:
    """The repository of the demo: the one that the command stands in if it is that, else the packed one."""
    from diptych.declare.project import SettingsError, find_root, read_project

    try:
        root = find_root(session.repo)
        if read_project(root).project == "flights":
            return root
    except SettingsError:
        pass
    return template_folder()


def _as_dict(outcome: Any) -> dict[str, Any]:
    return {
        **outcome.verdict.to_dict(),
        "passed": outcome.passed,
        "latency_ms": {
            str(each.rows): {
                "p50": each.read.p50,
                "p99": each.read.p99,
                "floor_p50": each.floor.p50,
                "ratio": each.ratio,
            }
            for each in (outcome.one, outcome.hundred)
        },
        "training_rows_per_second": outcome.training_rows / outcome.training_seconds,
        "state": [{"view": s.view, "entities": s.entities, "bytes": s.bytes} for s in outcome.sizes],
    }


def _next(console: Console) -> None:
    console.print("\n[bold]Next[/]")
    console.print("  feature_repo/            the definitions behind every number above")
    console.print(
        "  diptych describe origin_traffic:held_rate_24h    what one feature means, word by word, and its SQL"
    )
    console.print("  diptych init my-repo     the same shape for your own data")
    console.print("  docs/semantics.md        the contract that both panels keep\n")
