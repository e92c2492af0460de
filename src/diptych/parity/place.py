"""Where a run's files go: worked out with the standard library alone, for every pytest run asks it."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

SETTINGS = "diptych.toml"
RUNS = Path(".diptych") / "parity"
"""Where runs are, below the folder of ``diptych.toml``."""

_STAMP = "%Y%m%d-%H%M%S"


def root_of(start: Path) -> Path | None:
    """The folder with ``diptych.toml`` that ``start`` is or lies in, if there is one."""
    folder = start.resolve()
    return next((each for each in (folder, *folder.parents) if (each / SETTINGS).is_file()), None)


def run_place(start: Path, name: str | None) -> Path:
    """The folder of a run, by its name, or by the clock; in the repository around ``start``, else in ``start``."""
    return (root_of(start) or start) / RUNS / (name or by_clock(datetime.now(UTC)))


def by_clock(now: datetime) -> str:
    """A name for a run that no other run has."""
    return f"{now.strftime(_STAMP)}-{secrets.token_hex(2)}"


def named_by_clock(runs: Path) -> Iterator[Path]:
    """The runs that nobody named, oldest first."""
    for path in sorted(runs.glob("*-*-*")):
        try:
            datetime.strptime(path.name.rpartition("-")[0], _STAMP)
        except ValueError:
            continue
        yield path
