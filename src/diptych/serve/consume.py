"""Consumers: a stream read into the online state, batch by batch, from where it stopped.

The position is committed after the appends, in the same store, so that a crash at any point at worst delivers
events again, whose ids then drop the repeats: the effect is exactly once.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from diptych.ground.instants import EARLIEST
from diptych.ground.ledger import Progress, Watcher, unwatched
from diptych.serve.batches import IngestError
from diptych.serve.ingest import Delivery, Ingestor, PositionMoved
from diptych.serve.ingested import Ingested
from diptych.serve.positions import Position, Positions
from diptych.serve.stream import Stream


@dataclass
class Consumer:
    """Feeds one source of an ingestor from a stream; ``start`` is the first offset of a partition never read before."""

    ingestor: Ingestor
    source: str
    stream: Stream
    start: int = 0
    name: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def positions(self) -> Positions:
        """Where the positions are kept."""
        return Positions(self.ingestor.store, self.ingestor.addresses)

    def run(self, watch: Watcher = unwatched) -> Ingested:
        """Take in all that the stream holds now, partition by partition; returns the sums.

        Raises PositionMoved when another consumer reads the same partition, and what ``Ingestor.deliver`` raises; run
        again, it goes on from the last committed batch.
        """
        total, begun = Ingested(), time.monotonic()
        for partition in self.stream.partitions:
            for offset, done in self.steps(partition):
                total += done
                watch(
                    Progress(
                        task=f"ingest {self.source} from {partition}",
                        unit="events",
                        done=offset,
                        rows=total.events,
                        bytes=total.bytes,
                        seconds=time.monotonic() - begun,
                    )
                )
        return total

    def steps(self, partition: str) -> Iterator[tuple[int, Ingested]]:
        """Per batch of a partition, the offset that was committed and what was done."""
        position = self._start(partition)
        for batch in self.stream.read(partition, position.offset):
            if batch.offset != position.offset:
                raise IngestError(
                    f"stream {partition!r} was asked for offset {position.offset} and gave {batch.offset}: rows are "
                    "missing or repeated; look at the stream's retention, or set the position anew"
                )
            delivery = Delivery(partition, batch.offset, position, self.name)
            done, position = self.ingestor.deliver(self.source, batch.rows, delivery)
            yield position.offset, done
        self._rest(partition, position)

    def _start(self, partition: str) -> Position:
        """The stored position, taken over by this consumer without touching its instant of commit.

        Batches in doubt are settled first: they may be what stands between the position and what was applied.
        """
        self.ingestor.settle(self.source, look=True)
        now = EARLIEST if self.ingestor.replay else self.ingestor.now()
        held = self.positions.register(self.source, partition, Position(self.start, now, self.name))
        mine = Position(held.offset, held.committed_at, self.name)
        change = self.positions.step(self.source, partition, held, mine)
        if not self.ingestor.store.compare_and_set(change):
            raise PositionMoved(f"another consumer began to read partition {partition!r} just now: let only one do it")
        return mine

    def _rest(self, partition: str, position: Position) -> None:
        """Commit the position once more at the end of a live stream, so that folds do not wait for an idle one."""
        if not self.ingestor.replay:
            now = max(self.ingestor.now(), position.committed_at)
            change = self.positions.step(self.source, partition, position, Position(position.offset, now, self.name))
            self.ingestor.store.compare_and_set(change)
