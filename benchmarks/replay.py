"""The year's replay: every flight out of New York in 2013 streamed, real requests asked and logged, the log replayed.

    python -m benchmarks.replay [--requests N]

What was known before the first two weeks are over is backfilled; the rest of the year, with late and repeated deliveries
by seed, streams through ingestion in the order in which it became known. On the way flights are asked about at their
own scheduled departures, with the request log on, and a board of the airports beside them. Then the log is replayed:
compiled SQL recomputes every value from history. Ends with an error where one differs. Time and peak memory of this
process are printed phase by phase; the server's are not in them.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.timing import write_results
from diptych.check.deliveries import Deliveries, Injection, deliver, instants_of, recorded
from diptych.check.findings import Findings
from diptych.check.questions import INSTANT
from diptych.check.replay.replay import Replay
from diptych.demo.history import write_flight_history
from diptych.demo.requests import flight_requests
from diptych.ground.instants import DAY, HOUR, MINUTE, instant
from diptych.operate.rollout.rollout import LEAD, Rollout
from diptych.plan.loading import load_registry
from diptych.plan.nodes import Registry
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.history import TableHistory
from diptych.run.location import Files, Location
from diptych.serve.addresses import Addresses
from diptych.serve.consume import Consumer
from diptych.serve.folding import Folder
from diptych.serve.ingest import Ingestor
from diptych.serve.manifest import Manifests
from diptych.serve.reader import OnlineReader
from diptych.serve.requestlog.log import RequestLog
from diptych.serve.stores.opening import open_store
from diptych.serve.stores.valkey import ValkeyStore
from diptych.serve.stream import TableStream

ROOT = Path(__file__).parents[1]
CUT = instant(datetime(2013, 1, 15))
END = instant(datetime(2014, 1, 2))
SEED = 2013
SERVICES = {"late_arrival": ("origin", "dest", "carrier", "tailnum", "distance"), "ramp_board": ("origin", "carrier")}


@dataclass
class Phases:
    """What each phase took: seconds, seconds of processor (of this process), and the most memory in it, megabytes."""

    console: Console
    found: dict[str, dict[str, float]] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure one."""
        _forget_peak()
        begun, cpu = time.perf_counter(), time.process_time()
        yield
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        found = {"seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1), "peak_mb": round(_peak() / 1e6)}
        self.found[name] = found
        self.console.print(
            f"  {name}: {seconds:.1f} s ({cpu:.1f} s of processor), peak {found['peak_mb']:.0f} MB", highlight=False
        )


def _forget_peak() -> None:
    """Begin a new peak where the system can; elsewhere peaks only grow."""
    refs = Path("/proc/self/clear_refs")
    if refs.exists():
        refs.write_text("5")


def _peak() -> float:
    """The most memory since then, bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


@dataclass(frozen=True)
class Year:
    """The definitions, what is delivered of each source, and the requests in the order of time."""

    registry: Registry
    deliveries: Mapping[str, Deliveries]
    requests: pa.Table
    instants: npt.NDArray[np.int64]

    @classmethod
    def of(cls, folder: Path, requests: int) -> "Year":
        """Read the flights, and make deliveries and requests of them by seed."""
        history = write_flight_history(folder)
        registry = recorded(load_registry(ROOT).registry)
        paths = {
            "departures": history.departures,
            "landings": history.landings,
            "aircraft": history.planes,
            "weather": history.weather,
        }
        injection = Injection(seed=SEED)
        deliveries = {s.name: deliver(s, pq.read_table(paths[s.name]), injection) for s in registry.sources}
        asked = flight_requests(history.schedule, CUT, END, requests, SEED)
        instants = instants_of(asked, INSTANT)
        order = np.argsort(instants, kind="stable")
        return cls(registry, deliveries, asked.take(pa.array(order)), instants[order])


def fill(year: Year, store: ValkeyStore, addresses: Addresses) -> int:
    """Publish, and backfill what was known before the cut; returns the events."""
    history = TableHistory({name: delivered.table for name, delivered in year.deliveries.items()})
    rollout = Rollout(Manifests(store, addresses), history, clock=lambda: CUT - LEAD, pause=lambda _: None)
    applied = rollout.apply(rollout.propose(year.registry), cut=CUT)
    return sum(filled.events for _, filled in applied.filled)


def stream_and_ask(year: Year, store: ValkeyStore, addresses: Addresses, log: RequestLog) -> tuple[int, int]:
    """Half a day after the other: what became known, then its requests; returns events and requests."""
    step = 12 * HOUR
    folder = Folder(store, addresses, fold_lag=step + MINUTE)
    ingestor = Ingestor(year.registry, addresses, store, replay=True, folder=folder)
    reader = OnlineReader(year.registry, addresses, store, log=log)
    streams = {
        name: TableStream("year", each.between(CUT, END), each.source.known_at or "")
        for name, each in year.deliveries.items()
        if each.source.timestamp is not None
    }
    events = asked = done = 0
    for end in range(CUT + step, END + step, step):
        for name, stream in streams.items():
            events += Consumer(ingestor, name, stream.before(end)).run().events
        last = int(np.searchsorted(year.instants, end))
        while done < last:
            stop = int(np.searchsorted(year.instants, year.instants[done], side="right"))
            rows = year.requests.slice(done, stop - done)
            for service, columns in SERVICES.items():
                at = int(year.instants[done])
                reader.get_online_features(service, rows.select(list(columns)).to_pylist(), at=at).to_dict()
                asked += 1
            done = stop
    return events, asked


def replay(year: Year, root: Path, histories: Mapping[str, Location]) -> Findings:
    """Recompute the log's every value."""
    return Replay(root, year.registry, histories, DuckDBEngine(), time.monotonic).run(END + DAY)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the year, print, write; exits with 1 where a value differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=15_000, help="flights that are asked about (of 336,776)")
    asked = parser.parse_args(argv)
    console = Console()
    phases = Phases(console)
    addresses = Addresses("bench", "year")
    with tempfile.TemporaryDirectory(prefix="diptych-") as scratch:
        folder = Path(scratch)
        with open_store(folder=folder / "server", append_only=False) as store:
            with phases.phase("read the flights"):
                year = Year.of(ROOT / "data" / "flights", asked.requests)
            with phases.phase("backfill two weeks"):
                backfilled = fill(year, store, addresses)
            log = RequestLog(folder / "log", addresses)
            with phases.phase("stream the year and ask"):
                streamed, calls = stream_and_ask(year, store, addresses, log)
                log.close()
        histories: dict[str, Location] = {}
        for name, delivered in year.deliveries.items():
            pq.write_table(delivered.table, folder / f"{name}.parquet")
            histories[name] = Files(str(folder / f"{name}.parquet"))
        year = Year(year.registry, {}, year.requests.slice(0, 0), year.instants[:0])
        with phases.phase("replay the log"):
            found = replay(year, folder / "log", histories)
        counted = log.counted()
    show(console, found, phases)
    figures: dict[str, Any] = {
        "events": {"backfilled": backfilled, "streamed": streamed},
        "requests": calls,
        "log": counted.to_dict(),
        "compared": found.compared,
        "mismatches": found.mismatches,
        "phases": phases.found,
    }
    console.print(f"{streamed:,} events streamed, {calls:,} requests asked, {counted.bytes / 1e6:.1f} MB of log")
    console.print(f"written to {write_results('replay', figures)}")
    console.print(f"[bold]{found.compared:,} values compared, {found.mismatches:,} mismatches[/]")
    raise SystemExit(1 if found.mismatches or sum(counted.dropped.values()) or not found.compared else 0)


def show(console: Console, found: Findings, phases: Phases) -> None:
    """Print what was compared and what it took."""
    table = Table(box=None, padding=(0, 2, 0, 1))
    for header in ("service", "rows", "values", "differ"):
        table.add_column(header, justify="left" if header == "service" else "right")
    for service in found.facts["services"]:
        outputs = [output for output in found.outputs if output.service == service["service"]]
        counts = (service["compared"], sum(o.compared for o in outputs), sum(o.mismatches for o in outputs))
        table.add_row(service["service"], *(f"{count:,}" for count in counts))
    console.print(table)
    for output in found.outputs:
        for example in output.examples[:1]:
            console.print(f"  {output.service}: {output.output}: {output.mismatches:,} differ, like {example}")
    total = sum(phase["seconds"] for phase in phases.found.values())
    console.print(f"{total:.0f} s in all, peak {max(phase['peak_mb'] for phase in phases.found.values()):.0f} MB")


if __name__ == "__main__":
    main()
