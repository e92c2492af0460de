"""What a command works with: the global options, the project they lead to, and where output goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from diptych.ground.errors import DiptychError
from diptych.ground.instants import instant

if TYPE_CHECKING:
    from diptych.plan.loading import Loaded
    from diptych.store import FeatureStore


class UsageError(DiptychError):
    """Arguments that cannot be meant."""


@dataclass(frozen=True, slots=True)
class Session:
    """The global options of one call."""

    repo: Path
    environment: str | None
    json: bool
    debug: bool

    def load(self) -> "Loaded":
        """The project's definitions; raises SettingsError, or RegistryError with every mistake."""
        from diptych.plan.loading import load_registry

        return load_registry(self.repo)

    @contextmanager
    def store(self) -> Iterator["FeatureStore"]:
        """The project's feature store, closed in the end."""
        from diptych.store import FeatureStore

        store = FeatureStore(self.repo, environment=self.environment)
        try:
            yield store
        finally:
            store.close()


def session_of(context: typer.Context) -> Session:
    """The session that the global options have made."""
    session = context.obj
    assert isinstance(session, Session)
    return session


def instant_of(text: str | None, option: str) -> int | None:
    """Microseconds of an ISO 8601 text, UTC where it names no zone; raises UsageError."""
    if text is None:
        return None
    try:
        return instant(datetime.fromisoformat(text))
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r} is not a time; write it like 2013-07-01 or 2013-07-01T12:30:00Z"
        ) from error


def plain(value: Any) -> Any:
    """A value as JSON has it: instants as ISO 8601, decimals and enumerations as text, sequences as lists."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case bytes():
            return value.decode("utf-8", "replace")
        case _:
            return str(value)
