"""The simulation finds nothing where nothing is wrong, and finds each planted skew."""

import dataclasses
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import diptych as dt
from diptych.check import simulate as simulate_module
from diptych.check.deliveries import Injection, deliver, recorded
from diptych.check.findings import Cause
from diptych.check.gate import failures
from diptych.check.measure import EXAMINED
from diptych.check.repository import NothingToSimulate, Options, simulate_repository
from diptych.check.verdict import Verdict
from diptych.declare.project import Project
from diptych.ground.instants import HOUR
from diptych.plan.nodes import Registry, Window
from diptych.plan.resolve import resolve
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.engines.kernel import KernelEngine
from diptych.serve.addresses import Addresses
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.opening import open_store
from diptych.serve.stores.valkey import ValkeyStore

BEGIN = datetime(2024, 3, 1, tzinfo=UTC)

shop = dt.Entity("shop", keys={"shop": dt.String(4)})
sales = dt.EventSource(
    "sales",
    timestamp="sold_at",
    known_at="known_at",
    event_id="sale",
    dedup_window="2h",
    columns={
        "sale": dt.Int64(),
        "sold_at": dt.Timestamp(),
        "known_at": dt.Timestamp(),
        "shop": dt.String(4),
        "amount": dt.Int64(ge=0, le=1_000),
        "weight": dt.Float64(ge=0.0, le=100.0),
    },
)
takings = dt.FeatureView(
    "takings",
    entity=shop,
    source=sales,
    features=[
        dt.count(windows=["1h", "24h"]),
        dt.sum("amount", windows=["24h"]),
        dt.mean("weight", windows=["6h"]),
        dt.std("amount", windows=["24h"]),
        dt.last("amount"),
        dt.count_distinct("amount", windows=["6h"]),
        dt.recency(),
    ],
)
REGISTRY = resolve([shop, sales, takings], Project("shops", ("x",)))


