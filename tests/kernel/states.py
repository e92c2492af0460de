"""From raw rows to stored states by the shortest way: the judge's door (copies kept), then ``pack``."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diptych.compile.online import Answers, Program, pack
from diptych.ground.values import Enum, String, ValueType
from diptych.kernel import places as k
from diptych.plan.nodes import View
from diptych.reference.door import Event, Refused, _event
from diptych.rows.values import Values, dtype_of

STATUSES = {
    k.PRESENT: "PRESENT",
    k.EMPTY_WINDOW: "EMPTY_WINDOW",
    k.UNSEEN_ENTITY: "UNSEEN_ENTITY",
    k.NULL_KEY: "NULL_KEY",
    k.OVERFLOW: "OVERFLOW",
    k.NULL: "NULL",
}


def events_of(view: View, rows: Sequence[Mapping[str, Any]]) -> list[Event]:
    """The events of a history, repeats included; refused and filtered rows are left out."""
    found = []
    for index, row in enumerate(rows):
        try:
            event = _event(view, index, row)
        except Refused:
            continue
        if event is not None:
            found.append(event)
    return found


def records_of(program: Program, events: Sequence[Event]) -> list[bytes]:
    """The raw record of each event."""
    view = program.view
    ids = [event.row + 1 if view.source.event_id is None else _hash(event.event_id) for event in events]
    inputs = [
        column(place.type, [event.inputs[index] for event in events])
        for index, place in enumerate(program.layout.inputs)
    ]
    conditions = [
        np.array([event.conditions[index] for event in events], dtype=np.bool_) for index in range(len(view.conditions))
    ]
    packed = pack(
        program.layout,
        np.array([event.ts for event in events], dtype=np.int64),
        np.array([event.known_at for event in events], dtype=np.int64),
        np.array(ids, dtype=np.int64),
        inputs,
        conditions,
    )
    return [record.tobytes() for record in packed]


def column(kind: ValueType, held: Sequence[Any]) -> Values:
    """Values as the judge holds them (decimals unscaled, text as str) as a typed column."""
    data = np.zeros(len(held), dtype_of(kind))
    for place, value in enumerate(held):
        if value is not None:
            data[place] = value.encode() if isinstance(kind, String | Enum) else value
    return Values(data, np.array([value is not None for value in held], dtype=np.bool_))


def settled(answers: Answers) -> Answers:
    """The answers with open features evaluated one by one by the judge's evaluator."""
    from diptych.reference.expression import evaluate

    for position, feature, reads in answers.program.open_features:
        columns = {f"r{index}": (answers.reduction(index), index) for index in reads}
        values = []
        for place in range(answers.words.shape[1]):
            row = {name: _held(column, place) for name, (column, _) in columns.items()}
            values.append(evaluate(feature.finish, row | {"request_time": int(answers.instants[place])}))
        answers.settle(position, column(answers.program.features[position].type, values))  # type: ignore[arg-type]
    return answers


def _held(values: Values, place: int) -> Any:
    if not values.valid[place]:
        return None
    value = values.data[place].item()
    return value.decode() if isinstance(value, bytes) else value


def _hash(event_id: object) -> int:
    return int.from_bytes(hashlib.blake2b(str(event_id).encode(), digest_size=8).digest(), "little", signed=True)
