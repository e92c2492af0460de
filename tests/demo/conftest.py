"""The flight history, written once for the tests of the demo."""

from pathlib import Path

import pytest

from diptych.demo.history import FlightHistory, write_flight_history


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> FlightHistory:
    return write_flight_history(Path(tmp_path_factory.mktemp("flights")))
