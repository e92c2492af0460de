"""Reading back: what was recorded as history, and whether it says what the online state says."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.plan.nodes import Registry, View
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.engines.duckdb_open import open_history, session
from diptych.run.location import Frame, Location, Recorded, RecordedRows
from diptych.run.spine import questions
from diptych.serve.addresses import Addresses
from diptych.serve.reader import OnlineReader
from diptych.serve.recording.segments import Segments
from diptych.serve.stores.protocol import KeyValueStore
from diptych.testing.cases import Question
from diptych.testing.conformance import Answers, agree
from tests.run.asking import key_array


def recorded(folder: Path, source: str = "events", imported: Frame | None = None) -> Recorded:
    """The recorded history of a source as the wiring makes it."""

    def snapshot() -> RecordedRows:
        found = Segments.of(folder, source).snapshot()
        return RecordedRows(found.files, found.fresh, found.since)

    return Recorded(snapshot, imported)


def rows_of(folder: Path, registry: Registry) -> pa.Table:
    """The rows as an engine sees them."""
    with session(None, 1, None) as connection:
        return connection.sql(open_history(connection, recorded(folder), registry.sources[0]).sql).to_arrow_table()


def offline(view: View, history: Location, spine: Sequence[Question]) -> Answers:
    """Compiled SQL's answers."""
    keys = {
        field.name: key_array(field, [question.key[i] for question in spine])
        for i, field in enumerate(view.entity.keys)
    }
    asked = questions(keys, pa.array([question.t for question in spine], pa.int64()))
    answers = DuckDBEngine(threads=1).compute(view, history, asked.table, evidence=True)
    return {feature.name: answers[feature.name].take(pa.array(asked.rows)) for feature in view.features}


def online(
    view: View, registry: Registry, store: KeyValueStore, addresses: Addresses, spine: Sequence[Question]
) -> Answers:
    """What reads at each instant give."""
    reader = OnlineReader(registry, addresses, store)
    names = [key.name for key in view.entity.keys]
    wanted = [f"{view.name}:{feature.name}" for feature in view.features]
    parts = []
    for t in sorted({question.t for question in spine}):
        keys = [dict(zip(names, question.key, strict=True)) for question in spine if question.t == t]
        parts.append(reader.get_online_features(wanted, keys, at=t).to_arrow())
    whole = pa.concat_tables(parts)
    return {feature.name: whole[f"{view.name}__{feature.name}"] for feature in view.features}


def agreeing(
    registry: Registry, store: KeyValueStore, addresses: Addresses, history: Location, instants: Iterable[int]
) -> int:
    """Assert that offline over a history is what online reads give, for every entity at every instant."""
    compared = 0
    for view in registry.views:
        users = [f"u{number}" for number in range(5)]
        keys = [(user,) if len(view.entity.keys) == 1 else (user, 1) for user in users]
        spine = [Question(key, t) for t in sorted(set(instants)) for key in keys]
        agree(view, spine, offline(view, history, spine), online(view, registry, store, addresses, spine))
        compared += len(spine) * len(view.features)
    return compared


def around(arrivals: npt.NDArray[np.int64], most: int = 24) -> list[int]:
    """Instants at which something became known, more or less a microsecond, and between them."""
    stamps = np.unique(arrivals)
    some = stamps[np.linspace(0, len(stamps) - 1, min(most, len(stamps))).astype(int)]
    between = (some[1:] + some[:-1]) // 2
    return sorted({int(t) for t in np.concatenate([some - 1, some, some + 1, between, [int(stamps[-1]) + 1_000_000]])})
