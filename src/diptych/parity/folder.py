"""The folder of one run: every worker appends what its checks found, one process in the end makes the report of it.

``pieces/`` holds a file for each worker, a line for each check, so nothing is shared, and what was found before a crash
is kept. A repeated name replaces the earlier run.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from diptych.check.findings import Cause, Checked, Findings
from diptych.parity.place import named_by_clock

KEPT = 20
"""Runs named by the clock that are kept, the newest."""

PIECES = "pieces"


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What one check of one suite found."""

    suite: str
    project: str
    environment: str
    begun_at: int
    checks: tuple[Checked, ...] = ()
    findings: tuple[Findings, ...] = ()
    allow: dict[Cause, float] = {}
    seed: int = 0


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run's folder; nothing is made before a check has something to write."""

    path: Path

    def add(self, worker: str, piece: Piece) -> None:
        """Append a piece to the file of a worker."""
        pieces = self.path / PIECES
        pieces.mkdir(parents=True, exist_ok=True)
        line = msgspec.json.encode(piece, enc_hook=_as_text) + b"\n"
        with (pieces / f"{worker}.jsonl").open("ab") as file:
            file.write(line)

    def pieces(self) -> Iterator[Piece]:
        """All pieces, worker by worker; a line that a crash left unfinished is passed over."""
        for file in sorted((self.path / PIECES).glob("*.jsonl")):
            for line in file.read_bytes().split(b"\n"):
                try:
                    yield msgspec.json.decode(line, type=Piece)
                except msgspec.DecodeError:
                    continue

    def put(self, name: str, text: str) -> Path:
        """Write a file of the run, whole or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        fresh = self.path / f".{name}"
        fresh.write_text(text, encoding="utf-8")
        return fresh.replace(self.path / name)

    def settle(self) -> None:
        """Keep what was made of the pieces, and of the other runs the newest; none of it is for version control."""
        shutil.rmtree(self.path / PIECES, ignore_errors=True)
        for old in list(named_by_clock(self.path.parent))[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        mark = self.path.parent / ".gitignore"
        if not mark.exists():
            mark.write_text("*\n", encoding="utf-8")


def _as_text(value: Any) -> Any:
    """What JSON has no word for, as text; numpy's own numbers as numbers."""
    plain = getattr(value, "item", None)
    return plain() if callable(plain) else str(value)
