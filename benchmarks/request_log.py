"""What the request log costs a request: the online benchmark's service without a log, with 1 % and 100 % of its requests.

    python -m benchmarks.request_log

All contenders take turns on one server and the same keys, `.to_dict()` included, without a pause between two requests,
which is the worst for a thread that works beside them. What is left in a queue is written between the turns, so that
nobody pays for another's log. Beside the times, how many bytes a logged row takes and whether anything was dropped.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis
from rich.console import Console
from rich.table import Table

from benchmarks.online import SEED, Bench, fill
from benchmarks.online_data import END, Histories, registry
from benchmarks.server import HOST, server
from benchmarks.timing import Contender, Latency, take_turns, timed, write_results
from diptych.ground.instants import MINUTE
from diptych.serve.addresses import Addresses
from diptych.serve.reader import OnlineReader
from diptych.serve.requestlog.log import Options, RequestLog
from diptych.serve.stores.opening import open_store

LOGS = {
    "1 % of requests": Options(share=0.01),
    "100 % of requests": Options(),
    "1 % of entities": Options(share=0.01, by="entity"),
}


def contender(reader: OnlineReader, users: int, rows: int, calls: int) -> Contender:
    """Random users and a fresh instant on each call."""

    def turn(number: int) -> list[float]:
        draw = random.Random(f"{SEED}:{rows}:{number}")
        first = END + number * MINUTE
        requests = [
            (first + place * 997, [{"user": user} for user in draw.sample(range(users), rows)])
            for place in range(calls)
        ]
        spent = timed(lambda one: reader.get_online_features("profile", one[1], at=one[0]).to_dict(), requests)
        if reader.log is not None:
            reader.log.flush()
        return spent

    return turn


def show(console: Console, rows: int, found: dict[str, Latency]) -> dict[str, Any]:
    """Print the table of one number of entities; returns its figures."""
    table = Table(title=f"{rows} entities x 50 features", title_justify="left")
    for heading in ("", "p50 ms", "p99 ms", "p50 to none", "p99 to none"):
        table.add_column(heading, justify="left" if not heading else "right")
    none = found["no log"]
    figures: dict[str, Any] = {}
    for name, latency in found.items():
        ratio, tail = latency.over(none), latency.p99 / none.p99
        table.add_row(name, f"{latency.p50:.3f}", f"{latency.p99:.3f}", f"{ratio:.3f}", f"{tail:.3f}")
        figures[name] = {**latency.as_json(), "p50_to_none": round(ratio, 3), "p99_to_none": round(tail, 3)}
    console.print(table)
    return figures


def main(argv: Sequence[str] | None = None) -> None:
    """Fill, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=10)
    asked = parser.parse_args(argv)
    console = Console()
    with ExitStack() as stack:
        port = stack.enter_context(server())
        store = stack.enter_context(open_store(f"redis://{HOST}:{port}/0"))
        peer = stack.enter_context(redis.Redis(HOST, port))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="diptych-")))
        plan, addresses = registry(), Addresses("bench", "log")
        plain = OnlineReader(plan, addresses, store)
        bench = Bench(plan, addresses, plain, peer, asked.users)
        filled = fill(bench, store, Histories(asked.users, max(1, asked.users // 5_000)), console)
        logs = {name: RequestLog(folder / str(n), addresses, options) for n, (name, options) in enumerate(LOGS.items())}
        readers = {"no log": plain, "no log again": OnlineReader(plan, addresses, store)}
        readers |= {name: OnlineReader(plan, addresses, store, log=log) for name, log in logs.items()}
        figures: dict[str, Any] = {"users": asked.users, "states": filled}
        for rows, calls in ((1, 4_000), (100, 400)):
            turns = {name: contender(reader, asked.users, rows, calls) for name, reader in readers.items()}
            figures[str(rows)] = show(console, rows, take_turns(turns, asked.rounds))
        for name, log in logs.items():
            log.close()
            counted = log.counted()
            lost = sum(counted.dropped.values())
            size = counted.bytes / max(1, counted.rows)
            console.print(f"{name}: {counted.rows:,} rows, {size:,.0f} bytes each, {lost:,} requests dropped")
            figures[name] = counted.to_dict()
        console.print(f"written to {write_results('request_log', figures)}")


if __name__ == "__main__":
    main()
