"""Suites over a small repository, in this process: what they plan, what they refuse, and what their checks say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import diptych as dt
from diptych.check.findings import Cause
from diptych.parity import Copy, Replay, Simulate, Suite
from diptych.parity.checks.boundaries import BoundariesCheck
from diptych.parity.checks.copies import CopyCheck
from diptych.parity.checks.properties import PropertiesCheck
from diptych.parity.checks.replay import ReplayCheck
from diptych.parity.checks.simulation import SimulationCheck
from diptych.parity.fixture import Parity
from diptych.parity.handwritten import BadCopy
from diptych.parity.outcome import Check, Outcome
from diptych.parity.planning import checks
from diptych.parity.selection import BadSuite
from diptych.parity.workbench import NoHistory, Workbench
from diptych.plan.nodes import View
from diptych.testing.cases import Question
from diptych.testing.example import BadExample
from diptych.testing.targets import Target
from tests.parity_gate.conftest import Benches, Team


def named(found: Sequence[Check]) -> list[str]:
    return [check.name for check in found]


def test_a_suite_consists_of_a_check_for_each_feature_view_and_comparison(bench: Benches) -> None:
    suite = Suite(features=["spending:count_1h"], targets=["kernel", "duckdb"], copies=[last_copy(0)])
    assert named(checks(bench(suite))) == [
        "boundaries[spending:count_1h-duckdb]",
        "boundaries[spending:count_1h-kernel]",
        "properties[spending-duckdb]",
        "properties[spending-kernel]",
        "simulate",
        "copy[spending:amount_last]",
    ]
    quiet = Suite(features=["risk"], targets=["kernel"], properties=False, simulate=None)
    assert [name.partition("[")[0] for name in named(checks(bench(quiet)))] == ["boundaries"] * 3


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        (Suite(features=["spending:amount_last_1h"]), "the view 'spending' has no feature 'amount_last_1h'"),
        (Suite(features="spending"), r"write a list: features=\['spending'\]"),
        (Suite(targets=["spark"]), "there is no 'spark'; there are duckdb, kernel, online, online-folded"),
        (Suite(allow={"gremlins": 0.1}), "there is no cause 'gremlins'; there are 'late event'"),
        (Suite(allow={Cause.TIE: 1.5}), "'tie' has 1.5; a share lies between 0 and 1"),
        (Suite(allow={Cause.UNEXPLAINED: 0.1}), "nobody can explain is never allowed"),
        (Suite(tolerances={"spending:count_1h": 0.1}), "'spending:count_1h' is a Int64.*only Float64 has a tolerance"),
        (Suite(tolerances={"spending": 0.1}), "'spending' is no \"view:feature\""),
        (Suite(copies=[Copy("spending:count_1h")]), "needs either sql= or function="),
        (Suite(copies=[Copy("spending", sql="select 1")]), 'is no "view:feature": there are the views spending'),
        (Suite(boundaries=False, properties=False, simulate=None), "there is nothing to check"),
    ],
)
def test_a_suite_that_cannot_be_meant_is_refused(bench: Benches, suite: Suite, said: str) -> None:
    with pytest.raises(BadSuite, match=said):
        checks(bench(suite))


@dataclass(frozen=True)
class Skewed:
    """A target that answers as another does at a slightly other instant."""

    behind: Target
    by: int
    name: str = "kernel"

    def answer(self, view: View, history: Sequence[Mapping[str, Any]], spine: Sequence[Question]) -> Any:
        return self.behind.answer(view, history, [Question(question.key, question.t + self.by) for question in spine])

    def close(self) -> None:
        pass


class SkewedBench(Workbench):
    """A workbench whose kernel looks a microsecond ahead, and so counts the event that is being scored."""

    def target(self, name: str) -> Target:
        return Skewed(super().target(name), by=1)


@pytest.fixture
def skewed(team: Team) -> Any:
    with SkewedBench(Suite(targets=["kernel"]), team.folder, None, "default") as found:
        yield found


def test_a_boundary_that_an_engine_moves_is_named_with_its_rule(skewed: Workbench) -> None:
    view = skewed.registry.views[0]
    outcome = BoundariesCheck(view, "amount_last", "kernel").run(skewed)
    first, *rest = outcome.failure.splitlines()
    assert first.startswith("spending:amount_last on kernel: ")
    assert "boundary cases wrong, first: " in first
    assert any("the rule: " in line for line in rest)
    assert any(line.split()[:2] == ["the", "judge"] for line in rest)
    [check] = outcome.checks
    assert (check.kind, check.feature, check.target, check.failure) == (
        "boundaries", "amount_last", "kernel", outcome.failure,
    )  # fmt: skip


def test_a_search_hands_over_a_test_that_fails_where_it_was_found_and_holds_elsewhere(
    skewed: Workbench, bench: Benches
) -> None:
    outcome = PropertiesCheck(skewed.registry.views[0], "kernel", 1.0).run(skewed)
    [check] = outcome.checks
    assert check.failure
    assert outcome.failure == f"{check.failure}\n\n{check.code}"
    assert check.code.count("ordered_at") <= 2  # made small
    scope: dict[str, Any] = {}
    exec(check.code, scope)
    [test] = [each for name, each in scope.items() if name.startswith("test_")]
    with pytest.raises(AssertionError, match=r"kernel answers .*, expected"):
        test(Parity(skewed))
    test(Parity(bench(Suite())))


def test_an_example_says_what_it_cannot_ask(bench: Benches) -> None:
    parity = Parity(bench(Suite()))
    at = "2024-01-01T00:00:00.000001Z"
    row = {"order_id": 1, "ordered_at": "2024-01-01T00:00:00Z", "customer": "a", "amount": 7}
    parity.example("spending:amount_last", entity={"customer": "a"}, at=at, history=[row], expect=7)
    with pytest.raises(AssertionError, match="duckdb answers 7, expected 8"):
        parity.example("spending:amount_last", entity={"customer": "a"}, at=at, history=[row], expect=8)
    with pytest.raises(BadExample, match="has the keys customer"):
        parity.example("spending:amount_last", entity={"plane": "a"}, at=at, history=[row], expect=7)
    with pytest.raises(BadSuite, match="there is no 'spark'"):
        parity.example(
            "spending:amount_last", entity={"customer": "a"}, at=at, history=[row], expect=7, targets=["spark"]
        )
    assert parity.registry.project == parity.store.registry.project == "shop"


def last_copy(microseconds: int) -> Copy:
    """The last amount before the request, by pandas; an event so many microseconds before it is not seen yet."""

    def last(events: pd.DataFrame, spine: pd.DataFrame) -> list[Any]:
        until = spine.event_timestamp - pd.Timedelta(microseconds=microseconds)
        return [
            seen.iloc[-1] if len(seen := events[(events.customer == key) & (events.ordered_at < t)].amount) else None
            for key, t in zip(spine.customer, until, strict=True)
        ]

    return Copy("spending:amount_last", function=last, questions=150)


def compared(bench: Benches, copy: Copy, **options: Any) -> Outcome:
    suite = Suite(copies=[copy], **options)
    opened = bench(suite)
    return CopyCheck.of(opened, copy, 0).run(opened)


def test_a_copy_in_python_that_agrees_passes_and_says_how_much_it_compared(bench: Benches) -> None:
    outcome = compared(bench, last_copy(0))
    [findings] = outcome.findings
    assert (outcome.failure, findings.compared, findings.mismatches) == ("", 150, 0)
    assert findings.sides == ("compiled", "hand-written")
    assert findings.sampling[0].entities == 2
    assert 0 < findings.sampling[0].detectable < 0.05


def test_a_copy_that_differs_only_where_the_team_allows_it_passes(bench: Benches) -> None:
    strict = compared(bench, last_copy(1))
    [findings] = strict.findings
    [cause] = findings.outputs[0].causes
    assert cause is not Cause.UNEXPLAINED
    assert strict.failure.startswith(f"copy: spending:amount_last: {cause.value}: ")
    assert strict.properties["cause"] == cause.value
    lenient = compared(bench, last_copy(1), allow={cause: 0.9})
    assert (lenient.failure, lenient.findings[0].mismatches) == ("", findings.mismatches)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT row FROM spine", "must answer with the column 'row' and one more"),
        ("SELECT row, 1 AS v FROM spine UNION ALL SELECT 0, 2", "may be answered once at most"),
        ("SELECT row + 1 AS row, 1 AS v FROM spine", "may be answered once at most, by its own 'row'"),
        ("SELECT 'x' AS row, 1 AS v FROM spine", "the column 'row' must be that of the spine"),
        ("SELECT row, 'x' AS v FROM spine", "the answers are no"),
        ("SELECT row, v FROM nowhere", "nowhere"),
    ],
)
def test_a_query_that_answers_no_spine_is_refused(bench: Benches, sql: str, said: str) -> None:
    with pytest.raises(BadCopy, match=said):
        compared(bench, Copy("spending:count_1h", sql=sql, questions=5))


def test_a_function_that_fails_or_answers_too_little_is_refused(bench: Benches) -> None:
    with pytest.raises(BadCopy, match="1 values for 5 rows of the spine"):
        compared(bench, Copy("spending:count_1h", function=lambda events, spine: [1], questions=5))
    with pytest.raises(BadCopy, match="its function raised KeyError: 'nothing'"):
        compared(bench, Copy("spending:count_1h", function=lambda events, spine: events["nothing"], questions=5))


def test_a_row_that_a_query_leaves_out_is_null(bench: Benches) -> None:
    outcome = compared(
        bench, Copy("spending:amount_last", sql="SELECT row, 1 AS v FROM spine WHERE false", questions=40)
    )
    assert outcome.findings[0].outputs[0].null_online > 0


def simulated(bench: Benches, simulate: Simulate, **options: Any) -> Outcome:
    opened = bench(Suite(simulate=simulate, **options))
    SimulationCheck().ready(opened)
    return SimulationCheck().run(opened)


def test_a_simulation_takes_its_instants_and_requests_from_the_suite(bench: Benches, team: Team) -> None:
    requests = pa.table(
        {
            "customer": ["a", "b", "z"],
            "basket": [1, 2, 3],
            "event_timestamp": pa.array([datetime(2024, 1, 4, 1)] * 3, pa.timestamp("us", "UTC")),
        }
    )
    wanted = Simulate(cut="2024-01-03", until=datetime(2024, 1, 5), questions=10, slices=3, requests=("risk", requests))
    outcome = simulated(bench, wanted, features=["spending:count_1h", "risk"])
    [findings] = outcome.findings
    compared = {(output.service, output.output): output.compared for output in findings.outputs}
    assert compared[("risk", "double")] == 3
    assert compared[("spending", "spending__count_1h")] == 10
    assert outcome.failure == ""


def test_a_budget_of_values_bounds_the_questions(bench: Benches) -> None:
    outcome = simulated(bench, Simulate(questions=50, slices=2), values=60)
    assert outcome.findings[0].compared == 60  # 20 questions to 3 features


@pytest.mark.parametrize(
    ("simulate", "said"),
    [
        (Simulate(cut="yesterday"), "simulate: cut: 'yesterday' is no instant"),
        (Simulate(requests=("risk", pa.table({"customer": ["a"]}))), "lack basket, event_timestamp"),
    ],
)
def test_a_simulation_that_cannot_be_meant_is_refused(bench: Benches, simulate: Simulate, said: str) -> None:
    with pytest.raises(BadSuite, match=said):
        simulated(bench, simulate)


def test_a_source_without_a_place_is_named(bench: Benches, team: Team) -> None:
    settings = team.folder / "diptych.toml"
    settings.write_text(settings.read_text().replace("orders = {", "# orders = {"))
    with pytest.raises(NoHistory, match="source 'orders' has no place in environment 'local'"):
        SimulationCheck().ready(bench(Suite()))
    copied = replace(Suite(), copies=[last_copy(0)])
    with pytest.raises(NoHistory):
        CopyCheck(copied.copies[0], 0).ready(bench(copied))


def test_logged_requests_are_replayed(bench: Benches, team: Team) -> None:
    settings = team.folder / "diptych.toml"
    settings.write_text(settings.read_text() + '[environments.local.recording]\nrequests = { path = "requests" }\n')
    asked = Suite(boundaries=False, properties=False, simulate=None, replay=Replay(since="2024-01-04"))
    with pytest.raises(NoHistory, match=r"there is no request log in .*requests"):
        ReplayCheck().ready(bench(asked))
    with dt.FeatureStore(team.folder) as store:
        store.apply(cut=datetime(2024, 1, 6))
        rows = [{"customer": name, "basket": 1} for name in "abz"]
        for day in (6, 7, 8):
            store.get_online_features("risk", rows, at=datetime(2024, 1, day), request_id=f"day {day}")
    [findings] = replayed(bench(asked)).findings
    assert (findings.compared, findings.mismatches) == (3 * 3 * 4, 0)
    history = team.folder / "data" / "orders.parquet"
    orders = pq.read_table(history)
    pq.write_table(orders.filter(pa.array([order != 195 for order in orders["order_id"].to_pylist()])), history)
    outcome = replayed(bench(asked))
    assert "risk: spending__amount_sum_24h" in outcome.failure
    wrong = {output.output: output for output in outcome.findings[0].outputs if output.mismatches}
    assert set(wrong) == {"spending__amount_sum_24h"}
    assert {each.request_id for each in wrong["spending__amount_sum_24h"].examples} == {"day 6"}


def replayed(opened: Workbench) -> Outcome:
    [check] = checks(opened)
    assert isinstance(check, ReplayCheck)
    check.ready(opened)
    return check.run(opened)
