"""The flights out of New York in 2013 as an event history in Parquet, with the instant at which each fact was known.

Five files, every instant a ``timestamp[us, UTC]``, whole numbers int64, rows ordered by time and then by id:

``schedule``    all 336,776 scheduled flights, with the label ``late`` (more than 15 minutes; null when unknown)
``departures``  those that left, each known when it left
``landings``    those that landed with a known delay: it happened at ``departed_at``, and was known at ``landed_at``
``planes``      what is known of a plane by its tail number; 721 of the 4,043 scheduled are missing
``weather``     hourly observations at the three airports, as they were reported, one impossible wind speed included

``flight_id`` is local date, carrier, flight number and origin, like ``2013-01-01:UA:1545:EWR``, and is unique.
Delays and times in the air are minutes, distances miles.
"""

import json
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pyarrow.parquet as pq

from diptych.demo.archive import DISTRIBUTION, archive_folder
from diptych.demo.flights import flight_tables

CONTENT_VERSION = 1
"""Raised with every change of what the files hold, so that older files are written anew."""

_FILES = ("schedule", "departures", "landings", "planes", "weather")
_MARK = "history.json"


@dataclass(frozen=True, slots=True)
class FlightHistory:
    """Where the five files of the history lie."""

    schedule: Path
    departures: Path
    landings: Path
    planes: Path
    weather: Path


def write_flight_history(folder: Path) -> FlightHistory:
    """Write the history into ``folder``, or leave it as it is when the same content is there already.

    Each file appears whole or not at all, and the mark that says which content this is comes last: after a crash
    the next call writes again. Raises FlightsNotInstalled when the extra ``demo`` is not installed.
    """
    archive = archive_folder()
    if not _is_written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as fresh:
            _write(Path(fresh), archive)
            (folder / _MARK).unlink(missing_ok=True)
            for name in _FILES:
                _file(Path(fresh), name).replace(_file(folder, name))
            (Path(fresh) / _MARK).replace(folder / _MARK)
    return FlightHistory(**{name: _file(folder, name) for name in _FILES})


def _write(folder: Path, archive: Path) -> None:
    for name, table in flight_tables(archive).items():
        pq.write_table(table, _file(folder, name), compression="zstd")
    (folder / _MARK).write_text(json.dumps(_mark(folder)), encoding="utf-8")


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"


def _mark(folder: Path) -> dict[str, object]:
    """Which content the folder holds: our version, the source's, and the size of each file in bytes."""
    return {
        "content": CONTENT_VERSION,
        "source": f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}",
        "bytes": {name: _file(folder, name).stat().st_size for name in _FILES},
    }


def _is_written(folder: Path) -> bool:
    try:
        mark = json.loads((folder / _MARK).read_text(encoding="utf-8"))
        return bool(mark == _mark(folder))
    except (FileNotFoundError, ValueError):
        return False
