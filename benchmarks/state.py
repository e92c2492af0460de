"""State: bytes per entity and per feature of folded states, beside a Redis hash and packed tiles, and the time of a fold.

    python -m benchmarks.state

Entities of 5, 50 and 200 events a day over 30 days, in sessions, for views of 18 and of 44 features. Every layout holds
what is needed for the same windows, and is written to a real server, whose ``MEMORY USAGE`` is shown with all overhead:

- raw: every event as its record, what blind appends leave;
- folded: Diptych's state: tiles that coarsen with age, and raw records where they are shorter than tiles;
- packed tiles: one string per entity of the same tiles, the raw records made tiles of the finest hop as well;
- hash: the packed tiles as a hash, a field for each tile and aggregate that was seen in it (``start:aggregate``).

A folded state can do what tiles alone cannot: it drops repeats and is appended to blindly. Before anything is counted,
the answers of the folded states are compared with those of the raw ones.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import redis
from rich.console import Console
from rich.table import Table

import diptych as dt
from benchmarks.server import HOST, server
from benchmarks.timing import write_results
from diptych.admit.door import check
from diptych.admit.project import project
from diptych.compile.online import Program, fold_sorted, pack, read
from diptych.compile.online.layout import Reducer, partial_words
from diptych.compile.online.records import flag_place
from diptych.declare.project import Project
from diptych.ground.instants import DAY, MINUTE
from diptych.kernel import places as k
from diptych.plan.resolve import resolve

SEED = 9
START = 1_700_000_000_000_000
END = START + 30 * DAY
RATES = (5, 50, 200)
LAYOUTS = ("raw", "folded", "packed tiles", "hash")

user = dt.Entity("user", keys={"user": dt.Int64()})
events = dt.EventSource(
    "events",
    timestamp="at",
    event_id="event_id",
    columns={
        "event_id": dt.Int64(),
        "user": dt.Int64(),
        "at": dt.Timestamp(),
        "amount": dt.Int64(ge=0, le=5_000_000),
        "fee": dt.Float64(),
        "declined": dt.Bool(),
    },
)

NARROW = [
    dt.count(windows=["1h", "24h", "7d", "30d"]),
    dt.sum("amount", windows=["24h", "7d", "30d"]),
    dt.mean("amount", windows=["24h", "7d", "30d"]),
    dt.max("amount", windows=["24h", "7d", "30d"]),
    dt.count(where="declined", windows=["24h", "7d"], name="declined"),
    dt.std("fee", windows=["30d"]),
    dt.last("amount"),
    dt.recency(),
]
WIDE = [
    dt.count(windows=["10m", "1h", "6h", "24h", "3d", "7d", "30d"]),
    dt.sum("amount", windows=["1h", "6h", "24h", "3d", "7d", "30d"]),
    dt.mean("amount", windows=["1h", "6h", "24h", "3d", "7d", "30d"]),
    dt.max("amount", windows=["1h", "24h", "3d", "7d", "30d"]),
    dt.min("amount", windows=["1h", "24h", "3d", "7d", "30d"]),
    dt.std("fee", windows=["24h", "3d", "7d", "30d"]),
    dt.count(where="declined", windows=["1h", "24h", "3d", "7d", "30d"], name="declined"),
    dt.rate("declined", windows=["24h", "7d", "30d"], name="declined_share"),
    dt.last("amount"),
    dt.last("fee"),
    dt.recency(),
]


@dataclass(frozen=True)
class States:
    """The states of some entities of one rate: raw and folded words, and where each entity's begin."""

    program: Program
    raw: list[bytes]
    folded: list[bytes]
    microseconds_per_event: float


def program_of(features: Sequence[Any]) -> Program:
    """The program of a view with these features."""
    view = dt.FeatureView("profile", entity=user, on={"user": "user"}, source=events, features=list(features))
    return Program.of(resolve([view], Project("bench", ("benchmarks",))).views[0])


