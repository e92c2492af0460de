"""Settling: whether a batch of which the log does not know was applied, found out in the store and made sure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.plan.nodes import Source
from diptych.serve.appending import Blocks
from diptych.serve.positions import Position, Positions
from diptych.serve.recording.journal import Logged
from diptych.serve.recording.recorder import Entry, Recorder


@dataclass(frozen=True, slots=True)
class Noted:
    """What is noted with a batch: when it was taken in (microseconds), and for a stream the positions around it."""

    taken_at: int
    partition: str | None = None
    offset: int = 0
    before: Position | None = None
    after: Position | None = None

    def encode(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "taken_at": self.taken_at,
            "partition": self.partition,
            "offset": self.offset,
            "before": None if self.before is None else _spelled(self.before),
            "after": None if self.after is None else _spelled(self.after),
        }

    @classmethod
    def decode(cls, header: dict[str, Any]) -> "Noted":
        """Out of a batch's header."""
        before, after = (None if header[name] is None else Position(*header[name]) for name in ("before", "after"))
        return cls(header["taken_at"], header["partition"], header["offset"], before, after)


def _spelled(position: Position) -> list[Any]:
    return [position.offset, position.committed_at, position.consumer]


Blocked = Callable[[Noted, Logged], Sequence[Blocks]]
"""What a logged batch appends to the live versions of its source's views, with the instants that it was stamped with."""

Applied = Callable[[Noted, Sequence[Blocks]], None]
"""Appends that again, and commits the position where it still is the one before."""


@dataclass(frozen=True, slots=True)
class Settling:
    """How the batches in doubt of one source are settled; raises the store's errors, and can be run again after them."""

    recorder: Recorder
    source: Source
    positions: Positions
    blocks: Blocked
    apply: Applied

    def run(self) -> None:
        """Settle all of them, oldest first."""
        for entry in self.recorder.unsettled(self.source.name):
            if self._counts(entry):
                self.recorder.confirm(entry)
            else:
                self.recorder.drop(entry)

    def _counts(self, entry: Entry) -> bool:
        """Whether the batch was applied, wholly now if it was in part."""
        logged = self.recorder.logged(entry)
        noted = Noted.decode(logged.header)
        stored = None if noted.partition is None else self.positions.read(self.source.name, noted.partition)
        if stored is not None and noted.after is not None and _same(stored, noted.after):
            return True
        blocks = self.blocks(noted, logged)
        if not self._landed(blocks):
            # Past its end without a trace: it was applied long ago, and folded.
            return stored is not None and noted.after is not None and stored.offset > noted.after.offset
        now = self.positions.store.now_us()
        if noted.partition is not None or now - noted.taken_at <= self.source.dedup_window:
            self.apply(noted, blocks)
        return True

    def _landed(self, blocks: Sequence[Blocks]) -> bool:
        """Whether a record of the batch is in the store, as it was appended."""
        for part in blocks:
            width = part.target.program.layout.record_bytes
            for key_records, state in zip(part.records, self.positions.store.get_many(part.keys), strict=True):
                if state is None:
                    continue
                if any(key_records[at : at + width] in state for at in range(0, len(key_records), width)):
                    return True
        return False


def _same(one: Position, other: Position) -> bool:
    """Whether two positions are the same commit, whoever has taken it over since."""
    return (one.offset, one.committed_at) == (other.offset, other.committed_at)
