"""Suites as pytest sees them: a collector for each suite, and a test item for each of its checks.

Items are functions to pytest, so the autouse fixtures of a team's ``conftest.py`` run before them: the place to write
the history that the suite runs over.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych.ground.errors import DiptychError
from diptych.parity.folder import Piece
from diptych.parity.gate import allowed
from diptych.parity.outcome import Check, NotEqual, Outcome
from diptych.parity.planning import checks
from diptych.parity.plugin import CHECK
from diptych.parity.session import ParitySession
from diptych.parity.suite import Suite
from diptych.parity.workbench import Workbench


class SuiteCollector(pytest.Collector):
    """A suite in a test module."""

    def __init__(self, *, suite: Suite, session_of_run: ParitySession, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.suite = suite
        self.run = session_of_run

    @classmethod
    def of(cls, parent: pytest.Collector, name: str, suite: Suite, run: ParitySession) -> "SuiteCollector":
        """The collector of ``name = suite`` in a module."""
        collector: SuiteCollector = cls.from_parent(parent, name=name, suite=suite, session_of_run=run)
        return collector

    def collect(self) -> Iterator[pytest.Item]:
        """The suite's checks, in an order that depends on its definitions alone."""
        try:
            bench = self.run.workbench(self.suite, self.path.parent)
            planned = checks(bench)
        except DiptychError as error:
            raise self.CollectError(f"suite {self.name!r}: {type(error).__name__}: {error}") from error
        for check in planned:
            yield CheckItem.from_parent(
                self, name=check.name, callobj=_nothing, check=check, bench=bench, session_of_run=self.run
            )


class CheckItem(pytest.Function):
    """One check of a suite."""

    def __init__(self, *, check: Check, bench: Workbench, session_of_run: ParitySession, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check
        self.bench = bench
        self.run = session_of_run
        self.user_properties.append((CHECK, check.kind))

    def setup(self) -> None:
        """Run the fixtures; then see whether there is anything to check with."""
        super().setup()
        self.check.ready(self.bench)

    def runtest(self) -> None:
        """Carry out the check, and write down what it found whatever that is."""
        begun = time.time_ns() // 1_000
        outcome = self.check.run(self.bench)
        if outcome.skipped:
            pytest.skip(outcome.skipped)
        self.user_properties += [(f"{CHECK}.{name}", value) for name, value in outcome.properties.items()]
        self.run.keep(self._piece(outcome, begun))
        if outcome.failure:
            raise NotEqual(outcome.failure)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **kwargs: Any) -> Any:
        """What differs, or what is wrong with the set-up, and no traceback; that of any other error."""
        if isinstance(excinfo.value, NotEqual | DiptychError) and not self.config.getoption("fulltrace"):
            return excinfo.getrepr(style="value")
        return super().repr_failure(excinfo, *args, **kwargs)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where pytest says that it is: the suite's own module."""
        return self.path, None, f"{self.parent.name if self.parent else ''}: {self.name}"

    def _piece(self, outcome: Outcome, begun: int) -> Piece:
        suite, wiring = self.bench.suite, self.bench.wiring
        return Piece(
            suite=str(self.parent.nodeid if self.parent else ""),
            project=wiring.loaded.project.project,
            environment=wiring.environment,
            begun_at=begun,
            checks=outcome.checks,
            findings=outcome.findings,
            allow=allowed(suite.allow),
            seed=suite.seed,
        )


def _nothing() -> None:
    """What pytest takes for the test's function; the check itself is run by the item."""
