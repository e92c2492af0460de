"""Training sets: 4 windows x 3 aggregates over late and repeated events of a skewed entity, by two engines and a peer.

    python -m benchmarks.training --events 1 5 20 --rows 500000 --rounds 3

The kernel engine, compiled SQL on DuckDB, and hand-written Polars (`training_peer.py`) answer the same spine out of the
same Parquet file, each in a process of its own, so that its peak memory is its own. They take turns; the answers of all
are compared to the bit before any figure counts. Seconds are of the wall, from the paths of the files to an Arrow table
of the spine beside twelve features; CPU seconds tell more on a machine that others use too.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.timing import write_results

PEER = "polars"
CONTENDERS = ("kernel", "duckdb", PEER)
LABELS = {"kernel": "kernel engine", "duckdb": "compiled SQL on DuckDB", PEER: "Polars by hand"}
WINDOWS = ["1h", "24h", "7d", "30d"]
FEATURES = [f"{name}_{window}" for name in ("count", "amount_sum", "amount_mean") for window in WINDOWS]
MILLION = 1_000_000
MEMORY = "8GB"
"""What DuckDB may hold before it spills, under either engine."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took: seconds of the wall, of all cores, and the most memory it held, bytes."""

    seconds: float
    cpu: float
    peak: int


def ours(engine: str) -> Callable[[str, str], pa.Table]:
    """The features by one of the engines, by way of a service."""
    import diptych as dt
    from diptych.declare.project import Project
    from diptych.plan.resolve import resolve
    from diptych.run.engines.duckdb import DuckDBEngine
    from diptych.run.engines.kernel import KernelEngine
    from diptych.run.location import Files
    from diptych.run.training import training_set

    user = dt.Entity("user", keys={"user": dt.Int64()})
    payments = dt.EventSource(
        "payments",
        timestamp="ts",
        known_at="known_at",
        event_id="event_id",
        columns={
            "user": dt.Int64(),
            "event_id": dt.Int64(),
            "ts": dt.Timestamp(),
            "known_at": dt.Timestamp(),
            "amount": dt.Int64(ge=-100_000, le=1_000_000),
        },
    )
    view = dt.FeatureView(
        "spending",
        entity=user,
        source=payments,
        features=[dt.count(windows=WINDOWS), dt.sum("amount", windows=WINDOWS), dt.mean("amount", windows=WINDOWS)],
    )
    service = dt.FeatureService("bench", version=1, owner="bench", features=[view])
    registry = resolve([user, payments, view, service], Project("bench", ("bench",)))
    chosen = KernelEngine(memory_limit=MEMORY) if engine == "kernel" else DuckDBEngine(memory_limit=MEMORY)

    def run(history: str, spine: str) -> pa.Table:
        found = training_set(
            registry, registry.services[0], {"payments": Files(history)}, pq.read_table(spine), chosen,
            full_feature_names=False,
        )  # fmt: skip
        return found.to_arrow()

    return run


def peer() -> Callable[[str, str], pa.Table]:
    """The features by hand."""
    from benchmarks.training_peer import by_hand

    return lambda history, spine: by_hand(history, spine).to_arrow()


