"""The check of a whole repository over its own history: real ingestion, online reads, and compiled SQL."""

from dataclasses import dataclass

import msgspec
import pyarrow as pa

from diptych.check.deliveries import recorded
from diptych.check.findings import Example, Findings
from diptych.check.past import Past
from diptych.check.repository import Options, deliveries_of, simulate_repository
from diptych.parity.checks.examples import shown_alone
from diptych.parity.gate import judged
from diptych.parity.moments import moment_of
from diptych.parity.outcome import Outcome
from diptych.parity.selection import BadSuite
from diptych.parity.suite import Simulate
from diptych.parity.workbench import Workbench
from diptych.plan.nodes import Service
from diptych.plan.selection import select
from diptych.run.frames import to_arrow


@dataclass(frozen=True, slots=True)
class SimulationCheck:
    """See ``Simulate``."""

    name: str = "simulate"
    kind: str = "simulate"

    def ready(self, bench: Workbench) -> None:
        """Raises NoHistory."""
        bench.tables()

    def run(self, bench: Workbench) -> Outcome:
        """Simulate, and hold every value against compiled SQL."""
        wanted = _wanted(bench)
        addresses, store = bench.corner
        verdict = simulate_repository(
            bench.registry,
            bench.tables(),
            addresses,
            store,
            bench.wiring.sql_engine,
            bench.wiring.engine_named("kernel"),
            options(bench),
            requests(bench, wanted),
        )
        findings = verdict.findings
        if findings.mismatches:
            findings = msgspec.structs.replace(findings, examples=_examples(bench, findings))
        return judged(bench, findings)


def _examples(bench: Workbench, findings: Findings) -> tuple[Example, ...]:
    """What an engine or store gets wrong by itself, shown on the deliveries that the simulation made."""
    told = recorded(bench.registry)
    delivered = deliveries_of(told, bench.tables(), options(bench))
    past = Past({name: each.table for name, each in delivered.items()})
    views = {view.name: view for view in bench.registry.views}
    return shown_alone(findings, views, lambda view, key: past.of(told.view(view.name), key), bench.target)


def _wanted(bench: Workbench) -> Simulate:
    assert bench.suite.simulate is not None
    return bench.suite.simulate


def options(bench: Workbench) -> Options:
    """What the suite says of its simulation, as the simulation takes it."""
    wanted = _wanted(bench)
    width = sum(len(view.features) for view in bench.registry.views)
    return Options(
        cut=moment_of(wanted.cut, "simulate: cut"),
        until=moment_of(wanted.until, "simulate: until"),
        questions=bench.budget.questions(wanted.questions, width, bench.suite.values),
        slices=wanted.slices,
        judged=wanted.judged,
        seed=bench.suite.seed,
    )


def requests(bench: Workbench, wanted: Simulate) -> tuple[Service, pa.Table] | None:
    """The service and its own requests, where the suite brings some."""
    if wanted.requests is None:
        return None
    name, spine = wanted.requests
    if isinstance(spine, str) and spine.endswith(".parquet"):
        spine = str(bench.root / spine)
    service = select(bench.registry, name)
    table = to_arrow(bench.wiring.spine(spine))
    lacking = [column for column in _columns(service) if column not in table.column_names]
    if lacking:
        raise BadSuite(f"simulate: the requests for {name!r} lack {', '.join(lacking)}; they have {table.column_names}")
    return service, table


def _columns(service: Service) -> list[str]:
    keys = [column for role in service.roles for column in role.on]
    return list(dict.fromkeys([*keys, *(field.name for field in service.request), "event_timestamp"]))
