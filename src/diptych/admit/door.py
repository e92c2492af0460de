"""The door: which raw rows of a source become events, and why the others do not.

In this order: types, ranges, vocabulary; times; lateness and skew; event id; then ``derive`` and ``filter``. What fails
is refused row by row, with every reason, and kept; what the filter leaves out is neither admitted nor refused. Key and
duplicates belong to a view: see ``project`` and ``copies``.
"""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.admit.faults import ARRIVED_AT, Faults, Reason, quarantine, shown
from diptych.admit.identity import Hashes, Positions, hashed, hashed_positions
from diptych.ground.errors import DiptychError
from diptych.ground.instants import EARLIEST, spell
from diptych.ground.values import Timestamp
from diptych.plan.nodes import Field, Source
from diptych.rows.evaluate import evaluate, truth
from diptych.rows.fit import Fitted, from_arrow
from diptych.rows.misfit import Misfit
from diptych.rows.misfit import spell as spell_misfit
from diptych.rows.objects import from_list
from diptych.rows.python import to_python
from diptych.rows.values import Values, nulls

Instants = npt.NDArray[np.int64]

_ARRIVAL = Field(ARRIVED_AT, Timestamp())


class MissingColumn(DiptychError):
    """A file, table or stream without a column that its source declares."""


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """The rows of a batch that were not refused, before any filter: which they are, and when each became known.

    ``given`` has the declared columns of all offered rows, as they were given; of a refused row nothing is to be believed.
    """

    rows: npt.NDArray[np.int64]
    known_at: Instants
    given: Mapping[str, Values]


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """The door's verdict on one batch of ``offered`` rows.

    ``columns``, ``ts``, ``known_at`` (instants) and ``id_hash`` have one entry for each admitted row, and ``rows`` says
    which row of the batch it was. ``columns`` holds declared and derived ones. ``id_hash`` is None when the source
    declares no event id and the batch came without positions: every row is then an event of its own. ``quarantine``
    holds the refused rows as they came, with ``reason``, ``detail`` and ``arrived_at``; ``rejected`` counts them by
    reason. offered = len(rows) + quarantined + filtered. ``admitted`` are the rows before the filter.
    """

    source: Source
    offered: int
    rows: npt.NDArray[np.int64]
    columns: Mapping[str, Values]
    ts: Instants
    known_at: Instants
    id_hash: Hashes | None
    filtered: int
    quarantine: pa.Table
    rejected: Mapping[str, int]
    admitted: Admitted


def check(
    source: Source,
    table: pa.Table,
    *,
    arrived_at: int | Instants | None = None,
    positions: Positions | None = None,
) -> Checked:
    """Judge a table of raw rows; columns that the source does not declare are ignored, save one.

    ``arrived_at`` (one instant, or one for each row) is when the store accepted the rows. It outranks a declared
    ``known_at``, whose column is that instant wherever it is read. None for history, which may say it row by row in a
    column ``arrived_at``; a row that does not is known when its ``known_at`` says, or at its own timestamp.
    Raises MissingColumn where a declared column is not there at all; nothing else raises.
    """
    told = arrived_at is None and says_arrival(source, table.column_names)
    optional = {source.known_at} if told or arrived_at is not None else set()
    _require(source, table.column_names, optional)
    fitted = {field.name: _fitted(field, table) for field in source.columns}
    history = _fitted(_ARRIVAL, table) if told else None
    return _judge(source, table, fitted, Faults(table.num_rows), arrived_at, positions, history)


def says_arrival(source: Source, names: Collection[str]) -> bool:
    """Whether a history with these columns says by itself when each row arrived."""
    return ARRIVED_AT in names and all(field.name != ARRIVED_AT for field in source.columns)


