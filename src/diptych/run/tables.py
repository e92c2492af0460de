"""Histories as tables in memory: all their columns as they lie there, for what looks at a whole history at once."""

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from diptych.admit.faults import ARRIVED_AT
from diptych.ground.values import Timestamp
from diptych.plan.nodes import Source
from diptych.rows.values import arrow_type
from diptych.run.engines.duckdb_open import OFFSET, session, unrepeated
from diptych.run.errors import BadHistory
from diptych.run.frames import to_arrow
from diptych.run.location import DatabaseTable, Files, Frame, Location, Recorded


@dataclass(frozen=True)
class Tables(Mapping[str, pa.Table]):
    """The histories of sources as tables, each read when it is asked for. Raises BadHistory."""

    locations: Mapping[str, Location]
    sources: Sequence[Source]

    def __getitem__(self, source: str) -> pa.Table:
        declared = next((each for each in self.sources if each.name == source), None)
        location = self.locations.get(source)
        if location is None or declared is None:
            raise BadHistory(f"no history is known for source {source!r}: name its path in diptych.toml")
        return _both(declared, location) if isinstance(location, Recorded) else _whole(source, location)

    def __iter__(self) -> Iterator[str]:
        return iter(self.locations)

    def __len__(self) -> int:
        return len(self.locations)


def _whole(source: str, location: Files | DatabaseTable | Frame) -> pa.Table:
    match location:
        case Frame(data):
            return to_arrow(data)
        case DatabaseTable():
            raise BadHistory(f"source {source!r}: a table of a database is not read whole: name its files")
        case Files(path) as files:
            paths = sorted(glob.glob(path, recursive=True))
            if not paths:
                raise BadHistory(f"source {source!r}: there is no file {path!r}")
            return ds.dataset(paths, format=files.kind).to_table()


def _both(source: Source, location: Recorded) -> pa.Table:
    """What was recorded below what was imported and known before; see ``duckdb_open``, which does the same in SQL."""
    rows = location.recorded()
    if rows.since is None and location.imported is not None:
        return _whole(source.name, location.imported)
    parts = [_nothing(source)]
    if rows.files:
        parts.append(ds.dataset(list(rows.files), format="parquet", schema=_schema(rows.files)).to_table())
    if rows.fresh is not None:
        parts.append(rows.fresh)
    recorded = _unrepeated(source, pa.concat_tables(parts, promote_options="permissive"))
    if location.imported is None:
        return recorded
    before = _in_utc(source, _whole(source.name, location.imported))
    known = source.known_at or source.timestamp
    if known is not None and rows.since is not None:
        instants = _instants(before, known)
        if ARRIVED_AT in before.column_names and known != ARRIVED_AT:
            instants = pc.coalesce(_instants(before, ARRIVED_AT), instants)
        before = before.filter(pc.fill_null(pc.less(instants, rows.since), True))
    try:
        return pa.concat_tables([before, recorded], promote_options="permissive")
    except pa.ArrowException as error:
        raise BadHistory(
            f"source {source.name!r}: the columns of its imported and its recorded history do not fit together: {error}"
        ) from error


def _nothing(source: Source) -> pa.Table:
    """No row of what is recorded of a source."""
    types = {field.name: arrow_type(field.type) for field in source.columns} | {ARRIVED_AT: pa.timestamp("us", "UTC")}
    return pa.table({name: pa.array([], kind) for name, kind in types.items()})


def _unrepeated(source: Source, recorded: pa.Table) -> pa.Table:
    if source.event_id is not None or OFFSET not in recorded.column_names:
        return recorded
    with session(None, None, None) as connection:
        connection.register("recorded", recorded)
        return connection.sql(f"SELECT * FROM {unrepeated(source, 'recorded')}").to_arrow_table()


def _in_utc(source: Source, table: pa.Table) -> pa.Table:
    """Declared instants as the recording has them."""
    for field in source.columns:
        place = table.schema.get_field_index(field.name)
        if isinstance(field.type, Timestamp) and place >= 0 and pa.types.is_timestamp(table.schema.field(place).type):
            table = table.set_column(place, field.name, table[field.name].cast(pa.timestamp("us", "UTC")))
    return table


def _schema(files: Sequence[str]) -> pa.Schema:
    """All columns of the files: a column that some do not have is null there."""
    return pa.unify_schemas([ds.dataset(file).schema for file in files], promote_options="permissive")


def _instants(table: pa.Table, name: str) -> pa.ChunkedArray:
    column = table[name]
    return (
        column if pa.types.is_integer(column.type) else column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    )
