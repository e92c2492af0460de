"""From modules to declarations: import a project's modules in isolation and collect the values they define."""

import importlib
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from diptych.declare.entity import Entity
from diptych.declare.mistakes import Mistake, did_you_mean
from diptych.declare.project import FILE
from diptych.declare.service import FeatureService
from diptych.declare.source import EventSource
from diptych.declare.view import FeatureView, ViewUse

Declaration: TypeAlias = Entity | EventSource | FeatureView | FeatureService
_LOADING = threading.RLock()


@dataclass(frozen=True, slots=True)
class Collected:
    """What a project's modules define, and why some of them could not be imported."""

    declarations: tuple[Declaration, ...]
    mistakes: tuple[Mistake, ...]


def reachable(declarations: Iterable[Declaration]) -> list[Declaration]:
    """The declarations and all that they refer to, each object once, in order of appearance."""
    found: dict[int, Declaration] = {}
    for declaration in declarations:
        for item in _closure(declaration):
            found.setdefault(id(item), item)
    return list(found.values())


def collect(root: Path, modules: Iterable[str]) -> Collected:
    """Import the modules of ``modules`` (names of folders or modules below ``root``) afresh and collect their values.

    ``root`` is on the import path only meanwhile, and the project's modules do not stay in ``sys.modules``, so another
    project may use the same names. A module that fails is a mistake with file and line and hides no other.
    """
    declarations: list[Declaration] = []
    mistakes: list[Mistake] = []
    with _isolated(root):
        for entry in modules:
            names = _module_names(root, entry)
            if not names:
                exists = _entries(root)
                hint = did_you_mean(entry, exists)
                mistakes.append(Mistake(f"{FILE}:1", f"modules: nothing to import at {entry!r}", exists, hint))
            for name in names:
                try:
                    declarations += _declared(importlib.import_module(name))
                except (Exception, SystemExit) as error:
                    mistakes.append(_failure(root, name, error))
    return Collected(tuple(declarations), tuple(dict.fromkeys(mistakes)))


def _closure(declaration: Declaration) -> Iterator[Declaration]:
    match declaration:
        case FeatureView():
            yield from (declaration.entity, declaration.source)
        case FeatureService():
            for use in declaration.features:
                yield from _closure(use.view if isinstance(use, ViewUse) else use)
        case Entity() | EventSource():
            pass
    yield declaration


def _declared(module: ModuleType) -> list[Declaration]:
    values = list(vars(module).values())
    return [value for value in values if isinstance(value, (Entity, EventSource, FeatureView, FeatureService))]


def _module_names(root: Path, entry: str) -> list[str]:
    """The dotted names of a module, or of every module below a folder, sorted."""
    base = root.joinpath(*entry.split("."))
    if base.with_suffix(".py").is_file():
        return [entry]
    files = sorted(base.rglob("*.py")) if base.is_dir() else []
    names = []
    for file in files:
        parts = file.relative_to(root).with_suffix("").parts
        if all(part.isidentifier() for part in parts):
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def _entries(root: Path) -> tuple[str, ...]:
    """What could be listed as a module: folders and Python files of the root."""
    found = {path.stem for path in root.iterdir() if path.is_dir() or path.suffix == ".py"}
    return tuple(sorted(name for name in found if name.isidentifier()))


def _failure(root: Path, name: str, error: BaseException) -> Mistake:
    """Why a module could not be imported, at the deepest line of the project's own that was involved."""
    if isinstance(error, SyntaxError) and error.filename:
        return Mistake(f"{error.filename}:{error.lineno}", f"cannot be read as Python: {error.msg}")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name
    return Mistake(where, f"{type(error).__name__}: {error}")


@contextmanager
def _isolated(root: Path) -> Iterator[None]:
    """The root on the import path and none of its names in ``sys.modules``, both only within the block."""
    with _LOADING:
        own = {name for name in _entries(root) if name != "diptych" and name not in sys.stdlib_module_names}
        aside = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in own}
        writes_bytecode = sys.dont_write_bytecode
        path = list(sys.path)
        for name in aside:
            del sys.modules[name]
        sys.path.insert(0, str(root))
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path[:] = path
            sys.dont_write_bytecode = writes_bytecode
            for name in [name for name in sys.modules if name.partition(".")[0] in own]:
                del sys.modules[name]
            sys.modules.update(aside)