def check_rows(
    source: Source,
    rows: Sequence[Mapping[str, Any]],
    *,
    arrived_at: int | Instants | None = None,
    positions: Positions | None = None,
) -> Checked:
    """Judge rows as a program pushes them: what a row does not mention is null, and a name that the source does not
    declare refuses the row, for it is most likely a declared one misspelt."""
    faults = Faults(len(rows))
    declared = [field.name for field in source.columns]
    unknown = [[name for name in row if name not in declared] for row in rows]
    bad = np.array([row for row, names in enumerate(unknown) if names], np.int64)
    said = [_did_you_mean(source, unknown[row], declared) for row in bad.tolist()]
    faults.add(bad, Reason.UNKNOWN_COLUMN, said)
    objects = {name: [row.get(name) for row in rows] for name in _names(rows, declared)}
    fitted = {field.name: from_list(field.type, objects[field.name]) for field in source.columns}
    original = pa.table({str(name): _kept(items) for name, items in objects.items()})
    return _judge(source, original, fitted, faults, arrived_at, positions)


def _judge(
    source: Source,
    original: pa.Table,
    fitted: Mapping[str, Fitted],
    faults: Faults,
    arrived_at: int | Instants | None,
    positions: Positions | None,
    told: Fitted | None = None,
) -> Checked:
    """``told``: what a history says of the arrival of its rows."""
    offered = faults.rows
    arrivals = None if arrived_at is None else np.broadcast_to(np.asarray(arrived_at, np.int64), (offered,))
    stamped = source.known_at if arrivals is not None or told is not None else None
    for field in source.columns:
        _types(field, fitted[field.name], original, faults, or_null=field.name == stamped)
    if told is not None:
        _types(_ARRIVAL, told, original, faults)
    columns = {name: column.values for name, column in fitted.items()}
    ts, known_at = _times(source, fitted, arrivals, told, faults)
    _punctual(source, ts, known_at, faults)
    _identified(source, fitted, faults)
    if source.timestamp is not None:
        columns[source.timestamp] = ts
    if source.known_at is not None:
        columns[source.known_at] = known_at
    rows = np.flatnonzero(faults.clean())
    if len(rows) < offered:
        columns = {name: column.take(rows) for name, column in columns.items()}
    for name, expression in source.derive:
        columns[name] = evaluate(expression, columns, len(rows))
    kept = rows
    if source.filter is not None:
        passed = truth(source.filter, columns, len(rows))
        if not passed.all():
            kept = rows[passed]
            columns = {name: column.take(passed) for name, column in columns.items()}
    table, counts = quarantine(original, faults, arrivals)
    return Checked(
        source=source,
        offered=offered,
        rows=kept,
        columns=columns,
        ts=ts.data[kept],
        known_at=known_at.data[kept],
        id_hash=_ids(source, columns, kept, positions),
        filtered=len(rows) - len(kept),
        quarantine=table,
        rejected=counts,
        admitted=Admitted(rows, known_at.data[rows], {name: column.values for name, column in fitted.items()}),
    )


def _fitted(field: Field, table: pa.Table) -> Fitted:
    if field.name not in table.column_names:
        return Fitted(nulls(field.type, table.num_rows), np.zeros(table.num_rows, np.uint8))
    return from_arrow(field.type, table.column(field.name))


def _types(field: Field, column: Fitted, original: pa.Table, faults: Faults, *, or_null: bool = False) -> None:
    """Values that do not fit; ``or_null``: null does, for the time of arrival stands for it."""
    misfits = np.where(column.misfits == Misfit.NULL, np.uint8(0), column.misfits) if or_null else column.misfits
    for code in np.unique(misfits[misfits != Misfit.FITS]) if misfits.any() else ():
        misfit = Misfit(code)
        sentence = spell_misfit(misfit, field.type)
        rows = np.flatnonzero(misfits == code)
        given = shown(to_python(original.column(field.name).take(pa.array(rows))))
        faults.add(rows, misfit.reason, [f"{field.name} = {value} {sentence}" for value in given])


