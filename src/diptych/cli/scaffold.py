"""``init``: lay down a team's repository in the shape of the one that Diptych itself is tried with."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from diptych.cli.output import report
from diptych.cli.session import UsageError, session_of
from diptych.ground.errors import DiptychError

PARTS = ("feature_repo", "transforms", "parity", "diptych.toml")
"""What a team's repository consists of."""
_DATA = Path("data") / "flights"


class NoTemplate(DiptychError):
    """An installation without the template."""


def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to; made if it is not there.")] = Path("."),
    data: Annotated[bool, typer.Option("--data/--no-data", help="Also write the history of the example.")] = True,
) -> None:
    """Lay down definitions, shared transforms, parity suites and settings. Overwrites nothing."""
    session = session_of(context)
    lay_down(folder)
    written = write_history(folder) if data else False
    steps = next_steps(folder, written)
    result = {"folder": str(folder), "laid_down": list(PARTS), "data": written, "next": steps}
    report(session, result, lambda console: _show(console, folder, written, steps))


def lay_down(folder: Path) -> None:
    """Copy every part into ``folder``; raises UsageError when one of them is there already, and copies nothing then."""
    template = template_folder()
    there = [part for part in PARTS if (folder / part).exists()]
    if there:
        raise UsageError(f"{folder} already holds {', '.join(there)}: nothing was written; choose an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source, target = template / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copyfile(source, target)


def template_folder() -> Path:
    """Where the parts are: packed into the installed package, or at the top of the repository it is developed in."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "template", package.parents[1]):
        if all((place / part).exists() for part in PARTS):
            return place
    raise NoTemplate(f"this installation of diptych lacks its template ({', '.join(PARTS)}): install it again")


def write_history(folder: Path) -> bool:
    """Write the example's events; False where the package that holds them is not installed."""
    from diptych.demo.archive import FlightsNotInstalled
    from diptych.demo.history import write_flight_history

    try:
        write_flight_history(folder / _DATA)
    except FlightsNotInstalled:
        return False
    return True


def next_steps(folder: Path, data: bool) -> list[str]:
    """The commands to go on with."""
    enter = [] if folder.resolve() == Path.cwd() else [f"cd {folder}"]
    fetch = (
        [] if data else ["pip install 'diptych[demo]', then write the example's data, or name yours in diptych.toml"]
    )
    commands = ["diptych plan", "diptych apply --yes", "diptych describe plane_history:arr_delay_mean_24h"]
    return [*enter, *fetch, *commands, "diptych parity run"]


def _show(console: Console, folder: Path, data: bool, steps: list[str]) -> None:
    console.print(f"Laid down in {folder}: {', '.join(PARTS)}{f' and {_DATA}' if data else ''}")
    console.print("Next:")
    for step in steps:
        console.print(f"    {step}", markup=False)
