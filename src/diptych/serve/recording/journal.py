"""A journal: the file to which one writer appends batches and what became of them, each in a frame with a checksum.

A frame is ``DPTJ``, its kind, a CRC-32 of all that follows, the batch's number, and its content with its length. What
comes after the first frame that is torn or altered is not believed. The content of a batch is a header in JSON, and an
Arrow IPC stream of its rows.
"""

import contextlib
import fcntl
import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

_MAGIC = b"DPTJ"
_FRAME = struct.Struct("<4sBIQQ")  # magic, kind, CRC, number, length of the content
_HEADER = struct.Struct("<I")


class Kind(IntEnum):
    """What a frame says of a batch."""

    BATCH = 1
    CONFIRMED = 2
    DROPPED = 3


@dataclass(frozen=True, slots=True)
class Logged:
    """A batch in a journal: its number there, what was noted with it, and its rows, read when they are asked for."""

    number: int
    header: dict[str, Any]
    rows_ipc: memoryview | bytes

    def table(self) -> pa.Table:
        """The rows."""
        with pa.ipc.open_stream(pa.py_buffer(self.rows_ipc)) as reader:
            return reader.read_all()


@dataclass(slots=True)
class Contents:
    """What is to be believed of a journal: its batches in order, what became of each, and where the belief ends."""

    batches: list[Logged] = field(default_factory=list)
    fates: dict[int, Kind] = field(default_factory=dict)
    end: int = 0

    @property
    def confirmed(self) -> list[Logged]:
        """The batches that count."""
        return [batch for batch in self.batches if self.fates.get(batch.number) is Kind.CONFIRMED]

    @property
    def in_doubt(self) -> list[Logged]:
        """The batches of which nothing is said."""
        return [batch for batch in self.batches if batch.number not in self.fates]


def parse(raw: bytes) -> Contents:
    """The frames of a journal up to the first that is torn or altered."""
    found = Contents()
    view = memoryview(raw)
    for kind, number, content, end in _frames(view):
        if kind is Kind.BATCH:
            (size,) = _HEADER.unpack_from(content)
            header = json.loads(bytes(content[_HEADER.size : _HEADER.size + size]))
            found.batches.append(Logged(number, header, content[_HEADER.size + size :]))
        else:
            found.fates[number] = kind
        found.end = end
    return found


def _frames(view: memoryview) -> Iterator[tuple[Kind, int, memoryview, int]]:
    place = 0
    while place + _FRAME.size <= len(view):
        magic, kind, crc, number, length = _FRAME.unpack_from(view, place)
        end = place + _FRAME.size + length
        if magic != _MAGIC or end > len(view):
            return
        content = view[place + _FRAME.size : end]
        if _checksum(kind, number, content) != crc or kind not in Kind._value2member_map_:
            return
        yield Kind(kind), number, content, end
        place = end


def _checksum(kind: int, number: int, *content: bytes | memoryview) -> int:
    crc = zlib.crc32(struct.pack("<BQ", kind, number))
    for part in content:
        crc = zlib.crc32(part, crc)
    return crc


@dataclass(slots=True)
class Journal:
    """A journal that this process has locked. Raises OSError where the disk does; what it wrote is then cut off again.

    Not for several threads at once.
    """

    path: Path
    file: int
    end: int = 0

    @classmethod
    def create(cls, path: Path) -> "Journal | None":
        """A new journal; None if the name is taken, or somebody took it for an orphan before it was locked."""
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return None
        return cls._locked(path, file)

    @classmethod
    def adopt(cls, path: Path) -> "Journal | None":
        """A journal that some writer left behind; None while that lives, or if it is gone."""
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        return cls._locked(path, file)

    @classmethod
    def _locked(cls, path: Path, file: int) -> "Journal | None":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None
        if os.fstat(file).st_nlink == 0:  # it was rolled between opening and locking
            os.close(file)
            return None
        return cls(path, file)

    def contents(self) -> Contents:
        """What is in it; a torn tail is cut off."""
        found = parse(self.path.read_bytes())
        os.ftruncate(self.file, found.end)
        self.end = found.end
        return found

    def append(self, number: int, header: dict[str, Any], table: pa.Table) -> None:
        """Write a batch; it is on the disk when this returns."""
        noted = json.dumps(header, separators=(",", ":")).encode()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        self._write(Kind.BATCH, number, _HEADER.pack(len(noted)) + noted, memoryview(sink.getvalue()), sync=True)

    def mark(self, number: int, kind: Kind) -> None:
        """Say what became of a batch; a crash of the machine may forget it, one of the process does not."""
        self._write(kind, number, sync=False)

    def _write(self, kind: Kind, number: int, *content: bytes | memoryview, sync: bool) -> None:
        length = sum(len(part) for part in content)
        head = _FRAME.pack(_MAGIC, kind, _checksum(kind, number, *content), number, length)
        try:
            _write_all(self.file, self.end, [head, *content])
            if sync:
                os.fdatasync(self.file)
        except OSError:
            with contextlib.suppress(OSError):  # what is torn is not believed, and the next frame writes over it
                os.ftruncate(self.file, self.end)
            raise
        self.end += len(head) + length

    def delete(self) -> None:
        """Remove the file, and let go of it."""
        self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Let go of it: whoever comes next may settle it."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()


def _write_all(file: int, place: int, parts: list[bytes | memoryview]) -> None:
    for part in parts:
        view = memoryview(part)
        while view:
            written = os.pwrite(file, view, place)
            view, place = view[written:], place + written
