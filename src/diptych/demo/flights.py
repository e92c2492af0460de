"""The five tables of the flight history, derived from the archive's CSV files.

Between departure and landing every flight spent 5 to 235 minutes more than the reported time in the air (median 28,
99.9 % at most 136), so no row had to be mended or dropped. The longest waits on the ground are real events of that
year: 235 minutes at Los Angeles on 1 November, and three of the next four in LaGuardia's storms of 22 July.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from diptych.demo.archive import AIRPORTS, PLANES, WEATHER, read_flights, read_table
from diptych.demo.clocks import ZONES_BY_HAND, Instants, first_after
from diptych.ground.instants import MINUTE

LATE_AFTER = 15
"""A flight is late when it arrives more than this many minutes after its scheduled arrival."""

_WHO = ("origin", "dest", "carrier", "tailnum")
_SCHEDULE = ("flight_id", "scheduled_at", *_WHO, "distance", "cancelled", "late")
_DEPARTURES = ("flight_id", "departed_at", "scheduled_at", *_WHO, "dep_delay", "distance")
_LANDINGS = (
    *("flight_id", "landed_at", "departed_at", *_WHO),
    *("dep_delay", "arr_delay", "air_time", "distance"),
)


def flight_tables(archive: Path) -> Mapping[str, pa.Table]:
    """The tables ``schedule``, ``departures``, ``landings``, ``planes`` and ``weather`` from the folder ``archive``."""
    flights = _with_instants(read_flights(archive), read_table(archive, "airports", AIRPORTS))
    return {
        "schedule": _chosen(flights, _SCHEDULE),
        "departures": _chosen(flights.filter(pc.invert(flights["cancelled"])), _DEPARTURES),
        "landings": _chosen(flights.filter(flights["arr_delay"].is_valid()), _LANDINGS),
        "planes": read_table(archive, "planes", PLANES).sort_by("tailnum"),
        "weather": _weather(archive),
    }


def _with_instants(flights: pa.Table, airports: pa.Table) -> pa.Table:
    """The flights with identity, label and instants; an instant that never came means nothing there."""
    scheduled = flights["time_hour"].cast(pa.int64()).to_numpy() + _whole(flights["minute"]) * MINUTE
    departed = scheduled + _whole(flights["dep_delay"]) * MINUTE
    added = {
        "flight_id": flight_ids(flights),
        "scheduled_at": _timestamps(scheduled),
        "departed_at": _timestamps(departed),
        "landed_at": _timestamps(_landings(flights, departed, airports)),
        "cancelled": flights["dep_time"].is_null(),
        "late": pc.greater(flights["arr_delay"], LATE_AFTER),
    }
    for name, column in added.items():
        flights = flights.append_column(name, column)
    return flights


def _landings(flights: pa.Table, departed: Instants, airports: pa.Table) -> Instants:
    listed = zip(airports["faa"].to_pylist(), airports["tzone"].to_pylist(), strict=True)
    zone_of = {**dict(listed), **ZONES_BY_HAND}
    dest = flights["dest"].combine_chunks().dictionary_encode()
    zones = np.array([zone_of[code] for code in dest.dictionary.to_pylist()], dtype=np.str_)
    zone_of_row = zones[dest.indices.to_numpy()]
    clock = _whole(flights["arr_time"])
    has_landed = flights["arr_time"].is_valid().to_numpy()
    landed = departed.copy()
    for zone in np.unique(zones):
        rows = has_landed & (zone_of_row == zone)
        landed[rows] = first_after(departed[rows], clock[rows], zone)
    return landed


def flight_ids(flights: pa.Table) -> pa.ChunkedArray:
    """The identity of each flight: scheduled local date, carrier, flight number, origin."""
    year, month, day = (pc.cast(flights[name], pa.string()) for name in ("year", "month", "day"))
    date = pc.binary_join_element_wise(year, pc.utf8_lpad(month, 2, "0"), pc.utf8_lpad(day, 2, "0"), "-")
    number = pc.cast(flights["flight"], pa.string())
    return pc.binary_join_element_wise(date, flights["carrier"], number, flights["origin"], ":")


def _weather(archive: Path) -> pa.Table:
    seen = read_table(archive, "weather", WEATHER)
    names = ["observed_at" if name == "time_hour" else name for name in seen.column_names]
    return seen.rename_columns(names).sort_by([("observed_at", "ascending"), ("origin", "ascending")])


def _chosen(flights: pa.Table, columns: tuple[str, ...]) -> pa.Table:
    """The columns in order, rows ordered by the table's instant (its second column), then by id."""
    return flights.select(list(columns)).sort_by([(columns[1], "ascending"), (columns[0], "ascending")])


def _whole(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Null as 0, for arithmetic whose result no table shows where the input was null."""
    whole: npt.NDArray[np.int64] = column.fill_null(0).to_numpy()
    return whole


def _timestamps(instants: Instants) -> pa.Array:
    return pa.array(instants).cast(pa.timestamp("us", tz="UTC"))