def history(events: int = 3_000, seed: int = 3) -> pa.Table:
    """Ten days of sales on whole minutes, a third of them known up to six hours late."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for sale in range(events):
        sold = BEGIN + timedelta(minutes=rng.randrange(10 * 24 * 60))
        late = timedelta(minutes=rng.randrange(360)) if rng.random() < 0.3 else timedelta(0)
        rows.append(
            {
                "sale": sale,
                "sold_at": sold,
                "known_at": sold + late,
                "shop": rng.choice("AABBBCD"),
                "amount": rng.randrange(50),
                "weight": rng.random() * 10,
            }
        )
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="module")
def store() -> Iterator[ValkeyStore]:
    with_server = open_store(append_only=False)
    yield with_server
    with_server.close()


def simulated(
    store: ValkeyStore,
    name: str,
    registry: Registry = REGISTRY,
    engine: DuckDBEngine | None = None,
    **options: Any,
) -> Verdict:
    addresses = Addresses("shops", name)
    chosen = Options(**{"questions": 200, "slices": 8, "judged": 10, "seed": 5, **options})
    sql = engine or DuckDBEngine()
    return simulate_repository(registry, {"sales": history()}, addresses, store, sql, KernelEngine(), chosen)


def test_an_honest_repository_is_equal_and_the_questions_are_hard(store: ValkeyStore) -> None:
    verdict = simulated(store, "honest")
    assert verdict.equal, verdict.to_dict()
    assert verdict.compared == 200 * 8
    assert sum(panel.judged for panel in verdict.panels) >= 80
    assert min(verdict.shares.to_dict().values()) > 0.02, verdict.shares


def _other_window(registry: Registry) -> Registry:
    """Serving whose 24 h window is 23 h long."""

    def narrowed(window: Window) -> Window:
        return dataclasses.replace(window, length=23 * HOUR) if window.length == 24 * HOUR else window

    view = registry.views[0]
    reductions = tuple(dataclasses.replace(r, window=narrowed(r.window)) for r in view.reductions)
    return dataclasses.replace(registry, views=(dataclasses.replace(view, reductions=reductions),))


def _other_hop(registry: Registry) -> Registry:
    view = registry.views[0]
    reductions = tuple(
        dataclasses.replace(r, window=dataclasses.replace(r.window, hop=HOUR)) if r.window.length == HOUR * 6 else r
        for r in view.reductions
    )
    return dataclasses.replace(registry, views=(dataclasses.replace(view, reductions=reductions),))


class LateEngine(DuckDBEngine):
    """Training that reads an hour later, as one does whose instants are in another zone."""

    def compute(
        self, view: Any, history: Any, spine: pa.Table, features: Any = None, *, evidence: bool = False
    ) -> pa.Table:
        place = spine.column_names.index("t")
        later = spine.set_column(place, "t", pc.add(spine["t"], HOUR))
        return super().compute(view, history, later, features, evidence=evidence)


def _reader_of(change: Callable[[Registry], Registry]) -> type[OnlineReader]:
    class Skewed(OnlineReader):
        def __init__(self, registry: Registry, addresses: Addresses, store: ValkeyStore) -> None:
            super().__init__(change(registry), addresses, store)

    return Skewed


def named(verdict: Verdict, cause: Cause, words: str, wrong: str) -> None:
    """The verdict names one cause for nearly all that differs."""
    findings = verdict.findings
    assert findings.mismatches > 0
    assert not verdict.equal
    assert failures(findings, {})
    assert sum(output.causes.get(cause, 0) for output in findings.outputs) >= 0.9 * sum(
        min(output.mismatches, EXAMINED) for output in findings.outputs
    ), [(output.output, output.causes, [each.detail for each in output.examples]) for output in findings.outputs]
    shown = next(output for output in findings.outputs if output.mismatches).examples[0]
    assert words in shown.detail
    assert shown.wrong == wrong


@pytest.mark.parametrize(
    ("change", "cause", "words"),
    [
        (_other_window, Cause.OTHER_DEFINITION, "the window of 24h were 23h"),
        (_other_hop, Cause.BOUNDARY, "the hop were 1h"),
    ],
    ids=["a window an hour short", "the hop of a neighbour"],
)
def test_a_skew_in_serving_is_found_and_named(
    change: Callable[[Registry], Registry],
    cause: Cause,
    words: str,
    store: ValkeyStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulate_module, "OnlineReader", _reader_of(change))
    named(simulated(store, f"skew-{change.__name__}"), cause, words, "online")


def test_a_skew_in_training_is_found_and_named(store: ValkeyStore) -> None:
    verdict = simulated(store, "skew-training", engine=LateEngine())
    named(verdict, Cause.TIME_ZONE, "the question were 1:00 h later", "offline")


def test_nothing_compared_is_not_equal() -> None:
    verdict = Verdict((), None, None, None, None, 0.0)  # type: ignore[arg-type]
    assert not verdict.equal


def test_an_empty_history_is_an_error_that_says_so(store: ValkeyStore) -> None:
    with pytest.raises(NothingToSimulate, match="nothing to stream"):
        simulate_repository(
            REGISTRY,
            {"sales": history(1).slice(1)},
            Addresses("s", "e"),
            store,
            DuckDBEngine(),
            KernelEngine(),
            Options(),
        )


class TestDeliveries:
    def test_repeats_fall_within_and_beyond_the_window_and_all_is_counted(self) -> None:
        source = REGISTRY.sources[0]
        given = deliver(source, history(), Injection(seed=1, repeated=0.1, repeated_beyond=0.05))
        assert given.repeated > 200
        assert given.repeated_beyond > 80
        assert given.table.num_rows == 3_000 + given.repeated + given.repeated_beyond
        assert (given.known_at[1:] >= given.known_at[:-1]).all()
        again = deliver(source, history(), Injection(seed=1, repeated=0.1, repeated_beyond=0.05))
        assert again.table.equals(given.table)

    def test_a_source_that_does_not_say_when_it_was_known_is_given_arrivals(self) -> None:
        plain = dataclasses.replace(REGISTRY.sources[0], known_at=None)
        view = dataclasses.replace(REGISTRY.views[0], source=plain)
        registry = recorded(dataclasses.replace(REGISTRY, sources=(plain,), views=(view,)))
        assert registry.sources[0].known_at == "arrived_at"
        assert registry.views[0].fingerprint != REGISTRY.views[0].fingerprint
        given = deliver(registry.sources[0], history(), Injection(seed=2, late=0.5))
        assert 1_300 < given.late < 1_700
