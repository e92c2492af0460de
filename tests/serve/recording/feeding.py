"""A consumer that records, in a process of its own, to be killed: ``python -m tests.serve.recording.feeding ...``.

It reads purchases that happened just before BASE and stamps them as they come. Told a POINT, it kills itself there, with
the signal that nothing can catch, in the batch whose number is NUMBER. It prints each offset that it has committed.
"""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from diptych.ground.instants import HOUR
from diptych.plan.nodes import Registry
from diptych.serve.addresses import Addresses
from diptych.serve.consume import Consumer
from diptych.serve.folding import Folder
from diptych.serve.ingest import Ingestor
from diptych.serve.recording.recorder import Recorder, Rolling
from diptych.serve.stores.address import Address
from diptych.serve.stores.protocol import Committed, DocumentChange
from diptych.serve.stores.valkey import ValkeyStore
from diptych.serve.stream import TableStream
from diptych.testing.build import table
from tests.serve.online import registry_of
from tests.serve.shop import START, by_user, by_user_and_shop, purchases, rows

POINTS = ("before", "half", "appended", "committed")
BATCH_ROWS = 20
ROLLING = Rolling(rows=100)


def registry(identified: bool) -> Registry:
    """The views over purchases; where those have no id, their positions are."""
    over = purchases(event_id=identified)
    return registry_of(by_user(over), by_user_and_shop(over))


def fed(base: int, seed: int, count: int, identified: bool) -> pa.Table:
    """Purchases of the hour before ``base``, in an order of their own; what they declare to be known is never true."""
    over = purchases(event_id=identified)
    given = rows(count, seed, length=HOUR)
    moved = [
        {**row, "at": row["at"] - START + base - HOUR, "known": row["known"] - START + base - HOUR} for row in given
    ]
    return table(over, moved)


class Dying(ValkeyStore):
    """A store whose process dies in the n-th batch, at a point."""

    def __init__(self, address: Address, point: str, number: int) -> None:
        super().__init__(address, read_timeout=10, write_timeout=10)
        self.point, self.left = point, number

    def append_with_positions(
        self,
        items: Sequence[tuple[bytes, bytes]],
        expire_at_ms: Sequence[int | None] | None,
        position: DocumentChange,
        *,
        timeout: float | None = None,
    ) -> Committed:
        self.left -= 1
        if self.left == 0:
            self._die(items, expire_at_ms, position)
        return super().append_with_positions(items, expire_at_ms, position, timeout=timeout)

    def append_many(
        self, items: Sequence[tuple[bytes, bytes]], expire_at_ms: Sequence[int | None] | None = None, **more: Any
    ) -> list[int]:
        self.left -= 1
        if self.left == 0:
            self._die(items, expire_at_ms, None)
        return super().append_many(items, expire_at_ms, **more)

    def _die(
        self,
        items: Sequence[tuple[bytes, bytes]],
        expiries: Sequence[int | None] | None,
        position: DocumentChange | None,
    ) -> None:
        part = {"before": 0, "half": len(items) // 2}.get(self.point, len(items))
        super().append_many(items[:part], None if expiries is None else expiries[:part])
        if self.point == "committed" and position is not None:
            assert self.compare_and_set(position)
        os.kill(os.getpid(), signal.SIGKILL)


def ingestor(store: ValkeyStore, project: str, folder: Path, identified: bool, fold: bool = False) -> Ingestor:
    """One that records and stamps by the server's clock."""
    addresses = Addresses(project, "test")
    folds = Folder(store, addresses, fold_lag=0, threshold=256 if fold else 1 << 40, worthwhile=1.0)
    recorder = Recorder(folder, ROLLING)
    return Ingestor(registry(identified), addresses, store, folder=folds, recorder=recorder)


def consumer(taking: Ingestor, name: str, given: pa.Table) -> Consumer:
    """Of one partition."""
    return Consumer(taking, "events", TableStream(name, given, "known", BATCH_ROWS))


def main(
    socket: str, project: str, folder: str, base: str, seed: str, count: str, identified: str, point: str, number: str
) -> None:
    """Feed until all is in, or until death."""
    store = Dying(Address(socket_path=socket), point, int(number))
    given = fed(int(base), int(seed), int(count), identified == "1")
    taking = ingestor(store, project, Path(folder), identified == "1", fold=point == "fold")
    stream = replace(consumer(taking, f"purchases-{seed}", given))
    for offset, _ in stream.steps(f"purchases-{seed}"):
        print(offset, flush=True)
    assert taking.recorder is not None
    taking.recorder.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
