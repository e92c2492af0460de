"""The recorder of one process: a batch is logged, then confirmed or left in doubt, and full journals are rolled."""

import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from diptych.ground.errors import DiptychError
from diptych.serve.recording.journal import Journal, Kind, Logged
from diptych.serve.recording.segments import Segments


class RecordingError(DiptychError):
    """The history log cannot be written; nothing of the batch in hand was applied."""


@dataclass(frozen=True, slots=True)
class Rolling:
    """After how many rows, bytes or seconds a journal becomes a Parquet file, at the next batch or at the end."""

    rows: int = 200_000
    bytes: int = 64 << 20
    seconds: float = 600.0


@dataclass(eq=False, slots=True)
class Entry:
    """A batch that was logged and not settled yet: in hand, or in doubt."""

    open: "_Open"
    number: int
    batch: Logged | None = None  # read back only where it has to be settled


@dataclass(eq=False, slots=True)
class _Open:
    """A locked journal with its entries; an orphan is full from the start."""

    source: str
    journal: Journal
    begun: float
    rows: int = 0
    full: bool = False
    entries: dict[int, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class Recorder:
    """Writes what ingestion takes in under ``folder``; see the package. For several threads, and in a fork anew.

    ``clock`` counts seconds. Methods raise RecordingError where the disk refuses.
    """

    folder: Path
    rolling: Rolling = Rolling()
    clock: Callable[[], float] = time.monotonic
    writer: str = field(default_factory=lambda: secrets.token_hex(6))
    _open: dict[str, _Open] = field(default_factory=dict)
    _waiting: list[_Open] = field(default_factory=list)
    _doubts: dict[str, list[Entry]] = field(default_factory=dict)
    _number: int = 0
    _process: int = field(default_factory=os.getpid)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def log(self, source: str, table: pa.Table, header: dict[str, Any], since: int) -> Entry:
        """Write a batch down before it is applied; ``since`` is when its first row became known (microseconds)."""
        with self._lock:
            self._part_ways()
            try:
                opened = self._opened(source, since)
                self._number += 1
                opened.journal.append(self._number, header, table)
            except (OSError, pa.ArrowException) as error:
                raise RecordingError(
                    f"source {source!r}: what is taken in cannot be written to its history in "
                    f"{str(self.folder / source)!r}: {error}. Nothing of this batch was applied: make room or mend the "
                    "folder, and send it again; or take `history` out of [environments.X.recording]"
                ) from error
            opened.rows += table.num_rows
            entry = opened.entries[self._number] = Entry(opened, self._number)
            return entry

    def confirm(self, entry: Entry) -> None:
        """The batch was applied: from now on it counts."""
        self._settle(entry, Kind.CONFIRMED)

    def drop(self, entry: Entry) -> None:
        """The batch was not applied, and never counts."""
        self._settle(entry, Kind.DROPPED)

    def doubt(self, entry: Entry) -> None:
        """Whether the batch was applied is not known: ``unsettled`` gives it out until it is."""
        with self._lock:
            self._doubts.setdefault(entry.open.source, []).append(entry)

    def in_doubt(self, source: str) -> bool:
        """Whether batches of a source wait to be settled, those of dead processes not looked for."""
        return bool(self._doubts.get(source))

    def adopt(self, source: str) -> None:
        """Take over the journals that dead processes left behind; what is in doubt there is ours to settle."""
        with self._lock:
            self._part_ways()
            segments = Segments.of(self.folder, source)
            mine = {opened.journal.path for opened in (*self._open.values(), *self._waiting)}
            for path in segments.journals():
                journal = None if path in mine else Journal.adopt(path)
                if journal is None:
                    continue
                opened = _Open(source, journal, self.clock(), full=True)
                for batch in journal.contents().in_doubt:
                    entry = opened.entries[batch.number] = Entry(opened, batch.number, batch)
                    self._doubts.setdefault(source, []).append(entry)
                self._waiting.append(opened)
            self._roll_full()

    def unsettled(self, source: str) -> list[Entry]:
        """The batches of a source that are in doubt, oldest first."""
        with self._lock:
            return list(self._doubts.get(source, ()))

    def logged(self, entry: Entry) -> Logged:
        """What was logged."""
        with self._lock:
            if entry.batch is None:
                found = {batch.number: batch for batch in entry.open.journal.contents().batches}
                entry.batch = found[entry.number]
            return entry.batch

    def close(self) -> None:
        """Roll what can be rolled and let go of the rest, which the next process settles."""
        with self._lock:
            self._part_ways()
            for opened in self._open.values():
                opened.full = True
                self._waiting.append(opened)
            self._open.clear()
            self._roll_full()
            for opened in self._waiting:
                opened.journal.release()
            self._waiting.clear()
            self._doubts.clear()

    def _settle(self, entry: Entry, kind: Kind) -> None:
        opened = entry.open
        with self._lock:
            try:
                opened.journal.mark(entry.number, kind)
            except OSError as error:
                if entry not in self._doubts.get(opened.source, ()):
                    self.doubt(entry)
                raise RecordingError(
                    f"source {opened.source!r}: a batch was applied, and its history in {str(opened.journal.path)!r} "
                    f"cannot be marked: {error}. Send it again when there is room: ids drop the repeat"
                ) from error
            opened.entries.pop(entry.number, None)
            doubts = self._doubts.get(opened.source, [])
            if entry in doubts:
                doubts.remove(entry)
            self._fill(opened)
            self._roll_full()

    def _opened(self, source: str, since: int) -> _Open:
        """The journal that grows."""
        opened = self._open.get(source)
        if opened is not None:
            return opened
        segments = Segments.of(self.folder, source)
        segments.begin(since)
        while True:
            self._number += 1
            journal = Journal.create(segments.journal(self.writer, self._number))
            if journal is not None:
                break
        opened = self._open[source] = _Open(source, journal, self.clock())
        return opened

    def _part_ways(self) -> None:
        """In a forked process, leave what is open to the one that opened it."""
        if os.getpid() == self._process:
            return
        for opened in (*self._open.values(), *self._waiting):
            opened.journal.release()
        self._open, self._waiting, self._doubts = {}, [], {}
        self._process, self.writer = os.getpid(), secrets.token_hex(6)

    def _fill(self, opened: _Open) -> None:
        """Have a journal that holds enough grow no more."""
        limits = self.rolling
        old = self.clock() - opened.begun >= limits.seconds
        if not opened.full and (opened.rows >= limits.rows or opened.journal.end >= limits.bytes or old):
            opened.full = True
            self._waiting.append(opened)
            del self._open[opened.source]

    def _roll_full(self) -> None:
        """Roll the full journals in which nothing is unsettled; where the disk refuses, they stay as they are."""
        for opened in list(self._waiting):
            if opened.entries:
                continue
            try:
                Segments.of(self.folder, opened.source).roll(opened.journal)
            except (OSError, pa.ArrowException):
                continue  # nothing is lost: it is read as a journal, and rolled with the next one
            self._waiting.remove(opened)
