"""What a fault is, and the ways in which one is planted: the real code of one side with one thing exchanged.

Nothing in the product knows of faults: a function, a method or a compiled program is replaced while a plant stands.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.admit.project import ViewEvents, project
from diptych.check.findings import Cause
from diptych.compile.online.program import Program
from diptych.compile.sql import compile_view
from diptych.kernel import places as k
from diptych.kernel.fold import fold_many
from diptych.kernel.point import read_points
from diptych.kernel.request import read_views
from diptych.plan.nodes import Feature, Reduction, View, Window
from diptych.run.engines.duckdb_scan import scan
from diptych.serve.reader import OnlineReader
from tests.kernel.mutants import python_kernel

Words = npt.NDArray[np.int64]
Plant = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One skew: ``mistake`` says in a sentence how a team comes by it, ``side`` which side it breaks.

    ``causes`` are those that a diagnosis may rightly name, decided from what the fault is before any diagnosis was seen.
    ``slow``: planted in the kernel's loops, which then run as plain Python. For a quick look: ``shows`` is a view (or
    service) in which it shows, ``suite`` the suite that names its cause, or the only one that catches it.
    """

    name: str
    side: str
    mistake: str
    causes: frozenset[Cause]
    plant: Plant
    slow: bool = False
    shows: str = "shop_sales"
    suite: str = "simulate"

    def __str__(self) -> str:
        return self.name


def fault(
    name: str,
    side: str,
    mistake: str,
    causes: set[Cause],
    plant: Plant,
    *,
    slow: bool = False,
    shows: str = "shop_sales",
    suite: str = "simulate",
) -> Fault:
    """A fault of the catalogue."""
    return Fault(name, side, mistake, frozenset(causes), plant, slow, shows, suite)


