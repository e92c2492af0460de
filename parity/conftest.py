"""The history that the suite runs over: the flights of 2013, written beside the settings if they are not there yet."""

from pathlib import Path

import pytest

from diptych.demo.history import write_flight_history

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def history() -> None:
    """Every check runs after this; a team fetches a slice of its own history here."""
    write_flight_history(ROOT / "data" / "flights")