def history(rate: int, entities: int) -> pa.Table:
    """Events of ``entities`` entities, entity after entity, about every third of them beginning a session."""
    draw = np.random.default_rng([SEED, rate])
    counts = np.maximum(draw.poisson(30 * rate, entities), 1)
    count = int(counts.sum())
    begins = draw.random(count) < 0.35
    begins[np.concatenate([[0], np.cumsum(counts)[:-1]])] = True
    session = np.maximum.accumulate(np.where(begins, np.arange(count), 0))
    later = np.where(begins, 0, draw.exponential(4 * MINUTE, count)).astype(np.int64)
    at = np.minimum(draw.integers(START, END, count)[session] + later, END - 1)
    columns = {
        "event_id": np.arange(count),
        "user": np.repeat(np.arange(entities), counts),
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "amount": np.minimum(draw.lognormal(8, 1.2, count), 5e6).astype(np.int64),
        "fee": draw.gamma(2.0, 1.5, count),
        "declined": draw.random(count) < 0.06,
    }
    return pa.table(columns)


def states(program: Program, table: pa.Table, entities: int, repeat: int = 5) -> States:
    """Raw and folded states; the fold is timed, the best of some repetitions after one that compiles."""
    found = project(program.view, check(program.view.source, table))
    assert found.id_hash is not None
    records = pack(program.layout, found.ts, found.known_at, found.id_hash, found.inputs, found.conditions)
    offsets = np.searchsorted(found.key[0].data, np.arange(entities + 1))
    generations = np.random.default_rng(SEED).integers(1, 2**62, entities)
    spent = []
    for _ in range(repeat + 1):
        begun = time.perf_counter()
        seeds = fold_sorted(
            program, records, offsets, now=END, fold_lag=0, oldest_commit=None, generations=generations, seed=1
        )
        spent.append(time.perf_counter() - begun)
    raw = [records[begin:end].tobytes() for begin, end in zip(offsets, offsets[1:], strict=False)]
    return States(program, raw, seeds.states(), 1e6 * min(spent[1:]) / len(records))


def check_answers(found: States) -> None:
    """Raise unless folded and raw states answer alike just after the end."""
    instants = np.full(len(found.raw), END + MINUTE, np.int64)
    one, other = (read(found.program, each, instants).lists() for each in (found.raw, found.folded))
    for answer, left, right in zip(found.program.features, one, other, strict=True):
        for a, b in zip(left, right, strict=True):
            if a != b and not (isinstance(a, float) and isinstance(b, float) and abs(a - b) <= 1e-9 * max(1, abs(a))):
                raise SystemExit(f"{answer.name}: {a} out of raw records, {b} out of the folded state")


