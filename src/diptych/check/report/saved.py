"""Runs on disk: one JSON file each, written whole or not at all."""

from pathlib import Path

import msgspec

from diptych.check.findings import Run
from diptych.ground.errors import DiptychError

NAME = "run.json"
"""What the file is called inside the folder of a run."""


class BadRun(DiptychError):
    """A file that should hold a run and does not."""


def write(run: Run, path: Path) -> None:
    """Write a run; values that JSON has no word for become text."""
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.write_bytes(msgspec.json.encode(run, enc_hook=str))
    fresh.replace(path)


def read(path: Path) -> Run:
    """The run in a file, or in ``run.json`` of a folder; raises BadRun, which says what is wrong with it."""
    file = path / NAME if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=Run)
    except OSError as error:
        hint = f"`diptych parity run` writes {NAME} into the folder of its run"
        raise BadRun(f"no run can be read from {file}: {error.strerror}; {hint}") from error
    except msgspec.DecodeError as error:
        raise BadRun(f"{file} holds no run that this version of Diptych can read: {error}") from error
