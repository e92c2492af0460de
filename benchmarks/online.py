"""Online reads: 50 windowed features over 3 views for 1 and for 100 entities, beside floors and Feast, on one server.

    python -m benchmarks.online --feast-python PATH/TO/python

Random entities and a fresh instant on each call, no cache of results, `.to_dict()` included. Beside it, with the same
keys, a bare redis-py MGET; one packed vector of 50 x 8 bytes per entity as the floor of precomputed values; and Feast's
SDK. Before anything is timed, the answers for some users are compared with the judge's, out of their whole histories.
"""

import argparse
import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import redis
from rich.console import Console
from rich.table import Table

from benchmarks.online_data import CUT, END, Histories, registry
from benchmarks.server import HOST, server
from benchmarks.timing import Contender, Latency, take_turns, timed, write_results
from diptych.check.compare import compare
from diptych.ground.instants import MINUTE
from diptych.operate.backfill import Backfill, announce
from diptych.plan.nodes import Registry
from diptych.reference.judge import Judge
from diptych.serve.addresses import Addresses
from diptych.serve.ingest import Ingestor
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.opening import open_store
from diptych.serve.stores.valkey import ValkeyStore

SEED = 3
VECTOR = 50 * 8
CHECKED = 20
TARGETS = {"1": {"mget": 2.5, "feast": 4.0}, "100": {"mget": 2.5, "feast": 30.0}}
"""At most so many times a bare MGET, at least so many times as fast as Feast."""

Feast = Callable[[int, int], list[float]]


@dataclass(frozen=True)
class Bench:
    """A server full of states, and who reads it."""

    registry: Registry
    addresses: Addresses
    reader: OnlineReader
    peer: "redis.Redis[bytes]"
    users: int

    def keys(self, asked: Sequence[int]) -> list[bytes]:
        """The keys that the service reads for some users."""
        prefixes = [self.addresses.states(self.registry.view(role.view)) for role in self.registry.services[0].roles]
        return [b"%b%d:%d" % (prefix, len(str(user)), user) for prefix in prefixes for user in asked]

    def contenders(self, rows: int, calls: int, feast: Feast | None) -> dict[str, Contender]:
        """Who takes part for ``rows`` entities; all draw the same users in a round."""

        def users(number: int) -> list[list[int]]:
            draw = random.Random(f"{SEED}:{rows}:{number}")
            return [draw.sample(range(self.users), rows) for _ in range(calls)]

        def diptych(number: int) -> list[float]:
            first = END + number * MINUTE
            return timed(
                lambda request: self.reader.get_online_features("profile", request[1], at=request[0]).to_dict(),
                [
                    (first + place * 997, [{"user": user} for user in asked])
                    for place, asked in enumerate(users(number))
                ],
            )

        def mget(number: int) -> list[float]:
            return timed(self.peer.mget, [self.keys(asked) for asked in users(number)])

        def vector(number: int) -> list[float]:
            return timed(self.peer.mget, [[b"vector:%d" % user for user in asked] for asked in users(number)])

        contenders: dict[str, Contender] = {"diptych": diptych, "mget": mget, "vector": vector}
        if feast is not None:
            contenders["feast"] = lambda number: feast(rows, calls)
        return contenders


def fill(bench: Bench, store: ValkeyStore, histories: Histories, console: Console) -> dict[str, Any]:
    """Backfill what was known before the cut, ingest the rest, and write the vectors; returns figures of the states."""
    ingestor = Ingestor(bench.registry, bench.addresses, store, replay=True)
    total = {"backfilled": 0, "ingested": 0, "folds": 0}
    for view in bench.registry.views:
        announce(store, bench.addresses, view)
        done = Backfill(histories, store, bench.addresses, view, CUT, histories.buckets).run()
        console.print(f"  {view.name}: {done.events:,} events folded into {done.seeded:,} states, {done.seconds:.1f} s")
        total["backfilled"] += done.events
    for source in bench.registry.sources:
        table = histories.since(source.name, CUT)
        for start in range(0, table.num_rows, 10_000):
            pushed = ingestor.push(source.name, table.slice(start, 10_000))
            total["ingested"] += pushed.events
            total["folds"] += pushed.folds
    console.print(f"  {total['ingested']:,} later events ingested, {total['folds']:,} folds")
    pipeline = bench.peer.pipeline(transaction=False)
    for user in range(bench.users):
        pipeline.set(b"vector:%d" % user, random.Random(user).randbytes(VECTOR))
    pipeline.execute()
    sample = random.Random(SEED).sample(range(bench.users), min(bench.users, 2_000))
    lengths = np.array(store.lengths(bench.keys(sample)))
    return total | {"mean_state_bytes": float(lengths.mean()), "absent_share": float((lengths == 0).mean())}