def tiles_of(program: Program, state: bytes) -> npt.NDArray[np.int64]:
    """(tiles, words) of a folded state, its raw records as tiles of the finest hop: their bytes, not their partials."""
    words, layout = np.frombuffer(state, np.int64), program.layout
    count = int(words[k.HEADER_SHAPE]) & 0xFFFFFFFF
    first = k.HEADER_WORDS + count * layout.tile_words
    tiles = words[k.HEADER_WORDS : first].reshape(count, layout.tile_words)
    raw = words[first:].reshape(-1, layout.record_words)
    raw = raw[(raw[:, k.FLAGS] & k.COUNTED) == 0]
    hop = min(hop for _, hop in layout.hops)
    starts, owners = np.unique(raw[:, k.TS] // hop * hop, return_inverse=True)
    fresh = np.zeros((len(starts), layout.tile_words), np.int64)
    fresh[:, k.TILE_START], fresh[:, k.TILE_SIZE] = starts, hop
    for bit, (_, reducer, _) in enumerate(tiled_of(program)):
        entered = np.bincount(owners[taken(program, reducer, raw)], minlength=len(starts)) > 0
        fresh[:, k.TILE_SEEN + bit // 64] |= entered.astype(np.int64) << (bit % 64)
    return np.concatenate([tiles, fresh])


def taken(program: Program, reducer: Reducer, raw: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which records a reducer takes: those whose condition is true and whose input is not null."""
    layout = program.layout
    flags = [] if reducer.where is None else [layout.conditions[reducer.where]]
    if reducer.input is not None and layout.inputs[reducer.input].flag is not None:
        flags.append(layout.inputs[reducer.input].flag)
    mask = np.int64(sum(1 << flag_place(flag)[1] for flag in flags))
    found: npt.NDArray[np.bool_] = (raw[:, k.FLAGS] & mask) == mask
    return found


def tiled_of(program: Program) -> list[tuple[int, Reducer, int]]:
    """(number, reducer, place of its partial in a tile) of the reducers that tiles serve."""
    numbered = enumerate(zip(program.layout.reducers, program.layout.partials, strict=True))
    return [(number, reducer, at) for number, (reducer, at) in numbered if at >= 0]


def fields_of(program: Program, tiles: npt.NDArray[np.int64]) -> dict[bytes, bytes]:
    """A field for each aggregate that some event of a tile went into, its partial as the value."""
    layout, fields = program.layout, {}
    for tile in tiles:
        for bit, (number, reducer, at) in enumerate(tiled_of(program)):
            if tile[k.TILE_SEEN + bit // 64] >> (bit % 64) & 1:
                value = tile[at : at + partial_words(layout.inputs, reducer)]
                fields[b"%d:%d" % (tile[k.TILE_START] // 1_000_000, number)] = value.tobytes()
    return fields


def memory(peer: "redis.Redis[bytes]", found: States) -> dict[str, float]:
    """Bytes of server memory per entity in each layout."""
    tiles = [tiles_of(found.program, state) for state in found.folded]
    peer.flushdb()
    for number, (raw, folded, packed) in enumerate(zip(found.raw, found.folded, tiles, strict=True)):
        peer.set(f"raw:{number}", raw)
        peer.set(f"folded:{number}", folded)
        peer.set(f"packed tiles:{number}", packed.tobytes())
        peer.hset(f"hash:{number}", mapping=fields_of(found.program, packed))
    return {
        layout: float(np.mean([peer.memory_usage(f"{layout}:{number}", samples=0) for number in range(len(tiles))]))
        for layout in LAYOUTS
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Make, check, write to a server, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=int, default=40, help="entities of each rate")
    asked = parser.parse_args(argv)
    console = Console()
    table = Table(title="Bytes of server memory per entity (per feature)", title_justify="left")
    for heading in ("features", "events/day", *LAYOUTS, "hash / folded", "packed / folded", "fold, us/event"):
        table.add_column(heading, justify="right")
    figures = []
    with server() as port, redis.Redis(HOST, port) as peer:
        for features in (NARROW, WIDE):
            program = program_of(features)
            for rate in RATES:
                found = states(program, history(rate, asked.entities), asked.entities)
                check_answers(found)
                spent, width = memory(peer, found), len(program.features)
                shown = [f"{spent[layout]:,.0f} ({spent[layout] / width:,.0f})" for layout in LAYOUTS]
                ratios = {layout: spent[layout] / spent["folded"] for layout in LAYOUTS}
                table.add_row(
                    str(width),
                    str(rate),
                    *shown,
                    f"{ratios['hash']:.1f}",
                    f"{ratios['packed tiles']:.2f}",
                    f"{found.microseconds_per_event:.2f}",
                )
                figures.append(
                    {
                        "features": width,
                        "events_per_day": rate,
                        "bytes_per_entity": {layout: round(spent[layout]) for layout in LAYOUTS},
                        "bytes_per_feature": {layout: round(spent[layout] / width, 1) for layout in LAYOUTS},
                        "to_folded": {layout: round(ratio, 3) for layout, ratio in ratios.items()},
                        "fold_microseconds_per_event": round(found.microseconds_per_event, 3),
                    }
                )
    console.print(table)
    console.print(f"written to {write_results('state', {'entities': asked.entities, 'states': figures})}")


if __name__ == "__main__":
    main()
