"""The history that the suites run over: the flights of 2013, written beside the settings if they are not there yet."""

from pathlib import Path

import pytest

from diptych.demo.history import write_flight_history

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of ``diptych.toml``, with its history in place."""
    write_flight_history(ROOT / "data" / "flights")
    return ROOT
