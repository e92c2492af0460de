"""The explanation of one value: the judge, compiled SQL and the stored state side by side, down to single events.

Everything that it needs is given to it; ``fetching`` is where that comes from.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from diptych.check.explain.asking import Answered, History, allowed, bare, reads
from diptych.check.explain.difference import difference
from diptych.check.explain.explanation import EventShown, Explanation, Fate, ReductionShown, StateDifference
from diptych.check.explain.fates import Copies, Fated, Key, copies_of, fates
from diptych.check.explain.pairing import hashes_of
from diptych.check.explain.state import Online, Stored, inputs_shown, online_of
from diptych.check.explain.wording import (
    said,
    shown,
    spelled_condition,
    spelled_hash,
    spelled_input,
    spelled_window,
)
from diptych.compile.online.layout import Layout, reducer_of
from diptych.compile.online.unpack import Unpacked, unpack
from diptych.describe.spelling import spell_expression, spell_type
from diptych.plan.nodes import Reduction, View
from diptych.reference import Answer, Judge, door
from diptych.reference.door import key_of
from diptych.reference.judge import tail

NOT_ASKED = Answered({}, missing="offline was not asked")
NOT_LOOKED = Stored(None, missing="online was not asked")


def explain(
    view: View,
    feature: str,
    key: Sequence[object],
    t: int,
    history: History,
    offline: Answered = NOT_ASKED,
    stored: Stored = NOT_LOOKED,
) -> Explanation:
    """Explain a feature of an entity (its key parts in the entity's order) at an instant, in microseconds.

    ``view`` must have the feature; ``offline`` are the answers of compiled SQL to ``bare(view, feature)``. Raises
    BadQuestion when a key part does not fit its type.
    """
    asked = bare(view, feature)
    declared = asked.features[0]
    judge = Judge(asked, history.rows)
    law = judge.answers(key, t)
    entity = key_of(view, tuple(key))
    copies = copies_of(view, entity, history.rows, judge.door)
    used = [view.reductions[index] for index in reads(declared)]
    fated = fates(view, used, entity, t, history.rows, judge.door, copies)
    online = online_of(stored, view, feature, entity, t)
    compared = _compared(view, copies, stored, online.parts, entity, t, history)
    return Explanation(
        view=view.name,
        feature=feature,
        type=spell_type(declared.type),
        formula=spell_expression(declared.finish),
        entity=view.entity.name,
        key={part.name: value for part, value in zip(view.entity.keys, key, strict=True)},
        at=t,
        fingerprint=view.fingerprint,
        allowed_error=allowed(declared, law[feature]),
        law=Answered({feature: shown(law[feature].value, declared.type)}, law[feature].status.value).side(
            declared, law[feature]
        ),
        offline=offline.side(declared, law[feature]),
        online=online.answered.side(declared, law[feature]),
        reductions=_reductions(asked, used, fated, law, offline, _same_version(view, stored, online), t),
        events=_events(view, used, fated),
        counts=dict(Counter(each.fate for each in fated)),
        older=history.older,
        newer=history.newer,
        state=online.state,
        difference=compared,
        notes=(*history.notes, *online.notes, *_unfed(compared, online.parts)),
    )


def state_difference(
    view: View, key: Sequence[object], t: int, history: History, state: bytes | None
) -> StateDifference:
    """The difference between an entity's raw rows and its stored state, as far as any window of the view sees at ``t``.

    Says nothing of a state whose horizon is after ``t``: what is asked is what a read at ``t`` can see. Raises
    BadQuestion for a key that does not fit, CorruptState for bytes that are no state of the view.
    """
    layout = Layout.of(view)
    copies = copies_of(view, key_of(view, tuple(key)), history.rows, door(view, history.rows))
    return difference(view, layout, copies, unpack(layout, state), t, history.since)


def _compared(
    view: View, copies: Copies, stored: Stored, parts: Unpacked | None, key: Key, t: int, history: History
) -> StateDifference | None:
    """The difference to the state that was read, by the version of the view under which it is stored."""
    served = stored.view
    if parts is None or served is None:
        return None
    if (served.source, served.on, served.inputs, served.conditions) != (
        view.source,
        view.on,
        view.inputs,
        view.conditions,
    ):
        copies = copies_of(served, key, history.rows, door(served, history.rows))
    return difference(served, Layout.of(served), copies, parts, t, history.since)


def _unfed(compared: StateDifference | None, parts: Unpacked | None) -> tuple[str, ...]:
    """What is most likely where a backfilled state lacks everything that became known after its cut."""
    if compared is None or parts is None or parts.header is None or not compared.missing:
        return ()
    horizon = parts.header.horizon
    if not parts.header.seed or any(event.known_at < horizon for event in compared.missing):
        return ()
    return (
        f"all that is missing online became known from {said(horizon)} on: has it been ingested since the backfill?",
    )


def _same_version(view: View, stored: Stored, online: Online) -> Answered:
    """The online answers reduction by reduction, where the published version has the same reductions."""
    if stored.view is not None and stored.view.reductions == view.reductions:
        return online.answered
    return Answered({})


def _reductions(
    asked: View,
    used: Sequence[Reduction],
    fated: Sequence[Fated],
    law: Mapping[str, Answer],
    offline: Answered,
    online: Answered,
    t: int,
) -> tuple[ReductionShown, ...]:
    found = []
    for place, (feature, reduction) in enumerate(zip(asked.features[1:], used, strict=True)):
        found.append(
            ReductionShown(
                name=feature.name.rpartition("__")[2],
                kind=reduction.kind.value,
                of=spelled_input(asked, reduction.input),
                where=spelled_condition(asked, reduction.where),
                window=spelled_window(reduction.window),
                start=tail(reduction.window, t),
                end=t,
                hop=reduction.window.hop,
                counted=sum(each.fates[place : place + 1] == (Fate.COUNTED,) for each in fated),
                law=shown(law[feature.name].value, feature.type),
                offline=offline.values.get(feature.name),
                online=online.values.get(feature.name),
                reads_raw=not reducer_of(reduction).tiled,
            )
        )
    return tuple(found)


def _events(view: View, used: Sequence[Reduction], fated: Sequence[Fated]) -> tuple[EventShown, ...]:
    hashes = hashes_of(view, [each.event for each in fated if each.event is not None])
    return tuple(_event_shown(view, used, each, hashes.get(each.row)) for each in fated)


def _event_shown(view: View, used: Sequence[Reduction], fated: Fated, id_hash: int | None) -> EventShown:
    event = fated.event
    if event is None:
        return EventShown(row=fated.row, fate=fated.fate, why=fated.why)
    return EventShown(
        row=fated.row,
        fate=fated.fate,
        why=fated.why,
        fates=fated.fates,
        event_id=None if event.event_id is None else str(event.event_id),
        id_hash=None if id_hash is None else spelled_hash(id_hash),
        ts=event.ts,
        known_at=event.known_at,
        inputs=inputs_shown(view, list(used), event.inputs, event.conditions),
    )
