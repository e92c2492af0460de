"""What one process has of a run: the opened repositories, and where it writes what its checks found."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.declare.project import SettingsError, find_root
from diptych.parity.folder import Piece, RunFolder
from diptych.parity.suite import Suite
from diptych.parity.workbench import Workbench


class ParitySession:
    """One process's part in a run: the only process, or one of the workers of pytest-xdist."""

    def __init__(self, config: pytest.Config, folder: Path, worker: str) -> None:
        self.config = config
        self.folder = RunFolder(folder)
        self.worker = worker
        self._benches: dict[tuple[Path, int], Workbench] = {}
        self._stack = ExitStack()

    def workbench(self, suite: Suite, beside: Path) -> Workbench:
        """The repository that a suite in the folder ``beside`` is about, opened once in each process.

        Raises SettingsError, RegistryError and BadSuite.
        """
        root = self._root(suite, beside)
        known = (root, id(suite))
        if known not in self._benches:
            environment = self.config.getoption("--diptych-environment") or suite.environment
            seed = self.config.getoption("--diptych-seed")
            chosen = suite if seed is None else replace(suite, seed=seed)
            bench = Workbench(chosen, root, environment, self.config.getoption("--diptych-profile"))
            self._benches[known] = self._stack.enter_context(bench)
        return self._benches[known]

    def _root(self, suite: Suite, beside: Path) -> Path:
        given = self.config.getoption("--diptych-repo")
        if given:
            return find_root(Path(given))
        if suite.repository is not None:
            return find_root(beside / suite.repository)
        try:
            return find_root(beside)
        except SettingsError:
            return find_root(self.config.invocation_params.dir)

    def keep(self, piece: Piece) -> None:
        """Write down what a check found."""
        self.folder.add(self.worker, piece)

    def close(self) -> None:
        """Close what was opened."""
        self._stack.close()
