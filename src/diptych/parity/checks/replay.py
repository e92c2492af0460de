"""The check of logged requests: what serving answered, computed once more offline as of each request's own instant."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from diptych.check.findings import Findings, OutputFindings
from diptych.parity.gate import judged
from diptych.parity.moments import moment_of
from diptych.parity.outcome import Outcome
from diptych.parity.suite import Replay
from diptych.parity.workbench import NoHistory, Workbench


@dataclass(frozen=True, slots=True)
class ReplayCheck:
    """See ``Replay``."""

    name: str = "replay"
    kind: str = "replay"

    def ready(self, bench: Workbench) -> None:
        """Raises NoHistory."""
        bench.tables()
        folder = _log(bench)
        if not folder.is_dir():
            raise NoHistory(
                f"there is no request log in {folder}: let serving write one ([environments.NAME.recording.requests] in "
                "diptych.toml), fetch one before the suite runs, or leave this part out with Suite(replay=None)"
            )

    def run(self, bench: Workbench) -> Outcome:
        """Replay, and keep what the suite is about."""
        wanted, suite = _wanted(bench), bench.suite
        findings = bench.store.replay(
            _log(bench),
            since=moment_of(wanted.since, "replay: since"),
            until=moment_of(wanted.until, "replay: until"),
            seed=suite.seed,
            values=suite.values,
        )
        return judged(bench, _about(bench, findings))


def _wanted(bench: Workbench) -> Replay:
    assert bench.suite.replay is not None
    return bench.suite.replay


def _log(bench: Workbench) -> Path:
    """The log's folder; raises SettingsError where none is configured."""
    path = _wanted(bench).path
    return bench.wiring.log_folder if path is None else bench.root / path


def _about(bench: Workbench, findings: Findings) -> Findings:
    """The findings of the features and services that the suite names."""
    if not bench.suite.features:
        return findings
    features = {(view.name, feature.name) for view in bench.registry.views for feature in view.features}
    services = {service.name for service in bench.registry.services}

    def kept(output: OutputFindings) -> bool:
        return (output.view, output.feature) in features if output.view else output.service in services

    return msgspec.structs.replace(findings, outputs=tuple(filter(kept, findings.outputs)))
