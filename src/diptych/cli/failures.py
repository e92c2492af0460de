"""Errors as people and scripts need them: a clean panel or JSON, and an exit code; a traceback only when asked for."""

import json as json_text
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diptych.ground.errors import DiptychError

FAILED, WRONG, UNREACHABLE = 1, 2, 3
"""Exit codes: a check failed or values differ; wrong usage or definitions; no store or engine."""


@contextmanager
def told(*, json: bool, debug: bool) -> Iterator[None]:
    """Turn a DiptychError into its exit code, told as JSON on standard output or in a panel on standard error."""
    try:
        yield
    except DiptychError as error:
        if debug:
            _traceback()
        if json:
            sys.stdout.write(json_text.dumps({"error": as_dict(error)}, ensure_ascii=False, indent=2) + "\n")
        else:
            _panel(error, hint=not debug)
        sys.exit(exit_code(error))


def exit_code(error: DiptychError) -> int:
    """Which exit code an error has."""
    from diptych.serve.stores.errors import StoreError

    return UNREACHABLE if isinstance(error, StoreError) else WRONG


def as_dict(error: DiptychError) -> dict[str, Any]:
    """An error as plain values; mistakes in definitions one by one."""
    found: dict[str, Any] = {"type": type(error).__name__, "message": str(error), "exit_code": exit_code(error)}
    mistakes = getattr(error, "mistakes", None)
    if mistakes is not None:
        found["mistakes"] = [
            {"where": each.where, "what": each.what, "exists": list(each.exists), "hint": each.hint}
            for each in mistakes
        ]
    return found


def _panel(error: DiptychError, *, hint: bool) -> None:
    from rich.panel import Panel
    from rich.text import Text

    from diptych.cli.output import err

    title = _spaced(type(error).__name__)
    err().print(Panel(_body(error), title=Text(title), title_align="left", border_style="red", padding=(0, 1)))
    if hint and getattr(error, "mistakes", None) is None:
        err().print(Text("--debug shows the traceback", style="dim"))


def _body(error: DiptychError) -> Any:
    from rich.text import Text

    mistakes = getattr(error, "mistakes", None)
    if mistakes is None:
        return Text(str(error))
    text = Text(str(error).splitlines()[0] + "\n")
    for mistake in mistakes:
        first, *rest = str(mistake).splitlines()
        where, _, what = first.partition(": ")
        text.append("\n").append(where, style="bold").append(f": {what}")
        for line in rest:
            text.append(f"\n{line}", style="green" if line.strip().startswith("hint") else "dim")
    return text


def _spaced(name: str) -> str:
    """``RegistryError`` as ``Registry error``."""
    words = "".join(f" {mark.lower()}" if mark.isupper() else mark for mark in name).strip()
    return words[:1].upper() + words[1:]


def _traceback() -> None:
    import traceback

    traceback.print_exc(file=sys.stderr)
