"""What people and programs see: reports on standard output, everything said on the way on standard error."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

from diptych.cli.session import Session, UsageError, plain
from diptych.ground.ledger import Progress, Watcher

_WIDTH_WITHOUT_TERMINAL = 110


def out() -> Console:
    """The console of reports; as wide as the terminal, or wide enough where there is none."""
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH_WITHOUT_TERMINAL)


def err() -> Console:
    """The console for what is said on the way."""
    return Console(stderr=True, highlight=False)


def report(session: Session, data: dict[str, Any], show: Callable[[Console], None]) -> None:
    """Give a result: as JSON if that was asked for, else as ``show`` draws it."""
    if session.json:
        sys.stdout.write(json.dumps(plain(data), ensure_ascii=False, indent=2) + "\n")
    else:
        show(out())


def show_rejected(console: Console, rejected: Mapping[str, int]) -> None:
    """One line for each reason for which rows were left out."""
    for reason, count in sorted(rejected.items()):
        console.print(f"  refused, {reason}: {count:,}", style="yellow")


def confirm(session: Session, yes: bool, question: str) -> None:
    """Ask, unless the answer was given; no for an answer ends the command. Raises UsageError where nobody can answer."""
    if yes:
        return
    if session.json or not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked: pass --yes")
    if not typer.confirm(question, err=True):
        err().print("Nothing was changed.")
        raise typer.Exit(0)


@contextmanager
def progress() -> Iterator[Watcher]:
    """A watcher that draws one bar for each task on standard error, where that is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Bars(*columns, TimeElapsedColumn(), console=err(), transient=True) as bars:
        known: dict[str, Any] = {}

        def watch(seen: Progress) -> None:
            if seen.task not in known:
                known[seen.task] = bars.add_task(seen.task, total=seen.total, rate="")
            rate = f"{seen.rows / seen.seconds:,.0f} rows/s" if seen.rows and seen.seconds > 0 else ""
            bars.update(known[seen.task], completed=seen.done, total=seen.total, rate=rate)

        yield watch
