"""The pytest plugin: collects suites, writes what they found, and says so in the end; idle where there is no suite.

It is installed as an entry point of this very name, so ``-p diptych.parity.plugin`` names the same plugin. Whatever is
heavy is imported when a suite has been collected, and not before.
"""

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from diptych.parity.place import run_place
from diptych.parity.suite import Suite

if TYPE_CHECKING:
    from diptych.parity.assembly import Assembled
    from diptych.parity.fixture import Parity
    from diptych.parity.session import ParitySession

PROFILES = ("quick", "default", "long")
CHECK = "diptych"
"""The user property that says which kind of check an item is; JUnit's XML has it too."""

_WORKER_INPUT = "diptych_run"
_DEFAULTS = Suite()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, all of which begin with ``--diptych``."""
    group = parser.getgroup("diptych", "parity of training and serving (diptych)")
    group.addoption("--diptych-repo", metavar="PATH", help="a folder with diptych.toml in it or above it")
    group.addoption("--diptych-environment", metavar="NAME", help="the environment, one of those in diptych.toml")
    group.addoption(
        "--diptych-profile",
        choices=PROFILES,
        default=os.environ.get("DIPTYCH_PROFILE", "default"),
        help="how much to search and ask (default: $DIPTYCH_PROFILE, else default)",
    )
    group.addoption("--diptych-seed", metavar="N", type=int, help="draw by this seed instead of the suites' own")
    group.addoption(
        "--diptych-run", metavar="NAME", help="name of the run's folder in .diptych/parity (default: by the clock)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run, of which nothing is to be seen until there is a check."""
    config.pluginmanager.register(ParityRun(config), "diptych-parity-run")


@pytest.fixture
def parity(request: pytest.FixtureRequest) -> "Parity":
    """The engines and stores of the repository around the test: ``parity.example(...)``, ``parity.store``."""
    from diptych.parity.fixture import Parity

    run: ParityRun = request.config.pluginmanager.getplugin("diptych-parity-run")
    return Parity(run.session.workbench(_DEFAULTS, request.path.parent))


class ParityRun:
    """One pytest session: in the only process, in the controller of pytest-xdist, or in one of its workers."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        given: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.worker = None if given is None else str(given["workerid"])
        self._place = None if given is None else Path(given[_WORKER_INPUT])
        self._session: ParitySession | None = None
        self._failures: dict[str, str] = {}
        self._begun = time.time()
        self.assembled: Assembled | None = None

    @property
    def place(self) -> Path:
        """The run's folder; what an earlier run of the same name found is forgotten."""
        if self._place is None:
            option = self.config.getoption
            start = Path(option("--diptych-repo") or self.config.rootpath)
            self._place = run_place(start, option("--diptych-run"))
            shutil.rmtree(self._place, ignore_errors=True)
        return self._place

    @property
    def session(self) -> "ParitySession":
        """What this process has opened; made with the first suite or test that needs it."""
        if self._session is None:
            from diptych.parity.session import ParitySession

            self._session = ParitySession(self.config, self.place, self.worker or "main")
        return self._session

    def pytest_pycollect_makeitem(self, collector: pytest.Collector, name: str, obj: object) -> pytest.Collector | None:
        """A value of type Suite becomes a collector of its checks; everything else is left alone."""
        if type(obj) is not Suite:
            return None
        from diptych.parity.collecting import SuiteCollector

        return SuiteCollector.of(collector, name, obj, self.session)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist which run it belongs to."""
        node.workerinput[_WORKER_INPUT] = str(self.place)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember which checks failed, wherever they ran."""
        if report.failed and any(name == CHECK for name, _ in report.user_properties):
            self._failures[report.nodeid] = report.longreprtext

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Close what was opened, and make the report where all that was found comes together."""
        if self._session is not None:
            self._session.close()
        if self.worker is not None or self._place is None or not (self._failures or self._place.is_dir()):
            return
        from diptych.parity.assembly import assemble

        self.assembled = assemble(self._place, self._failures, int(self._begun * 1e6), time.time() - self._begun)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say in two lines what the run proved, and where the report is."""
        if self.assembled is None:
            return
        from diptych.parity.summary import lines

        failed = bool(self.assembled.run.failures)
        terminalreporter.section("parity", red=failed, green=not failed)
        for line in lines(self.assembled, self.config.invocation_params.dir):
            terminalreporter.line(line)
