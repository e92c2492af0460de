"""``parity report``: a saved run once more as a page for people, and as Markdown for a pull request."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from diptych.cli.output import report as give
from diptych.cli.session import UsageError, session_of

if TYPE_CHECKING:
    from diptych.check.findings import Run

STANDARD_OUTPUT = "-"


def report(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="The run's run.json, or the folder that holds it.")],
    html: Annotated[str | None, typer.Option(help="Where the page goes; - for standard output.")] = None,
    markdown: Annotated[str | None, typer.Option(help="Where the Markdown goes; - for standard output.")] = None,
) -> None:
    """Make the report of a saved run again; without options report.html and report.md beside it.

    The exit code says whether the report was made; whether the run passed is in it, and was the exit code of the run.
    """
    from diptych.check import report as made

    session = session_of(context)
    if html == markdown == STANDARD_OUTPUT:
        raise UsageError("--html and --markdown cannot both go to standard output; name a file for one of them")
    found = made.read(run)
    folder = run if run.is_dir() else run.parent
    if html is None and markdown is None:
        html, markdown = str(folder / "report.html"), str(folder / "report.md")
    texts = {"html": (html, made.html), "markdown": (markdown, made.markdown)}
    written = {name: to for name, (to, make) in texts.items() if to is not None and _put(to, make(found), name)}
    if STANDARD_OUTPUT not in (html, markdown):
        data = {"compared": found.compared, "mismatches": found.mismatches, "failures": list(found.failures)}
        give(session, {**data, "passed": found.passed, **written}, lambda console: _show(console, found, written))


def _put(to: str, text: str, name: str) -> bool:
    """Write a text; whether it went into a file."""
    if to == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return False
    try:
        Path(to).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--{name} {to}: cannot be written: {error.strerror}") from error
    return True


def _show(console: Console, run: "Run", written: dict[str, str]) -> None:
    from rich.markup import escape

    from diptych.check.report.overview import verdict

    said = verdict(run)
    colour = {"agree": "green", "refused": "red"}.get(said.state, "yellow")
    console.print(f"[bold {colour}]{said.sentence}[/] {said.line}")
    for name, to in written.items():
        console.print(f"{name}: {escape(to)}", soft_wrap=True)