def child(contender: str, history: str, spine: str, small: tuple[str, str], answers: str) -> None:
    """In a process of its own: warm up on a small case, run once, write the answers, print what it took as JSON."""
    run = peer() if contender == PEER else ours(contender)
    run(*small)
    cpu, begun = time.process_time(), time.perf_counter()
    table = run(history, spine)
    spent = Run(time.perf_counter() - begun, time.process_time() - cpu, 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if answers:
        pq.write_table(table.select(["user", *FEATURES]), answers)
    print(json.dumps({"seconds": spent.seconds, "cpu": spent.cpu, "peak": peak}))


def measure(contender: str, case: "Case", answers: str) -> Run:
    """One run of a contender in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.training", "--child", contender, *case.arguments, answers]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Run(**json.loads(done.stdout.splitlines()[-1]))


@dataclass(frozen=True, slots=True)
class Case:
    """The files of one size, and those of a small case to warm up with."""

    history: Path
    spine: Path
    small: "Case | None" = None

    @classmethod
    def written(cls, folder: Path, events: int, rows: int, small: "Case | None" = None) -> "Case":
        """Write the data of a case; in a process of its own, lest its memory be inherited."""
        history, spine = folder / f"history_{events}.parquet", folder / f"spine_{rows}.parquet"
        script = (
            "from pathlib import Path; from benchmarks.training_data import *; "
            f"write_history(Path({str(history)!r}), {events}); write_spine(Path({str(spine)!r}), {rows})"
        )
        subprocess.run([sys.executable, "-c", script], check=True)
        return cls(history, spine, small)

    @property
    def arguments(self) -> list[str]:
        """The case as a child takes it."""
        assert self.small is not None
        return [str(path) for path in (self.history, self.spine, self.small.history, self.small.spine)]


def compare(folder: Path) -> None:
    """Assert that all contenders gave the same answers, to the bit."""
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in CONTENDERS}
    for name, table in tables.items():
        for feature in ["user", *FEATURES]:
            mine, theirs = table[feature].combine_chunks(), tables[PEER][feature].combine_chunks()
            assert mine.equals(theirs), f"{LABELS[name]} and {LABELS[PEER]} answer {feature} differently"


def race(case: Case, rounds: int, contenders: Sequence[str], folder: Path) -> dict[str, Run]:
    """The median seconds and the highest peak of every contender; the first round's answers are compared."""
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in contenders:
            runs[name].append(measure(name, case, str(folder / f"{name}.parquet") if number == 0 else ""))
        if number == 0 and set(contenders) == set(CONTENDERS):
            compare(folder)
    return {
        name: Run(median(r.seconds for r in taken), median(r.cpu for r in taken), max(r.peak for r in taken))
        for name, taken in runs.items()
    }


def report(found: dict[int, dict[str, Run]], rows: int) -> Table:
    """The figures as a table; ratios are to the peer, below one is faster or smaller."""
    table = Table(title=f"training: {rows:,} rows x {len(FEATURES)} features, answers equal to the bit")
    for column in ("events", "engine", "seconds", "CPU s", "peak MB", "time / peer", "CPU / peer", "rows/s"):
        table.add_column(column, justify="left" if column == "engine" else "right", no_wrap=True)
    for events, runs in found.items():
        for name, run in runs.items():
            over, over_cpu = run.seconds / runs[PEER].seconds, run.cpu / runs[PEER].cpu
            figures = [
                f"{run.seconds:.2f}",
                f"{run.cpu:.2f}",
                f"{run.peak / 1e6:,.0f}",
                f"{over:.2f}",
                f"{over_cpu:.2f}",
            ]
            table.add_row(f"{events / MILLION:g} M", LABELS[name], *figures, f"{rows / run.seconds:,.0f}")
        table.add_section()
    return table


def as_json(runs: dict[str, Run]) -> dict[str, dict[str, Any]]:
    """The figures of one size by contender."""
    return {
        name: {
            "seconds": round(run.seconds, 3),
            "cpu_seconds": round(run.cpu, 3),
            "peak_bytes": run.peak,
            "time_over_peer": round(run.seconds / runs[PEER].seconds, 3),
            "cpu_over_peer": round(run.cpu / runs[PEER].cpu, 3),
        }
        for name, run in runs.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, compare, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=float, nargs="+", default=[5.0], help="millions of events")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=6, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child:
        name, history, spine, small_history, small_spine, answers = asked.child
        child(name, history, spine, (small_history, small_spine), answers)
        return
    found: dict[int, dict[str, Run]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = Case.written(folder, 20_000, 2_000)
        for millions in asked.events:
            case = Case.written(folder, int(millions * MILLION), asked.rows, small)
            found[int(millions * MILLION)] = race(case, asked.rounds, CONTENDERS, folder)
            case.history.unlink()
    Console(width=100).print(report(found, asked.rows))
    figures = {str(events): as_json(runs) for events, runs in found.items()}
    write_results("training", {"rows": asked.rows, "rounds": asked.rounds, "events": figures})


if __name__ == "__main__":
    main()
