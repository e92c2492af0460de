"""The judge's part of a comparison: a seeded sample of requests, answered by the reference interpreter as well.

The judge goes through an entity's whole history for every question, so the sample prefers entities whose histories
fit a budget of rows; hot ones come in until it is spent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from diptych.check.past import of_entity
from diptych.plan.nodes import Registry, Service
from diptych.reference import Answer, Judge

ROWS = 60_000
"""Rows of history that the judge reads in one sample of one service, at most."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The judge's answer to one output of one request row, and what online said."""

    output: str
    row: int
    key: tuple[Any, ...]
    answer: Answer
    online: Any
    status: str


def judge_sample(
    registry: Registry,
    service: Service,
    requests: pa.Table,
    instants: npt.NDArray[np.int64],
    histories: Mapping[str, pa.Table],
    online: pa.Table,
    size: int,
    seed: int,
) -> list[Judged]:
    """The judge's answers to about ``size`` request rows of every role; fewer where histories are long."""
    rng = np.random.default_rng([seed, *service.name.encode()])
    budget = ROWS
    found: list[Judged] = []
    for role in service.roles:
        view = registry.view(role.view)
        if not set(view.on) <= set(histories[view.source.name].column_names):
            continue
        outputs = [output for output in service.outputs if output.role == role.name]
        share = budget // len(service.roles)
        for row in rng.permutation(len(instants))[:size].tolist():
            key = [requests[column][row].as_py() for column in role.on]
            history = of_entity(view, histories[view.source.name], key)
            if len(history) > share:
                continue
            share -= len(history)
            answers = Judge(view, history.to_pylist()).answers(key, int(instants[row]))
            found += [
                Judged(
                    output.name,
                    row,
                    tuple(key),
                    answers[output.feature],
                    online[output.name][row].as_py(),
                    online[f"{output.name}__status"][row].as_py(),
                )
                for output in outputs
            ]
    return found
