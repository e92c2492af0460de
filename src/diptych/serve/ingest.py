"""Ingestion: batches of raw rows through the door, projected onto every view of their source, and appended.

One pipelined call carries all views of a batch. An append is blind and its repetition harmless, so a batch that failed
half way is simply offered again. Folding comes after the appends and is optional work: when it fails, states are longer
for a while, and no event is lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from diptych.admit.door import Checked, MissingColumn, check
from diptych.admit.identity import Positions as RowPositions
from diptych.admit.project import project
from diptych.ground.errors import DiptychError
from diptych.ground.instants import EARLIEST, moment
from diptych.plan.nodes import Registry, Source, View
from diptych.rows.python import rows_of
from diptych.serve.addresses import Addresses
from diptych.serve.appending import Blocks, Target, blocks_of
from diptych.serve.batches import Batch, IngestError, Raw, past_door
from diptych.serve.clock import Clock, system_clock
from diptych.serve.folding import Folder, Grown
from diptych.serve.ingested import Ingested
from diptych.serve.live import LiveVersions
from diptych.serve.positions import Position, Positions
from diptych.serve.quarantine import CountsOnly, Quarantine, Rejected, as_json
from diptych.serve.recording.journal import Logged
from diptych.serve.recording.recorder import Recorder
from diptych.serve.recording.rows import Origin, recorded_rows
from diptych.serve.recording.segments import ARRIVED_AT, OFFSET
from diptych.serve.recording.settling import Noted, Settling
from diptych.serve.stores.protocol import KeyValueStore
from diptych.serve.tombstones import Graveyard


class PositionMoved(DiptychError):
    """Another consumer moved the position of a partition that this one reads."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a batch comes from: the offset of its first row in a partition, and the stored position before it."""

    partition: str
    offset: int
    position: Position
    consumer: str


