"""The team's own repository, resolved once for the tests of what ships for users."""

from functools import cache
from pathlib import Path

from diptych.plan.loading import load_registry
from diptych.plan.nodes import Registry, View

ROOT = Path(__file__).parents[2]


@cache
def flights() -> Registry:
    return load_registry(ROOT).registry


def view(name: str) -> View:
    return flights().view(name)
