"""``parity run``: the suites of a repository by pytest, in this process, with exit codes of our own."""

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from diptych.cli.output import report
from diptych.cli.session import Session, UsageError, session_of
from diptych.ground.errors import DiptychError

if TYPE_CHECKING:
    from diptych.parity.assembly import Assembled

EQUAL, NOT_EQUAL, WRONG, BROKEN, NOTHING = 0, 1, 2, 3, 5
"""Exit codes: all equal; something is not, or could not be checked; wrong usage or definitions; pytest itself broke; and
nothing was compared, which is pytest's own code for that too and must never look like success."""

_BY_PYTEST = {0: EQUAL, 1: NOT_EQUAL, 2: WRONG, 3: BROKEN, 4: WRONG, 5: NOTHING}
_PASSED_ON = "diptych.passed_on"
_DEFAULT = '''"""The suite of a repository without a parity folder: every check of every feature."""

from diptych import parity

suite = parity.Suite()
'''


class NoPytest(DiptychError):
    """An installation without the extra ``parity``."""


class PassingCommand(TyperCommand):
    """A command that hands on what follows ``--`` as it is."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put aside what is not for this command."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[_PASSED_ON] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


def run(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(help="Suites as pytest takes them; default: parity/, else a suite of all.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="How much to search and ask: quick, default or long.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draw by this seed instead of the suites' own.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run's folder in .diptych/parity.")] = None,
) -> None:
    """Run the suites that CI runs, without writing one if there is none; what follows -- goes to pytest.

    Exit codes: 0 equal; 1 not equal, or a check could not be carried out; 2 wrong usage or definitions; 3 pytest
    itself broke; 5 nothing was compared.
    """
    session = session_of(context)
    root = session.load().root
    given = list(paths or []) or [str(_suites(root))]
    options = [f"--diptych-repo={root}", *_options(session, profile, seed, name)]
    code, assembled = _pytest([*given, *options, *context.meta[_PASSED_ON]], quiet=session.json)
    if code == EQUAL and assembled is None:
        code = NOTHING
    if code == NOTHING:
        where = ", ".join(given)
        sys.stderr.write(f"nothing was compared: {where} holds no suite that was selected (suite = parity.Suite())\n")
    if session.json:
        report(session, _result(code, assembled), lambda console: None)
    raise typer.Exit(code)


def _suites(root: Path) -> Path:
    """The repository's own suites, or a file with the default one, beside the runs."""
    own = root / "parity"
    if any(own.glob("**/test_*.py")):
        return own
    file = root / ".diptych" / "parity" / "test_everything.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_DEFAULT, encoding="utf-8")
    return file


def _options(session: Session, profile: str | None, seed: int | None, name: str | None) -> list[str]:
    from diptych.parity.budget import FACTORS

    if profile is not None and profile not in FACTORS:
        raise UsageError(f"--profile {profile!r}: there are {', '.join(FACTORS)}")
    chosen = {"environment": session.environment, "profile": profile, "seed": seed, "run": name}
    return [f"--diptych-{option}={value}" for option, value in chosen.items() if value is not None]


def _pytest(args: list[str], *, quiet: bool) -> "tuple[int, Assembled | None]":
    """Run pytest in this process; its exit code as ours, and the report if there is one."""
    try:
        import pytest
    except ImportError as error:
        raise NoPytest("suites run on pytest, which is not installed: pip install 'diptych[parity]'") from error
    seen = _Seen()
    with redirect_stdout(sys.stderr) if quiet else nullcontext():
        code = pytest.main(["-p", "diptych.parity.plugin", *args], plugins=[seen])
    return _BY_PYTEST.get(int(code), NOT_EQUAL), seen.assembled


class _Seen:
    """A plugin that keeps the run's report."""

    assembled: "Assembled | None" = None

    def pytest_unconfigure(self, config: Any) -> None:
        """The end of the session."""
        run = config.pluginmanager.getplugin("diptych-parity-run")
        self.assembled = getattr(run, "assembled", None)


def _result(code: int, assembled: "Assembled | None") -> dict[str, Any]:
    if assembled is None:
        return {"equal": False, "exit_code": code, "compared": 0, "mismatches": 0, "checks": 0, "failures": []}
    run = assembled.run
    return {
        "equal": code == EQUAL,
        "exit_code": code,
        "compared": run.compared,
        "mismatches": run.mismatches,
        "checks": len(run.checks),
        "failures": list(run.failures),
        "report": str(assembled.page),
    }
