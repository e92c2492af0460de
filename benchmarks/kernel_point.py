"""What a read and a fold cost without any store: one view of 17 windowed features, random states, a fresh instant.

    python -m benchmarks.kernel_point

Prints microseconds per call, the best and the median of many; the machine should be otherwise idle.
"""

import time
from collections.abc import Callable

import numpy as np

from diptych.compile.online import Program, fold, fold_sorted, pack, read, warm_up
from diptych.ground.expression import Literal, Op
from diptych.ground.instants import DAY, HOUR, MINUTE
from diptych.ground.values import Bool, Int64, String
from diptych.kernel.places import HEADER_WORDS
from diptych.plan.nodes import Kind, View, Window
from diptych.rows.values import Values
from diptych.testing.build import Building, call, column, mean, rate, since, source, std

SOURCE = source({"amount": Int64(ge=-200, le=2000), "shop": String(8)}, event_id=True)
WINDOWS = (Window(HOUR, 5 * MINUTE), Window(6 * HOUR, HOUR), Window(DAY, HOUR))
NOW = 400 * DAY


def seventeen_features() -> View:
    """Counts, shares, means and deviations over three windows, recency, last, extremes, sums."""
    building = Building(SOURCE, {})
    amount, shop = column(SOURCE, "amount"), column(SOURCE, "shop")
    large = call(Op.GT, amount, Literal(1000, Int64()), type_=Bool())
    for number, window in enumerate(WINDOWS):
        building.feature(f"count_{number}", building.reduce(Kind.COUNT, window))
        building.feature(f"large_{number}", building.reduce(Kind.COUNT, window, None, large))
        building.feature(f"mean_{number}", mean(building, amount, window))
        building.feature(f"rate_{number}", rate(building, large, window))
    building.feature("std", std(building, amount, WINDOWS[2]))
    building.feature("recency", since(building, Kind.MAX))
    building.feature("last", building.reduce(Kind.LAST, Window(), shop))
    building.feature("max", building.reduce(Kind.MAX, WINDOWS[2], amount))
    building.feature("sum", building.reduce(Kind.SUM, Window(), amount))
    return building.view()


def raw_records(program: Program, rng: np.random.Generator, count: int, span: int) -> np.ndarray:
    """Records of one entity over the last ``span`` microseconds."""
    ts = np.sort(rng.integers(NOW - span, NOW, count))
    amount = rng.integers(-200, 2000, count)
    shops = np.array([f"shop{number}".encode() for number in rng.integers(0, 20, count)], dtype="S8")
    known = np.ones(count, dtype=np.bool_)
    columns = {"amount": Values(amount, known), "shop": Values(shops, known), "at": Values(ts, known)}
    inputs = [columns[getattr(expression, "name", "")] for expression in program.view.inputs]
    return pack(program.layout, ts, ts, rng.integers(0, 2**62, count), inputs, [amount > 1000])


def measure(name: str, work: Callable[[], object], times: int) -> float:
    """Prints the best and the median time of a call in microseconds; returns the median."""
    for _ in range(min(times, 50)):
        work()
    spent = []
    for _ in range(times):
        begun = time.perf_counter_ns()
        work()
        spent.append((time.perf_counter_ns() - begun) / 1e3)
    print(f"{name:44} best {min(spent):9.1f} us   median {np.median(spent):9.1f} us")
    return float(np.median(spent))


def main() -> None:
    """Runs everything."""
    begun = time.perf_counter()
    warm_up()
    print(f"warm up: {time.perf_counter() - begun:.2f} s")
    program, rng = Program.of(seventeen_features()), np.random.default_rng(7)
    raw = [raw_records(program, rng, 150, DAY).tobytes() for _ in range(100)]
    long = raw_records(program, rng, 2_000, 4 * DAY)
    folded = fold(program, long.tobytes(), now=NOW, fold_lag=MINUTE, oldest_commit=None, generation=1)
    assert folded is not None
    print(
        f"{len(program.features)} features; record {program.layout.record_bytes} B, tile {program.layout.tile_bytes} B"
    )
    print(f"a folded state: {folded.tiles} tiles, {folded.records} records, {len(folded.state)} of {long.nbytes} B")
    one, many = np.array([NOW]), np.full(100, NOW)
    measure("read, 1 entity, 150 raw records", lambda: read(program, raw[:1], one), 3_000)
    measure("read, 1 entity, folded", lambda: read(program, [folded.state], one), 3_000)
    measure("read, 1 unseen entity", lambda: read(program, [None], one), 3_000)
    measure("read, 100 entities, 150 raw records each", lambda: read(program, raw, many), 500)
    measure("read, 100 entities, folded", lambda: read(program, [folded.state] * 100, many), 500)
    answers = read(program, raw, many)
    alone = read(program, raw[:1], one)
    measure("Python values of 1 entity", alone.lists, 2_000)
    measure("Python values of 100 entities", answers.lists, 500)
    measure(
        "fold of 2,000 records",
        lambda: fold(program, long.tobytes(), now=NOW, fold_lag=MINUTE, oldest_commit=None, generation=1),
        200,
    )
    entities = 20_000
    records = np.concatenate([raw_records(program, rng, 20, 4 * DAY) for _ in range(200)] * (entities // 200))
    offsets = np.arange(entities + 1) * 20
    spent = measure(
        f"seeds of {entities:,} entities of 20 records",
        lambda: fold_sorted(
            program,
            records,
            offsets,
            now=NOW,
            fold_lag=0,
            oldest_commit=None,
            generations=np.arange(entities),
            seed=1,
        ),
        5,
    )
    print(f"{entities / spent * 1e6:,.0f} entities a second; header {8 * HEADER_WORDS} B")


if __name__ == "__main__":
    main()
