"""The online side of an explanation: the answer that a stored state gives, and the parts of the state that made it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych.check.explain.asking import Answered, bare, reads
from diptych.check.explain.explanation import RecordShown, StateShown, TileShown
from diptych.check.explain.fates import Key
from diptych.check.explain.reading import ReadRecord, ReadTile, read_records, read_tiles
from diptych.check.explain.wording import (
    said,
    shown,
    shown_partial,
    spelled_condition,
    spelled_hash,
    spelled_input,
    spelled_reducer,
)
from diptych.compile.online.answers import BeforeHorizon, CorruptState, read
from diptych.compile.online.layout import Layout, reducer_of
from diptych.compile.online.program import Program
from diptych.compile.online.settle import settle
from diptych.compile.online.unpack import Held, Unpacked, unpack
from diptych.ground.values import ListOf, ResultType, Timestamp
from diptych.plan.nodes import Reduction, View
from diptych.serve.answer import Status

_STATUSES = tuple(Status)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store has for the entity: the bytes under ``view``, the version that is served (None: none is).

    ``missing`` says why there is no answer to be had, whatever the bytes; empty where there is one. ``fed``: up to when
    the streams of the source have been consumed, where there are any.
    """

    view: View | None
    state: bytes | None = None
    missing: str = ""
    fed: int | None = None


@dataclass(frozen=True, slots=True)
class Online:
    """The online answer, the state for the reader, and its parts where they can be compared with offline events."""

    answered: Answered
    state: StateShown | None = None
    parts: Unpacked | None = None
    notes: tuple[str, ...] = ()


def online_of(stored: Stored, declared: View, feature: str, key: Key, t: int) -> Online:
    """What the state answers at ``t`` for a feature, by the version of the view that is served."""
    view = stored.view
    if stored.missing or view is None:
        return Online(Answered({}, missing=stored.missing or "no version of the view is published"))
    notes = _versions(declared, view, feature)
    if feature not in {each.name for each in view.features}:
        missing = "the published version of the view has no such feature"
        return Online(Answered({}, missing=missing), notes=notes)
    alone = bare(view, feature)
    program = Program.of(alone)
    state = None if None in key else stored.state
    if stored.fed is not None and stored.fed < t:
        notes += (
            f"the streams of {view.source.name} have been consumed up to {said(stored.fed)}, not up to the instant",
        )
    if not state and None not in key:
        notes += ("the store has no state of this entity: it was never seen, has expired, or was forgotten",)
    try:
        answers = read(program, [state or None], np.array([t], dtype=np.int64), [0] if None in key else ())
        parts = unpack(program.layout, state)
    except CorruptState as error:
        return Online(Answered({}, missing=str(error)), notes=notes)
    except BeforeHorizon:
        return _before_horizon(program.layout, state, notes)
    settle(answers)
    values = {
        answer.name: _plain(answers.decode(place)[0], answer.type) for place, answer in enumerate(program.features)
    }
    status = _STATUSES[int(answers.status[0, 0])].value
    used = [view.reductions[index] for index in reads(alone.features[0])]
    shown_state = _state_shown(view, used, state, parts, t) if state else None
    return Online(Answered(values, status), shown_state, None if None in key else parts, notes)


def _versions(declared: View, served: View, feature: str) -> tuple[str, ...]:
    """What a reader should know where the published version is not the declared one."""
    if served.fingerprint != declared.fingerprint:
        return (
            f"the published version of {declared.name} ({served.fingerprint[:12]}) is another than the declared one "
            f"({declared.fingerprint[:12]}): online is shown by what is published",
        )
    mine = next(each for each in declared.features if each.name == feature)
    if next((each for each in served.features if each.name == feature), mine).finish != mine.finish:
        return ("the published version computes this feature by another formula",)
    return ()


def _before_horizon(layout: Layout, state: bytes | None, notes: tuple[str, ...]) -> Online:
    """The state in outline, for an instant that it cannot answer any more."""
    parts = unpack(layout, state)
    assert parts.header is not None
    missing = (
        f"the state can be read from its horizon {said(parts.header.horizon)} on: what was known before is folded away"
    )
    return Online(Answered({}, missing=missing), _outline(state or b"", parts), None, notes)


def _outline(state: bytes, parts: Unpacked) -> StateShown:
    header = parts.header
    return StateShown(
        size=len(state),
        generation=None if header is None else spelled_hash(header.generation),
        horizon=None if header is None else header.horizon,
        seeded=header is not None and header.seed != 0,
        tile_count=len(parts.tiles),
        record_count=len(parts.records),
        tiles=(),
        records=(),
    )


def _state_shown(view: View, used: list[Reduction], state: bytes, parts: Unpacked, t: int) -> StateShown:
    outline = _outline(state, parts)
    return StateShown(
        size=outline.size,
        generation=outline.generation,
        horizon=outline.horizon,
        seeded=outline.seeded,
        tile_count=outline.tile_count,
        record_count=outline.record_count,
        tiles=tuple(_tile_shown(view, used, tile) for tile in read_tiles(used, parts, t)),
        records=tuple(_record_shown(view, used, record) for record in read_records(view, used, parts, t)),
    )


def _tile_shown(view: View, used: list[Reduction], read: ReadTile) -> TileShown:
    wanted = {reducer_of(reduction) for reduction in used}
    return TileShown(
        place=read.place,
        fate=read.fate,
        why=read.why,
        start=read.tile.start,
        size=read.tile.size,
        end=read.tile.end,
        partials={
            spelled_reducer(view, partial.reducer): shown_partial(view, partial.reducer, partial.value)
            for partial in read.tile.partials
            if partial.reducer in wanted
        },
    )


def _record_shown(view: View, used: list[Reduction], read: ReadRecord) -> RecordShown:
    record = read.record
    return RecordShown(
        place=record.place,
        fate=read.fate,
        why=read.why,
        fates=read.fates,
        ts=record.ts,
        known_at=record.known_at,
        id_hash=spelled_hash(record.id_hash),
        counted=record.counted,
        inputs=inputs_shown(view, used, record.inputs, record.conditions),
    )


def inputs_shown(
    view: View, used: list[Reduction], inputs: tuple[Held | None, ...], conditions: tuple[bool, ...]
) -> dict[str, Any]:
    """The inputs and conditions that some reductions read, by their spelling."""
    found: dict[str, Any] = {}
    for number in sorted({reduction.input for reduction in used if reduction.input is not None}):
        type_ = view.inputs[number].type
        assert type_ is not None
        found[spelled_input(view, number)] = shown(inputs[number], type_)
    for number in sorted({reduction.where for reduction in used if reduction.where is not None}):
        found[spelled_condition(view, number)] = conditions[number]
    return found


def _plain(value: Any, type_: ResultType) -> Any:
    """A decoded answer, which has instants as whole numbers, as users have it."""
    if isinstance(type_, ListOf) and isinstance(value, list):
        return [_plain(element, type_.element) for element in value]
    return shown(value, type_) if isinstance(type_, Timestamp) else value
