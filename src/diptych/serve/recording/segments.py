"""The files of a recorded history: one folder for each source, journals that grow and Parquet files that are done.

``journal-{writer}-{number}.wal`` becomes ``part-{writer}-{number}.parquet``. ``since.json`` says from which instant on
the source is recorded.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from diptych.serve.recording.journal import Journal, parse

ARRIVED_AT, PARTITION, OFFSET = "arrived_at", "_partition", "_offset"
"""Columns beside the declared ones: when a row became known, and for a stream, from where it came."""

_SINCE = "since.json"
_WRITING = ".writing"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a recorded history holds at one moment: Parquet files, the rows that are in no file yet, and since when.

    ``since`` (microseconds) None: nothing was recorded.
    """

    files: tuple[str, ...]
    fresh: pa.Table | None
    since: int | None


@dataclass(frozen=True, slots=True)
class Segments:
    """The folder of one source."""

    folder: Path

    @classmethod
    def of(cls, root: Path, source: str) -> "Segments":
        """The folder of a source under that of a whole recording."""
        return cls(root / source)

    def journal(self, writer: str, number: int) -> Path:
        """The name of a journal."""
        return self.folder / f"journal-{writer}-{number:06d}.wal"

    def journals(self) -> list[Path]:
        """All journals, whoever writes them."""
        return sorted(self.folder.glob("journal-*.wal"))

    def begin(self, since: int) -> None:
        """Note from which instant on the source is recorded, unless that was noted before."""
        path = self.folder / _SINCE
        if path.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"{_SINCE}.{os.getpid()}-{os.urandom(4).hex()}{_WRITING}")
        try:
            aside.write_text(json.dumps({"since": since}))
            os.link(aside, path)  # the first one stays
        except FileExistsError:
            pass
        finally:
            aside.unlink(missing_ok=True)

    def since(self) -> int | None:
        """From which instant on the source is recorded; None: it is not."""
        try:
            return int(json.loads((self.folder / _SINCE).read_text())["since"])
        except FileNotFoundError:
            return None

    def roll(self, journal: Journal) -> None:
        """Put the confirmed batches of a journal into its Parquet file, and delete it. Raises OSError, ArrowException."""
        tables = [batch.table() for batch in journal.contents().confirmed]
        if tables:
            path = self._part(journal.path)
            aside = path.with_suffix(_WRITING)
            try:
                whole = together(tables)
                words = [field.name for field in whole.schema if pa.types.is_string(field.type)]
                with aside.open("wb") as file:  # dictionaries of numbers cost more time than they save room
                    pq.write_table(whole, file, compression="zstd", compression_level=1, use_dictionary=words)
                    file.flush()
                    os.fsync(file.fileno())
                aside.replace(path)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
            _sync(self.folder)
        journal.delete()

    def snapshot(self) -> Snapshot:
        """All that counts now. Journals first: one that is rolled meanwhile is found as a Parquet file after."""
        held = {path: _read(path) for path in self.journals()}
        files = sorted(self.folder.glob("part-*.parquet"))
        done = set(files)
        fresh = [
            batch.table()
            for path, raw in held.items()
            if self._part(path) not in done
            for batch in parse(raw).confirmed
        ]
        return Snapshot(tuple(map(str, files)), together(fresh) if fresh else None, self.since())

    def _part(self, journal: Path) -> Path:
        name = journal.name.removeprefix("journal-").removesuffix(".wal")
        return self.folder / f"part-{name}.parquet"


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """Rows of one source one below the other; a column that some do not have is null there."""
    return pa.concat_tables(tables, promote_options="permissive")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # rolled since it was listed
        return b""


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
