"""The files of a request log: finished segments, each written aside and renamed, and the definition beside them.

A reader or a crash finds a segment whole or not at all. Segments are named by the instant of their first request and by
their writer, so processes never share one and the oldest come first.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from diptych.ground.instants import moment
from diptych.serve.requestlog.schema import ASKED_AT, DEFINITION, Described

_WRITING = ".writing"


@dataclass(frozen=True, slots=True)
class Segments:
    """One process's files of one service's log, under the folder of the whole log."""

    root: Path
    described: Described
    writer: str

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.root / self.described.folder

    def write(self, number: int, table: pa.Table) -> int:
        """Write a finished segment, durably when this returns; returns its bytes. Raises OSError, ArrowException."""
        self._define()
        first = pc.min(table[ASKED_AT]).cast(pa.int64()).as_py()
        name = f"{moment(first):%Y%m%dT%H%M%S}-{self.writer}-{number:06d}.parquet"
        path = self.folder / name
        aside = path.with_suffix(_WRITING)
        try:
            with aside.open("wb") as file:
                pq.write_table(table, file, compression="zstd", compression_level=1)
                file.flush()
                os.fsync(file.fileno())
            size = aside.stat().st_size
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        _sync(self.folder)
        return size

    def _define(self) -> None:
        """Put the definition there, if it is not there yet."""
        path = self.folder / DEFINITION
        if path.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"{DEFINITION}.{self.writer}{_WRITING}")
        with aside.open("wb") as file:
            file.write(self.described.encode())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