@dataclass
class Ingestor:
    """Takes in rows for one registry.

    ``clock`` stamps ``known_at``; None is the server's. With ``replay`` the instant at which history knew each row is
    taken from the source's declared column instead; batches of one source must then come in the order of it. With
    ``live`` the live versions are fed, whatever ``registry`` holds, each past the door of its own source; what is
    counted and quarantined is ``registry``'s. A ``recorder`` writes down what is taken in before it is applied; where it
    cannot, the batch fails with RecordingError and nothing of it is applied.
    """

    registry: Registry
    addresses: Addresses
    store: KeyValueStore
    clock: Clock | None = None
    replay: bool = False
    quarantine: Quarantine = field(default_factory=CountsOnly)
    folder: Folder | None = None
    live: LiveVersions | None = None
    recorder: Recorder | None = None
    _known: dict[str, int] = field(default_factory=dict)
    _adopted: set[str] = field(default_factory=set)

    @cached_property
    def _graveyard(self) -> Graveyard:
        return Graveyard(self.store, self.addresses)

    @cached_property
    def _folder(self) -> Folder:
        return self.folder or Folder(self.store, self.addresses)

    @cached_property
    def _targets(self) -> dict[str, tuple[Target, ...]]:
        return {
            source.name: tuple(Target.of(view, self.addresses) for view in self.registry.views if view.source == source)
            for source in self.registry.sources
        }

    def push(self, source: str, rows: Batch) -> Ingested:
        """Take in rows of a source that are known from now on.

        Raises IngestError for a source that is not declared or has no ``event_id``, MissingColumn for a table
        without a declared column, and the store's errors; after those the rows may be pushed again.
        """
        declared = self._source(source)
        if declared.event_id is None:
            raise IngestError(
                f"source {source!r} declares no event_id, so a pushed row has no identity and its repeat would count "
                "twice: declare one, or feed the source from a stream, whose positions are ids"
            )
        self.settle(source)
        return self._take(declared, rows, None)[0]

    def deliver(self, source: str, rows: Batch, delivery: Delivery) -> tuple[Ingested, Position]:
        """Take in a batch of a stream, commit its position after the appends, and return that; see ``push``.

        Raises PositionMoved when another consumer has committed meanwhile; the rows are then appended, which is
        harmless, and the position is the other's.
        """
        return self._take(self._source(source), rows, delivery)

    def settle(self, source: str, *, look: bool = False) -> None:
        """Find out about batches of a source that were logged and not confirmed, before a position is read.

        Those of dead processes are looked for the first time, and with ``look`` again.
        """
        recorder = self.recorder
        if recorder is None:
            return
        if look or source not in self._adopted:
            recorder.adopt(source)
            self._adopted.add(source)
        if recorder.in_doubt(source):
            declared = self._source(source)
            positions = Positions(self.store, self.addresses)

            def blocks(noted: Noted, logged: Logged) -> list[Blocks]:
                return self._blocks_again(declared, noted, logged)

            def apply(noted: Noted, blocks: Sequence[Blocks]) -> None:
                self._apply_again(source, noted, blocks)

            Settling(recorder, declared, positions, blocks, apply).run()

    def now(self) -> int:
        """The instant that stamps what is taken in now."""
        return self.store.now_us() if self.clock is None else self.clock()

    def _source(self, name: str) -> Source:
        for source in self.registry.sources:
            if source.name == name:
                return source
        known = ", ".join(repr(source.name) for source in self.registry.sources) or "none"
        raise IngestError(f"there is no source {name!r} in project {self.registry.project!r}; there are {known}")

    def _take(self, source: Source, rows: Batch, delivery: Delivery | None) -> tuple[Ingested, Position]:
        now = system_clock() if self.replay else self.now()
        checked, raw = past_door(source, rows, None if self.replay else now, *_place(delivery))
        following = self._following(checked, now, delivery)
        live = None if self.live is None else self.live.targets(source.name, now)
        targets = _fed(self._targets[source.name], live)
        tombstones = self._graveyard.of(target.view.entity.name for target in targets)
        blocks, keyless = [], {}
        for target in targets:
            view = target.view
            events = project(view, checked)
            blocks.append(blocks_of(target, events, max(now, system_clock()), tombstones[view.entity.name]))
            if events.rejected:
                keyless[view.name] = {str(reason): count for reason, count in events.rejected.items()}
                self._keep_keyless(view, raw, events.refused, now)
        self._keep_rejected(checked, now)
        beside, judged = self._beside(live or {}, targets, rows, now, delivery)
        with self._recorded([checked, *judged], now, delivery, following):
            grown = self._append(source.name, [*blocks, *beside], delivery, following)
        self._known[source.name] = max(following.committed_at, self._known.get(source.name, EARLIEST))
        folded = self._folder.fold_grown(source, grown, self._known[source.name])
        done = Ingested(
            events=checked.offered,
            filtered=checked.filtered,
            rejected={str(reason): count for reason, count in checked.rejected.items()},
            appended={part.target.view.name: part.events for part in blocks},
            keyless=keyless,
            forgotten=sum(part.forgotten for part in blocks),
            folds=folded.folds,
            unfolded=folded.unfolded,
            oversized=folded.oversized,
            bytes=sum(part.bytes for part in blocks),
        )
        return done, following

    def _beside(
        self,
        live: Mapping[Source, tuple[Target, ...]],
        own: Sequence[Target],
        rows: Batch,
        now: int,
        delivery: Delivery | None,
    ) -> tuple[list[Blocks], list[Checked]]:
        """The blocks of the live versions that the registry does not hold, and the verdicts of their own doors."""
        found: list[Blocks] = []
        judged: list[Checked] = []
        held = {target.prefix for target in own}
        for door, targets in live.items():
            others = [target for target in targets if target.prefix not in held]
            if not others:
                continue
            try:
                checked, _ = past_door(door, rows, None if self.replay else now, *_place(delivery))
            except MissingColumn as error:
                # What is served must not stop for a version that asks for more than the stream brings.
                assert self.live is not None
                for target in others:
                    self.live.mark_broken(target.view, str(error))
                continue
            judged.append(checked)
            found += self._blocks(others, checked, now)
        return found, judged

    def _blocks(self, targets: Sequence[Target], checked: Checked, now: int) -> list[Blocks]:
        tombstones = self._graveyard.of(target.view.entity.name for target in targets)
        return [
            blocks_of(
                target, project(target.view, checked), max(now, system_clock()), tombstones[target.view.entity.name]
            )
            for target in targets
        ]

    @contextmanager
    def _recorded(
        self, judged: Sequence[Checked], now: int, delivery: Delivery | None, following: Position
    ) -> Iterator[None]:
        """Around the appends of a batch: it is logged before them and confirmed after; an error leaves it in doubt."""
        source = judged[0].source
        origin = None if delivery is None else Origin(delivery.partition, delivery.offset)
        table = None if self.recorder is None else recorded_rows(judged, origin)
        if self.recorder is None or table is None:
            yield
            return
        noted = Noted(now)
        if delivery is not None:
            noted = Noted(now, delivery.partition, delivery.offset, delivery.position, following)
        entry = self.recorder.log(source.name, table, noted.encode(), _first(table))
        try:
            yield
        except BaseException:
            self.recorder.doubt(entry)
            raise
        self.recorder.confirm(entry)

    def _blocks_again(self, source: Source, noted: Noted, logged: Logged) -> list[Blocks]:
        """What a logged batch appends to the versions that were live when it was taken in, stamped as it was then."""
        if self.live is None:
            doors: Mapping[Source, tuple[Target, ...]] = {source: self._targets[source.name]}
        else:
            doors = self.live.targets(source.name, noted.taken_at)
        table = logged.table()
        arrivals = table[ARRIVED_AT].cast(pa.int64()).to_numpy()
        positions = None
        if noted.partition is not None:
            offsets = table[OFFSET].to_numpy()
            positions = RowPositions(noted.partition, np.zeros(len(offsets), np.int64), offsets)
        found: list[Blocks] = []
        for door, targets in doors.items():
            with suppress(MissingColumn):  # that version was marked broken when the batch was taken in
                checked = check(door, table, arrived_at=arrivals, positions=positions)
                found += self._blocks(targets, checked, noted.taken_at)
        return found

    def _apply_again(self, source: str, noted: Noted, blocks: Sequence[Blocks]) -> None:
        """Append a batch that landed in part; a position that another consumer moved meanwhile is left where it is."""
        if noted.partition is None or noted.before is None or noted.after is None:
            self._append(source, blocks, None, Position(0, EARLIEST))
            return
        delivery = Delivery(noted.partition, noted.offset, noted.before, noted.before.consumer)
        with suppress(PositionMoved):
            self._append(source, blocks, delivery, noted.after)

    def _following(self, checked: Checked, now: int, delivery: Delivery | None) -> Position:
        """The position after a batch; nothing that comes later becomes known before its instant of commit."""
        held = Position(0, EARLIEST) if delivery is None else delivery.position
        known = now
        if self.replay:
            known = int(checked.known_at.max(initial=held.committed_at))
            least = int(checked.known_at.min(initial=known))
            if least < held.committed_at:
                raise IngestError(
                    f"a batch of source {checked.source.name!r} goes back to {moment(least).isoformat()}, before "
                    f"{moment(held.committed_at).isoformat()}, which has been replayed: replay in the order of known_at"
                )
        offset = 0 if delivery is None else delivery.offset
        consumer = "" if delivery is None else delivery.consumer
        return Position(offset + checked.offered, max(known, held.committed_at), consumer)

    def _append(
        self, source: str, blocks: Sequence[Blocks], delivery: Delivery | None, following: Position
    ) -> list[Grown]:
        items = [item for part in blocks for item in zip(part.keys, part.records, strict=True)]
        expiries = [instant for part in blocks for instant in part.expire_at_ms]
        expire = expiries if any(instant is not None for instant in expiries) else None
        if delivery is None:
            lengths = self.store.append_many(items, expire) if items else []
        else:
            lengths = self._append_and_commit(source, items, expire, delivery, following)
        grown, start = [], 0
        for part in blocks:
            grown.append(Grown(part.target, part.keys, lengths[start : start + len(part.keys)], part.records))
            start += len(part.keys)
        return grown

    def _append_and_commit(
        self,
        source: str,
        items: Sequence[tuple[bytes, bytes]],
        expire: Sequence[int | None] | None,
        delivery: Delivery,
        following: Position,
    ) -> list[int]:
        positions = Positions(self.store, self.addresses)
        change = positions.step(source, delivery.partition, delivery.position, following)
        committed = self.store.append_with_positions(items, expire, change)
        # After a cut the store tries again, and then finds the position moved by its own first attempt.
        if not committed.moved and self.store.get_document(change.key) != change.value:
            raise PositionMoved(
                f"another consumer has moved partition {delivery.partition!r}: let only one read a partition, or "
                "begin again from the stored position"
            )
        return committed.lengths

    def _keep_rejected(self, checked: Checked, now: int) -> None:
        if checked.quarantine.num_rows:
            rows = rows_of(checked.quarantine.drop_columns(["arrived_at"]))
            name = checked.source.name
            self.quarantine.put(
                [Rejected(name, row.pop("reason"), row.pop("detail"), now, as_json(row)) for row in rows]
            )

    def _keep_keyless(self, view: View, raw: "Raw", refused: "np.ndarray[Any, Any]", now: int) -> None:
        detail = f"view {view.name!r}: no key of entity {view.entity.name!r} in {', '.join(view.on)}"
        kept = [Rejected(view.source.name, "no_entity", detail, now, as_json(row)) for row in raw.rows(refused)]
        self.quarantine.put(kept)


def _first(table: pa.Table) -> int:
    """When the first row of a recorded batch became known (microseconds)."""
    return int(pc.min(table[ARRIVED_AT]).cast(pa.int64()).as_py())


def _fed(targets: tuple[Target, ...], live: Mapping[Source, tuple[Target, ...]] | None) -> tuple[Target, ...]:
    """The targets that are live, all of them where nobody asks."""
    if live is None:
        return targets
    prefixes = {target.prefix for each in live.values() for target in each}
    return tuple(target for target in targets if target.prefix in prefixes)


def _place(delivery: Delivery | None) -> tuple[str | None, int]:
    return (None, 0) if delivery is None else (delivery.partition, delivery.offset)
