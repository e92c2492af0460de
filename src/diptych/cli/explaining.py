"""``explain``: why a value is what it is, both sides of it, down to single events, tiles and raw records."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from diptych.cli.entities import entity_rows
from diptych.cli.output import report
from diptych.cli.session import UsageError, instant_of, session_of

if TYPE_CHECKING:
    from diptych.plan.nodes import Registry

DIFFERS = 1
"""The exit code where a side does not give the answer by law."""


def explain(
    context: typer.Context,
    feature: Annotated[
        str, typer.Argument(help='"view:feature"; with --service or --request also an output or a derived feature.')
    ],
    entity: Annotated[
        list[str] | None,
        typer.Option("--entity", "-e", help="key=value, once for each key and each request input that is read."),
    ] = None,
    at: Annotated[str | None, typer.Option(help="The instant to explain; default: now.")] = None,
    service: Annotated[str | None, typer.Option(help='The service ("name" or "name:version") that is asked.')] = None,
    request: Annotated[str | None, typer.Option(help="The id of a logged request: its entity and its instant.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Events, tiles and records to show; 0: all of them.")] = 10,
) -> None:
    """Say why a value is what it is: by law, offline and online, event by event. Exits with 1 where sides differ."""
    from diptych.cli.explained import show

    session = session_of(context)
    if request is not None and (at is not None or service is not None):
        raise UsageError("--request says service and instant itself: leave --at and --service out")
    instant = instant_of(at, "--at")
    with session.store() as store:
        found = store.explain(feature, _row(store.registry, entity), instant, service=service, request=request)
    shown = found if limit == 0 else found.limited(limit)
    report(session, shown.to_dict(), lambda console: show(console, shown))
    if not found.agrees:
        raise typer.Exit(DIFFERS)


def _row(registry: "Registry", words: list[str] | None) -> dict[str, Any]:
    if not words:
        return {}
    rows = entity_rows(registry, words)
    if len(rows) != 1:
        raise UsageError(f"one entity is explained at a time, not {len(rows)}")
    return rows[0]
