"""``describe``: what a feature, a view or a service means, costs and compiles to."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from diptych.cli.output import report
from diptych.cli.session import session_of

if TYPE_CHECKING:
    from diptych.describe import Description


def describe(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help='"view:feature", a view, or a service ("name" or "name:version").')],
    sql: Annotated[bool, typer.Option("--sql/--no-sql", help="Show the compiled SQL.")] = True,
) -> None:
    """Say in words what a feature means, what it costs in bytes, and which SQL computes it for training."""
    from diptych.describe import describe as described

    session = session_of(context)
    description = described(session.load().registry, name)
    report(session, description.as_dict(), lambda console: _show(console, description, sql))


def _show(console: Console, description: "Description", sql: bool) -> None:
    console.print(Text(f"{description.kind} {description.name}", style="bold"))
    for section in description.sections:
        console.print()
        console.print(Text(section.title, style="cyan"))
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(style="dim", no_wrap=True, max_width=34)
        table.add_column(overflow="fold")
        for fact in section.facts:
            table.add_row(Text("  " + fact.topic), Text(fact.text))
        console.print(table)
    for statement in description.statements if sql else ():
        console.print()
        console.print(Text(f"SQL ({statement.dialect})", style="cyan"))
        _show_sql(console, statement.sql or f"-- refused: {statement.refused}")


def _show_sql(console: Console, sql: str) -> None:
    if console.is_terminal:
        from rich.syntax import Syntax

        console.print(Syntax(sql, "sql", background_color="default"))
    else:
        console.print(Text(sql), soft_wrap=True)
