"""A project's folder to its resolved registry."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from diptych.declare.mistakes import Mistake, RegistryError
from diptych.declare.project import Project, find_root, read_project
from diptych.declare.registry import collect
from diptych.plan import nodes
from diptych.plan.resolve import resolve


@dataclass(frozen=True, slots=True)
class Loaded:
    """A project as it was loaded: its registry, its settings, and the folder of its ``diptych.toml``."""

    registry: nodes.Registry
    project: Project
    root: Path


def load_registry(path: str | Path) -> Loaded:
    """Load the project whose ``diptych.toml`` is in ``path`` or a folder above it.

    Raises SettingsError for the settings file, RegistryError with every mistake in the definitions; places are
    relative to the project's folder.
    """
    root = find_root(Path(path))
    project = read_project(root)
    collected = collect(root, project.modules)
    try:
        registry = resolve(collected.declarations, project, collected.mistakes)
    except RegistryError as error:
        raise RegistryError(_relative(error.mistakes, root)) from None
    return Loaded(registry, project, root)


def _relative(mistakes: Iterable[Mistake], root: Path) -> list[Mistake]:
    prefix = f"{root}/"
    return [
        Mistake(mistake.where.removeprefix(prefix), mistake.what.replace(prefix, ""), mistake.exists, mistake.hint)
        for mistake in mistakes
    ]
