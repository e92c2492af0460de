"""The repository that a suite is about, opened: what all checks of one process share, each part made on first use."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from diptych.ground.errors import DiptychError
from diptych.parity.budget import Budget
from diptych.parity.selection import BadSuite, narrowed
from diptych.parity.suite import Suite
from diptych.plan.nodes import Registry, View
from diptych.run.location import DatabaseTable, Files, Recorded
from diptych.run.tables import Tables
from diptych.serve.addresses import Addresses
from diptych.serve.stores.valkey import ValkeyStore
from diptych.store import FeatureStore
from diptych.testing.boundaries import Exam
from diptych.testing.boundaries import Outcome as Taken
from diptych.testing.targets import Target, duckdb, kernel, standard_targets
from diptych.wiring import Wiring


class NoHistory(DiptychError):
    """A comparison over history without the history of a source at hand."""


class Workbench:
    """One suite over one repository in one environment.

    Raises SettingsError, RegistryError and BadSuite when it is made; stores are opened when they are first asked.
    """

    def __init__(self, suite: Suite, root: Path, environment: str | None, profile: str) -> None:
        self.suite = suite
        self.root = root
        self.budget = Budget.of(profile)
        self.wiring = Wiring.of(root, environment)
        self.registry = narrowed(self.wiring.loaded.registry, suite.features, suite.tolerances)
        if not self.registry.views:
            raise BadSuite(f"{root} defines no view: there is nothing to prove")
        self._stack = ExitStack()
        self._targets: dict[str, Target] = {}
        self._exams: dict[str, Exam] = {}
        self._taken: dict[tuple[str, str], Taken] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self.wiring.close()

    @property
    def whole(self) -> Registry:
        """The registry with everything that the repository defines."""
        return self.wiring.loaded.registry

    @cached_property
    def store(self) -> FeatureStore:
        """The repository's own feature store."""
        return self._stack.enter_context(FeatureStore(self.root, self.wiring.environment))

    @cached_property
    def corner(self) -> tuple[Addresses, ValkeyStore]:
        """A corner of the configured server, or a server of its own, that is empty again in the end."""
        return self._stack.enter_context(self.wiring.corner())

    def target_names(self, wanted: Sequence[str] = ()) -> list[str]:
        """Names of the targets that are wanted, by default of those of the suite; raises BadSuite for an unknown one."""
        wanted = list(wanted or self.suite.targets)
        unknown = [name for name in wanted if name not in TARGETS]
        if unknown:
            raise BadSuite(f"targets: there is no {unknown[0]!r}; there are {', '.join(TARGETS)}")
        return [name for name in TARGETS if name in wanted or not wanted]

    def target(self, name: str) -> Target:
        """An engine or store by its name."""
        if name not in self._targets:
            made = [OFFLINE[name]()] if name in OFFLINE else standard_targets(self.corner[1])
            self._targets[name] = next(target for target in made if target.name == name)
        return self._targets[name]

    def taken(self, view: View, target: str) -> Taken:
        """What came of a view's boundary cases at a target: they are put to it once, for all features."""
        known = (view.name, target)
        if known not in self._taken:
            exam = self._exams.setdefault(view.name, Exam.of(view))
            self._taken[known] = exam.put_to(self.target(target))
        return self._taken[known]

    def tables(self) -> Mapping[str, pa.Table]:
        """The history of every source; raises NoHistory, which says what to do, where there is none."""
        missing = self.without_history()
        if missing:
            raise NoHistory(
                "; ".join(missing)
                + ". Name where it lies under [environments.NAME.sources] in diptych.toml, write it before the suite runs "
                "(a fixture of parity/conftest.py may), choose another environment with --diptych-environment, or leave "
                "this part out with Suite(simulate=None)"
            )
        return Tables(self.wiring.locations, self.registry.sources)

    def without_history(self) -> list[str]:
        """A sentence for each source whose history is not there."""
        found = []
        for source in self.registry.sources:
            location = self.wiring.locations.get(source.name)
            if isinstance(location, Recorded):
                location = location.imported
            if location is None:
                found.append(f"source {source.name!r} has no place in environment {self.wiring.environment!r}")
            elif isinstance(location, Files) and not _any_file(location.path):
                found.append(f"source {source.name!r} has no file {location.path}")
            elif isinstance(location, DatabaseTable) and not Path(location.database).is_file():
                found.append(f"source {source.name!r} has no database {location.database}")
        return found


OFFLINE = {"duckdb": duckdb, "kernel": kernel}
TARGETS = (*OFFLINE, "online", "online-folded")
"""The targets that every repository has: both offline engines, and its store without and with folds."""


def _any_file(pattern: str) -> bool:
    from glob import iglob

    return next(iglob(pattern, recursive=True), None) is not None
