"""The commands, put together; global options may stand before or behind the command."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from diptych.cli import demo, describing, explaining, parity, replays, rollouts, scaffold, serving, training
from diptych.cli.failures import told
from diptych.cli.session import Session

_FLAGS = ("--json", "--debug")
_VALUED = ("--repo", "--environment")


class HoistingGroup(TyperGroup):
    """A group whose own options are also found behind its commands: ``diptych plan --json``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the global options first."""
        return super().parse_args(ctx, hoisted(args))


def hoisted(args: Sequence[str]) -> list[str]:
    """The arguments with every global option before all others; what follows ``--`` stays where it is."""
    end = list(args).index("--") if "--" in args else len(args)
    front, rest = [], []
    waiting = iter(args[:end])
    for argument in waiting:
        if argument in _FLAGS or argument.startswith(tuple(f"{name}=" for name in _VALUED)):
            front.append(argument)
        elif argument in _VALUED:
            front += [argument, *[value for value in [next(waiting, None)] if value is not None]]
        else:
            rest.append(argument)
    return [*front, *rest, *args[end:]]


app = typer.Typer(
    cls=HoistingGroup,
    name="diptych",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Declare a feature once. Train on it, serve it, and prove the two equal.",
    epilog="Exit codes: 0 done; 1 a check failed or values differ; 2 wrong usage or definitions; 3 no store or engine.",
)


@app.callback()
def everywhere(
    context: typer.Context,
    repo: Annotated[Path, typer.Option(help="A folder with diptych.toml in it or above it.")] = Path("."),
    environment: Annotated[str | None, typer.Option(help="The environment; the default one of diptych.toml.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Report as JSON on standard output, and nothing else.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Keep what holds for every command."""
    context.obj = Session(repo, environment, json, debug)


app.command("init", rich_help_panel="Begin")(scaffold.init)
app.command("plan", rich_help_panel="Change what is served")(rollouts.plan)
app.command("apply", rich_help_panel="Change what is served")(rollouts.apply)
app.command("rollback", rich_help_panel="Change what is served")(rollouts.rollback)
app.command("backfill", rich_help_panel="Move events and values")(serving.backfill)
app.command("ingest", rich_help_panel="Move events and values")(serving.ingest)
app.command("get", rich_help_panel="Move events and values")(serving.get)
app.command("forget", rich_help_panel="Move events and values")(serving.forget)
app.command("train", rich_help_panel="Move events and values")(training.train)
app.command("describe", rich_help_panel="Understand")(describing.describe)
app.command("explain", rich_help_panel="Understand")(explaining.explain)
parity.app.command("replay")(replays.replay)
app.add_typer(parity.app, name="parity", rich_help_panel="Prove")
app.command("demo", rich_help_panel="Begin")(demo.demo)


def main(args: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    given = list(sys.argv[1:] if args is None else args)
    with told(json="--json" in given, debug="--debug" in given):
        app(args=given, prog_name="diptych")
