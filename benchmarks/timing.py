"""Rounds of measurements in which all contenders take turns, so that what else the machine does meets them alike."""

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"

Contender = Callable[[int], Sequence[float]]
"""Takes the number of the round and gives the milliseconds of each of its calls."""


@dataclass(frozen=True, slots=True)
class Latency:
    """What the calls of one contender took, milliseconds; ``rounds`` holds the median of each round."""

    p50: float
    p99: float
    rounds: tuple[float, ...]

    def over(self, floor: "Latency") -> float:
        """How many times as long as another's, the median over the rounds of the ratio within a round."""
        return median(mine / other for mine, other in zip(self.rounds, floor.rounds, strict=True))

    def as_json(self) -> dict[str, float]:
        """Percentiles by name, milliseconds."""
        return {"p50_ms": round(self.p50, 4), "p99_ms": round(self.p99, 4)}


def take_turns(contenders: Mapping[str, Contender], rounds: int) -> dict[str, Latency]:
    """Every contender once per round, another one first each time; the first round warms up and is left out."""
    names = list(contenders)
    taken: dict[str, list[Sequence[float]]] = {name: [] for name in names}
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            spent = contenders[name](number)
            if number:
                taken[name].append(spent)
    return {name: _latency(spent) for name, spent in taken.items()}


def timed(call: Callable[[Any], object], requests: Sequence[Any]) -> list[float]:
    """Milliseconds of a call for each request."""
    spent = []
    for request in requests:
        begun = time.perf_counter_ns()
        call(request)
        spent.append((time.perf_counter_ns() - begun) / 1e6)
    return spent


def write_results(name: str, figures: Mapping[str, Any]) -> Path:
    """Write the figures of a benchmark, with what machine they come from, to ``results/NAME.json``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    machine = {"python": platform.python_version(), "processor": platform.machine(), "system": platform.system()}
    path.write_text(json.dumps({"benchmark": name, "machine": machine, **figures}, indent=2) + "\n", "utf-8")
    return path


def _latency(rounds: Sequence[Sequence[float]]) -> Latency:
    everything = np.concatenate([np.asarray(spent) for spent in rounds])
    p50, p99 = np.percentile(everything, [50, 99])
    return Latency(float(p50), float(p99), tuple(float(np.median(spent)) for spent in rounds))
