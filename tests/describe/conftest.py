from pathlib import Path

import pytest

from diptych.plan.loading import load_registry
from diptych.plan.nodes import Registry


@pytest.fixture(scope="session")
def flights() -> Registry:
    """The team's own repository."""
    return load_registry(Path(__file__).parents[2]).registry
