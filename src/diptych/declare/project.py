"""The settings file ``diptych.toml``: the project's name, its modules, and where things live in each environment."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from diptych.declare.mistakes import did_you_mean
from diptych.ground.errors import DiptychError

FILE = "diptych.toml"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


class SettingsError(DiptychError):
    """A settings file that is missing, cannot be read, or lacks what is asked of it."""


class SourceLocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a source's history lives: files at ``path`` (a glob is fine), or ``table`` in a ``database`` file."""

    path: str | None = None
    format: str | None = None
    table: str | None = None
    database: str | None = None


class OnlineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The online store: ``url`` (``redis://``, ``unix://``), or the embedded server when there is none."""

    url: str | None = None


class OfflineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The offline engine by name; None is the default."""

    engine: str | None = None


_Count = Annotated[int, msgspec.Meta(ge=1)]


class RequestRecording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The request log: which requests serving writes down, under the folder ``path``, and how.

    A share of them, drawn by a hash with ``seed``: whole requests, or rows by their entity (the same entities always).
    The columns named in ``hash`` (keys and request inputs) are kept as keyed hashes; ``key_variable`` names the variable
    of the process environment that has the key, which stands in no file.
    A file ends after so many ``rows`` or ``seconds``; what waits for the disk is at most ``queue`` requests and
    ``megabytes`` of memory, and requests beyond that are dropped and counted.
    """

    path: str
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    by: Literal["request", "entity"] = "request"
    seed: int = 0
    hash: tuple[str, ...] = ()
    key_variable: str | None = None
    rows: _Count = 50_000
    seconds: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    queue: _Count = 10_000
    megabytes: _Count = 64


class Recording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an environment writes down about itself: what it took in, under the folder ``history``, and its requests."""

    history: str | None = None
    requests: RequestRecording | None = None


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where everything lives in one environment."""

    sources: dict[str, SourceLocation] = {}
    online: OnlineSettings = OnlineSettings()
    offline: OfflineSettings = OfflineSettings()
    recording: Recording = Recording()


class Project(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One project's settings, with ``${VARIABLE}`` not yet filled in; ``environment`` is the default one."""

    project: str
    modules: tuple[str, ...]
    environment: str = "local"
    environments: dict[str, Environment] = {}

    def settings(self, variables: Mapping[str, str], name: str | None = None) -> Environment:
        """The settings of an environment with every ``${VARIABLE}`` filled in from ``variables``.

        Raises SettingsError for an unknown environment or variable.
        """
        wanted = name or self.environment
        if wanted not in self.environments:
            if wanted == "local" and not self.environments:
                return Environment()
            exists = ", ".join(sorted(self.environments)) or "none"
            hint = did_you_mean(wanted, self.environments)
            raise SettingsError(f"{FILE} has no environment {wanted!r}; exists: {exists}. {hint}".rstrip(" "))
        plain = msgspec.to_builtins(self.environments[wanted])
        return msgspec.convert(_filled(plain, variables, f"environments.{wanted}"), Environment)


def find_root(path: Path) -> Path:
    """The nearest folder that holds ``diptych.toml``: ``path`` (or its folder) or one of its parents.

    Raises SettingsError when there is none.
    """
    start = path.resolve()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise SettingsError(f"no {FILE} in {start} or any folder above it; `diptych init` writes one")


def read_project(root: Path) -> Project:
    """The settings of the folder ``root``; SettingsError says which setting is wrong and what it should be."""
    file = root / FILE
    try:
        project = msgspec.toml.decode(file.read_bytes(), type=Project)
    except FileNotFoundError as error:
        raise SettingsError(f"there is no {file}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: {error}{_hint(str(error))}") from error
    _check(project, file)
    return project


def _hint(complaint: str) -> str:
    """The setting that an unknown one was probably meant to be."""
    unknown = re.search(r"unknown field `(.*?)`", complaint)
    if unknown is None:
        return ""
    tables = (Project, Environment, SourceLocation, OnlineSettings, OfflineSettings, Recording, RequestRecording)
    known = {name for table in tables for name in table.__struct_fields__}
    hint = did_you_mean(unknown[1], known)
    return f"; {hint}" if hint else f"; settings are {', '.join(sorted(known))}"


def _check(project: Project, file: Path) -> None:
    """What types alone cannot say; all of it at once."""
    wrong = [
        f"{name!r} must be letters, digits, _ and -, beginning with a letter"
        for name in (project.project, project.environment, *project.environments)
        if not _NAME.fullmatch(name)
    ]
    if not project.modules:
        wrong.append('modules is empty; name the folders or modules of your definitions: modules = ["feature_repo"]')
    for name, environment in project.environments.items():
        for source, location in environment.sources.items():
            if (location.path is None) == (location.table is None):
                wrong.append(f"environments.{name}.sources.{source} needs either path or table")
            if location.database is not None and location.table is None:
                wrong.append(f"environments.{name}.sources.{source} has a database but no table")
        requests = environment.recording.requests
        if requests is not None and requests.hash and not requests.key_variable:
            wrong.append(f'environments.{name}.recording.requests hashes columns: it needs key_variable = "SOME_NAME"')
    if wrong:
        raise SettingsError("\n".join(f"{file}: {line}" for line in wrong))


def _filled(value: Any, variables: Mapping[str, str], where: str) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, variables, f"{where}.{key}") for key, item in value.items()}
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise SettingsError(f"{FILE}: {where} needs the environment variable {match[1]}, which is not set")
        return variables[match[1]]

    return _VARIABLE.sub(variable, value)