@contextmanager
def swapped(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute of a module or class, exchanged while the plant stands."""
    held = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, held)


@contextmanager
def everywhere(real: Any, planted: Any) -> Iterator[None]:
    """A function of the product, exchanged in every module that has it by name."""
    places = [
        (module, name)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("diptych")
        for name, value in list(vars(module).items())
        if value is real
    ]
    assert places, f"nobody uses {real}"
    for module, name in places:
        setattr(module, name, planted)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, real)


# --- the offline side: compiled SQL --------------------------------------------------------------------------------


def offline_view(change: Callable[[View], View]) -> Plant:
    """Compiled SQL of another view than was declared."""

    def compiled(view: View, *args: Any, **options: Any) -> Any:
        return compile_view(change(view), *args, **options)

    return lambda: everywhere(compile_view, compiled)


def offline_text(change: Callable[[str], str], only: str = "") -> Plant:
    """Compiled SQL with another text; ``only``: in the view of that name."""

    def compiled(view: View, *args: Any, **options: Any) -> Any:
        found = compile_view(view, *args, **options)
        return found if only and view.name != only else replace(found, sql=change(found.sql))

    return lambda: everywhere(compile_view, compiled)


def offline_sql(pattern: str, by: str, only: str = "") -> Plant:
    """Compiled SQL whose text is another wherever a pattern matches."""
    return offline_text(lambda sql: re.sub(pattern, by, sql), only)


def offline_scan(pattern: str, by: str) -> Plant:
    """The reading of raw history, with another text."""

    def scanned(*args: Any, **options: Any) -> str:
        return re.sub(pattern, by, scan(*args, **options))

    return lambda: everywhere(scan, scanned)


# --- the online side: programs, events, requests, states -----------------------------------------------------------


def online_view(change: Callable[[View], View]) -> Plant:
    """Serving runs the program of another view than was declared, under the declared one's fingerprint."""
    real = Program.of

    def other(_: Any, view: View) -> Program:
        return replace(real(change(view)), view=view)

    return lambda: swapped(Program, "of", classmethod(other))


def online_code(change: Callable[[View, Program, Words], None]) -> Plant:
    """Serving runs a program whose code was changed."""
    real = Program.of

    def other(_: Any, view: View) -> Program:
        program = real(view)
        code = program.code.copy()
        change(view, program, code)
        return replace(program, code=code)

    return lambda: swapped(Program, "of", classmethod(other))


def online_events(change: Callable[[View, ViewEvents], ViewEvents]) -> Plant:
    """Ingestion and backfill make other events of admitted rows."""

    def projected(view: View, checked: Any) -> ViewEvents:
        return change(view, project(view, checked))

    return lambda: everywhere(project, projected)


def asked_at(change: Callable[[int], int]) -> Plant:
    """Serving reads as of another instant than the request's."""
    real = OnlineReader._prepare

    def prepared(self: OnlineReader, plan: Any, rows: Any, at: Any) -> Any:
        fetch = real(self, plan, rows, at)
        return replace(fetch, instant=change(fetch.instant))

    return lambda: swapped(OnlineReader, "_prepare", prepared)


@dataclass
class Folded:
    """One state as a fold leaves it, in words: header, tiles, raw records."""

    code: Words
    words: Words

    @property
    def tiles(self) -> Words:
        """The tiles, one a row."""
        count = int(self.words[k.HEADER_SHAPE]) & 0xFFFFFFFF
        width = int(self.code[k.TILE_WORDS])
        return self.words[k.HEADER_WORDS : k.HEADER_WORDS + count * width].reshape(count, width)

    @property
    def records(self) -> Words:
        """The raw records, one a row."""
        return self.words[k.HEADER_WORDS + self.tiles.size :].reshape(-1, int(self.code[k.RECORD_WORDS]))

    def with_parts(self, tiles: Words, records: Words) -> "Folded":
        """The state with other tiles and records."""
        header = self.words[: k.HEADER_WORDS].copy()
        header[k.HEADER_SHAPE] = int(header[k.HEADER_SHAPE]) >> 32 << 32 | len(tiles)
        return Folded(self.code, np.concatenate([header, tiles.reshape(-1), records.reshape(-1)]))


def folds(change: Callable[[Folded], Folded], *, backfilled: bool = False) -> Plant:
    """Folds leave another state; those of a backfill only with ``backfilled``."""

    def folded(code: Words, words: Words, offsets: Words, *rest: Any) -> tuple[Words, Words]:
        joined, ends = fold_many(code, words, offsets, *rest)
        if rest[-1] != 0 and not backfilled:
            return joined, ends
        states = [joined[ends[i] : ends[i + 1]] for i in range(len(ends) - 1)]
        states = [change(Folded(code, state.copy())).words if len(state) else state for state in states]
        empty = np.empty(0, np.int64)
        return np.concatenate([empty, *states]), np.cumsum([0, *map(len, states)], dtype=np.int64)

    return lambda: everywhere(fold_many, folded)


def kernel(module: str, old: str, new: str) -> Plant:
    """The kernel's loops as plain Python, with a line changed; folds stay compiled unless the change is theirs."""

    @contextmanager
    def planted() -> Iterator[None]:
        loops = python_kernel(module, old, new)
        reads = module not in ("placement", "fold")
        with np.errstate(over="ignore"):
            if reads:
                with (
                    everywhere(read_points, loops["point"].read_points),
                    everywhere(read_views, loops["request"].read_views),
                ):
                    yield
            else:
                with everywhere(fold_many, loops["fold"].fold_many):
                    yield

    return planted


# --- views with one thing changed ----------------------------------------------------------------------------------


def with_windows(change: Callable[[Window], Window], only: str = "") -> Callable[[View], View]:
    """The view with other windows; ``only``: the view of that name."""
    return with_reductions(lambda _, r: replace(r, window=change(r.window)), only)


def with_reductions(change: Callable[[View, Reduction], Reduction], only: str = "") -> Callable[[View], View]:
    """The view with other reductions."""

    def changed(view: View) -> View:
        if only and view.name != only:
            return view
        return replace(view, reductions=tuple(change(view, reduction) for reduction in view.reductions))

    return changed


def with_feature(name: str, change: Callable[[Feature], Feature]) -> Callable[[View], View]:
    """The view with one of its features changed."""

    def changed(view: View) -> View:
        return replace(view, features=tuple(change(f) if f.name == name else f for f in view.features))

    return changed


def with_source(change: Callable[[Any], Any]) -> Callable[[View], View]:
    """The view over another source."""
    return lambda view: replace(view, source=change(view.source))


def column_input(view: View, column: str) -> int | None:
    """The place of a plain column among a view's inputs."""
    names = [getattr(expression, "name", None) for expression in view.inputs]
    return names.index(column) if column in names else None