def check(bench: Bench, histories: Histories) -> int:
    """Compare the answers for some users with the judge's; returns how many values, raises where one differs."""
    compared = 0
    draw = random.Random(SEED)
    users = draw.sample(range(bench.users), min(CHECKED, bench.users))
    t = END + draw.randrange(MINUTE)
    answer = bench.reader.get_online_features("profile", [{"user": user} for user in users], at=t).to_dict()
    for view in bench.registry.views:
        judges = [Judge(view, histories.of_user(view.source.name, user).to_pylist()) for user in users]
        judged = [judge.answers((user,), t) for judge, user in zip(judges, users, strict=True)]
        for feature in view.features:
            right = [answers[feature.name] for answers in judged]
            differences = compare(
                feature,
                answer[f"{view.name}__{feature.name}"],
                [one.value for one in right],
                keys=[(user,) for user in users],
                instants=[t] * len(users),
                magnitude=np.array([one.magnitude for one in right]),
            )
            if differences:
                raise SystemExit(f"{view.name}: the answers differ from the judge's: {differences[:3]}")
            compared += len(users)
    return compared


@contextmanager
def feast_peer(python: str, port: int, users: int) -> Iterator[Feast]:
    """Feast in an environment of its own, measuring on demand: (rows, calls) to milliseconds."""
    command = [python, str(Path(__file__).with_name("feast_peer.py")), f"{HOST}:{port}", "--entities", str(users)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def ask(rows: int, calls: int) -> list[float]:
            questions.write(f"{rows} {calls}\n")
            questions.flush()
            taken: list[float] = json.loads(answers.readline())
            return taken

        if not answers.readline():
            raise SystemExit(f"the Feast peer ended with code {process.wait()}: run {' '.join(command)} to see why")
        yield ask
        questions.close()


def show(console: Console, rows: str, found: dict[str, Latency]) -> dict[str, Any]:
    """Print the table of one number of entities; returns its figures."""
    names = {
        "diptych": "Diptych, windows at t",
        "mget": "redis-py MGET, same keys",
        "vector": "redis-py MGET, packed vectors",
        "feast": "Feast SDK, precomputed",
    }
    table = Table(title=f"{rows} entities x 50 features", title_justify="left")
    for heading in ("", "p50 ms", "p99 ms", "to MGET", "to Diptych"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, latency in found.items():
        to_mget, to_us = latency.over(found["mget"]), latency.over(found["diptych"])
        table.add_row(names[name], f"{latency.p50:.3f}", f"{latency.p99:.3f}", f"{to_mget:.2f}", f"{to_us:.2f}")
    console.print(table)
    ratio = found["diptych"].over(found["mget"])
    figures: dict[str, Any] = {name: latency.as_json() for name, latency in found.items()}
    figures["diptych_to_mget"] = round(ratio, 3)
    pooled = found["diptych"].p50 / found["mget"].p50
    figures["diptych_to_mget_of_p50s"] = round(pooled, 3)
    figures["mget_target_met"] = max(ratio, pooled) <= TARGETS[rows]["mget"]
    if "feast" in found:
        figures["feast_to_diptych"] = round(found["feast"].over(found["diptych"]), 2)
        figures["feast_target_met"] = figures["feast_to_diptych"] >= TARGETS[rows]["feast"]
    return figures


def main(argv: Sequence[str] | None = None) -> None:
    """Fill, check, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--feast-python",
        default=os.environ.get("FEAST_PYTHON"),
        help="the python of an environment with Feast (default: $FEAST_PYTHON); without one Feast is left out",
    )
    asked = parser.parse_args(argv)
    console = Console()
    with ExitStack() as stack:
        port = stack.enter_context(server())
        store = stack.enter_context(open_store(f"redis://{HOST}:{port}/0"))
        peer = stack.enter_context(redis.Redis(HOST, port))
        plan, addresses = registry(), Addresses("bench", "online")
        bench = Bench(plan, addresses, OnlineReader(plan, addresses, store), peer, asked.users)
        histories = Histories(asked.users, max(1, asked.users // 5_000))
        console.print(f"[bold]Online reads[/]: {asked.users:,} users, 30 to 200 events each in 30 days")
        figures = fill(bench, store, histories, console)
        figures["values_compared_with_judge"] = check(bench, histories)
        console.print(f"  {figures['values_compared_with_judge']:,} values equal the judge's")
        feast = None
        if asked.feast_python:
            console.print("  Feast writes its precomputed values ...")
            feast = stack.enter_context(feast_peer(asked.feast_python, port, asked.users))
        for rows, calls in ((1, 100), (100, 20)):
            found = take_turns(bench.contenders(rows, calls, feast), asked.rounds)
            figures[str(rows)] = show(console, str(rows), found)
    console.print(f"written to {write_results('online', {'users': asked.users, 'rounds': asked.rounds, **figures})}")


if __name__ == "__main__":
    main()