def _times(
    source: Source, fitted: Mapping[str, Fitted], arrivals: Instants | None, told: Fitted | None, faults: Faults
) -> tuple[Values, Values]:
    """When each row happened and when it was known; null where the row is refused for it."""
    everywhere = np.ones(faults.rows, np.bool_)
    if source.timestamp is None:
        ts = Values(np.full(faults.rows, EARLIEST), everywhere)
    else:
        ts = _moment(source.timestamp, fitted[source.timestamp], Reason.NO_TIMESTAMP, faults)
    if arrivals is not None:
        return ts, Values(arrivals, everywhere)
    if source.known_at is None:
        return ts, ts if told is None else _either(told, ts).values
    known = fitted[source.known_at]
    return ts, _moment(
        source.known_at, known if told is None else _either(told, known.values), Reason.NO_KNOWN_AT, faults
    )


def _either(told: Fitted, declared: Values) -> Fitted:
    """When a row arrived, else when it was declared to be known."""
    data = np.where(told.values.valid, told.values.data, declared.data)
    return Fitted(Values(data, told.values.valid | declared.valid), told.misfits)


def _moment(name: str, column: Fitted, reason: Reason, faults: Faults) -> Values:
    missing = _absent(column)
    faults.add(missing, reason, [f"{name} is null, and an event needs it"] * len(missing))
    return column.values


def _punctual(source: Source, ts: Values, known_at: Values, faults: Faults) -> None:
    """Declared limits on how long after and how long before its own time an event may become known."""
    if source.timestamp is None:
        return
    for limit, reason, side in (
        (source.lateness, Reason.LATE, "known {} after it happened, later than lateness={} allows"),
        (source.max_skew, Reason.FUTURE, "known {} before it happened, more than max_skew={} allows"),
    ):
        if limit is None:
            continue
        gap = known_at.data - ts.data if reason is Reason.LATE else ts.data - known_at.data
        rows = np.flatnonzero(ts.valid & known_at.valid & (gap > limit))
        faults.add(rows, reason, [side.format(spell(length), spell(limit)) for length in gap[rows].tolist()])


def _identified(source: Source, fitted: Mapping[str, Fitted], faults: Faults) -> None:
    if source.event_id is not None:
        name, column = source.event_id, fitted[source.event_id]
        missing = _absent(column)
        sentence = f"{name} is null, and without an id a repeat cannot be told from a new event"
        faults.add(missing, Reason.NO_EVENT_ID, [sentence] * len(missing))


def _absent(column: Fitted) -> npt.NDArray[np.int64]:
    """Rows whose value is null by itself, not for being refused already."""
    return np.flatnonzero(~column.values.valid & (column.misfits == Misfit.FITS))


def _ids(
    source: Source, columns: Mapping[str, Values], rows: npt.NDArray[np.int64], positions: Positions | None
) -> Hashes | None:
    if source.event_id is not None:
        kind = next(field.type for field in source.columns if field.name == source.event_id)
        return hashed(kind, columns[source.event_id])
    if positions is None:
        return None
    return hashed_positions(Positions(positions.topic, positions.partition[rows], positions.offset[rows]))


def _require(source: Source, names: Sequence[str], optional: set[str | None]) -> None:
    missing = [field.name for field in source.columns if field.name not in names and field.name not in optional]
    if missing:
        hints = [f"{name!r}{_like(name, names)}" for name in missing]
        raise MissingColumn(
            f"source {source.name!r}: column {', '.join(hints)} is declared but not there; there are "
            f"{', '.join(map(repr, names)) or 'no columns'}; rename it in the data or in the declaration"
        )


def _did_you_mean(source: Source, unknown: Sequence[str], declared: Sequence[str]) -> str:
    hints = ", ".join(f"{name!r}{_like(str(name), declared)}" for name in unknown)
    return f"source {source.name!r} declares no column {hints}; it declares {', '.join(map(repr, declared))}"


def _like(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _names(rows: Sequence[Mapping[str, Any]], declared: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*declared, *(name for row in rows for name in row)]))


def _kept(items: list[Any]) -> pa.Array:
    """Pushed objects as an Arrow column for quarantine; what has no one Arrow type is kept as its Python spelling."""
    try:
        if len({type(item) for item in items if item is not None}) <= 1:
            return pa.array(items)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError):
        pass
    return pa.array([None if item is None else ascii(item) for item in items], pa.string())
