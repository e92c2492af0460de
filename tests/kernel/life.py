"""The life of one entity's state: appends, copies, redelivery, folds, and reads that are held against the judge.

Time runs in small units so that every boundary is met often. A planted fault is a subclass of ``Entity`` that
overrides one step.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diptych.compile.online import Folded, Program, fold, horizon_of, read
from diptych.ground.expression import Literal as Lit
from diptych.ground.expression import Op
from diptych.ground.values import Bool, Float64, Int64, String
from diptych.plan.nodes import Kind, View, Window
from diptych.reference import Judge
from diptych.testing.build import Building, call, column, mean, since, source, std
from diptych.testing.conformance import Question, agree
from tests.kernel.states import STATUSES, events_of, records_of

DEDUP, LAG = 5, 3
SOURCE = source(
    {"x": Int64(ge=-5, le=5), "y": Int64(), "f": Float64(), "s": String(9)},
    known_at=True,
    event_id=True,
    dedup_window=DEDUP,
)
X, Y, F, S = (column(SOURCE, name) for name in ("x", "y", "f", "s"))
POSITIVE = call(Op.GT, X, Lit(0, Int64()), type_=Bool())
SMALL, WIDE, ODD = Window(12, 4), Window(24, 8), Window(11, 4)
EXACT, EVER = Window(6), Window()
Row = dict[str, Any]
POOL = (
    lambda b: b.reduce(Kind.COUNT, SMALL),
    lambda b: b.reduce(Kind.COUNT, WIDE),
    lambda b: b.reduce(Kind.COUNT, ODD, None, POSITIVE),
    lambda b: b.reduce(Kind.SUM, WIDE, X),
    lambda b: b.reduce(Kind.SUM, EVER, Y),
    lambda b: b.reduce(Kind.SUM, SMALL, F),
    lambda b: b.reduce(Kind.MIN, WIDE, F),
    lambda b: b.reduce(Kind.MAX, EVER, Y),
    lambda b: b.reduce(Kind.FIRST, SMALL, S),
    lambda b: b.reduce(Kind.LAST, EVER, X),
    lambda b: b.reduce(Kind.LAST, WIDE, S, POSITIVE),
    lambda b: b.reduce(Kind.COUNT, EXACT),
    lambda b: b.reduce(Kind.SUM, EXACT, X, POSITIVE),
    lambda b: b.reduce(Kind.DISTINCT, WIDE, S),
    lambda b: b.reduce(Kind.DISTINCT, EVER, X, POSITIVE),
    lambda b: b.reduce(Kind.LATEST, WIDE, S, None, 2),
    lambda b: b.reduce(Kind.LATEST, EVER, X, POSITIVE, 3),
    lambda b: mean(b, X, SMALL),
    lambda b: std(b, X, WIDE),
    lambda b: std(b, F, EVER),
    lambda b: since(b, Kind.MAX, WIDE),
)


def view_of(chosen: tuple[int, ...], dedup_window: int = DEDUP) -> View:
    building = Building(replace(SOURCE, dedup_window=dedup_window), {})
    for number in chosen:
        building.feature(f"f{number}", POOL[number](building))
    return building.view()


class Entity:
    """One entity's state, everything that was ever appended to it, the server's clock and the consumer's last commit.

    Hosts are up to LAG behind the server's clock; after a crash, whatever is known from the last commit on may come
    again.
    """

    dedup_window = DEDUP

    def __init__(self, chosen: Sequence[int]) -> None:
        self.view = view_of(tuple(sorted(chosen)), self.dedup_window)
        self.program = Program.of(self.view)
        self.state = b""
        self.now = 100
        self.commit = 0
        self.horizon: int | None = None
        self.rows: list[Row] = []
        self.folds = 0

    def append(self, row: Row) -> None:
        self.rows.append(row)
        self.state += self.record(row)

    def record(self, row: Row) -> bytes:
        return records_of(self.program, events_of(self.view, [row]))[0]

    def tick(self, step: int) -> None:
        self.now += step

    def commit_position(self) -> None:
        self.commit = max(self.commit, self.now - LAG)

    def deliverable(self) -> list[Row]:
        """What a consumer that starts again would deliver again."""
        return [row for row in self.rows if row["known"] >= self.commit]

    def compact(self) -> None:
        folded = self.fold(self.state)
        if folded is not None:
            self.folds += 1
            assert len(folded.state) < len(self.state)
            assert folded.horizon == horizon_of(folded.state)
            assert self.horizon is None or folded.horizon >= self.horizon
            self.state, self.horizon = folded.state, folded.horizon

    def fold(self, state: bytes) -> Folded | None:
        lag = LAG + 5 * (len(self.rows) % 3)  # folders need not agree on it: a horizon never goes back
        return fold(
            self.program, state, now=self.now, fold_lag=lag, oldest_commit=self.commit, generation=len(self.rows)
        )

    def ask(self, t: int) -> None:
        """The state answers at ``t`` what the judge says of everything that was appended, and is not changed by it."""
        t = max(t, self.horizon if self.horizon is not None else t)
        before = bytes(bytearray(self.state))
        answers = read(self.program, [self.state], np.array([t]))
        assert self.state == before
        verdict = Judge(self.view, self.rows).answers((), t)
        agree(
            self.view,
            [Question((), t)],
            dict(zip(verdict, answers.lists(), strict=True)),
            {name: [answer.value] for name, answer in verdict.items()},
            {name: [answer.magnitude] for name, answer in verdict.items()},
        )
        status = [STATUSES[code] for code in answers.status[:, 0].tolist()]
        assert status == [answer.status.value for answer in verdict.values()]


@dataclass(frozen=True)
class Dice:
    """The distributions of a random life."""

    rng: random.Random

    def row(self, now: int) -> Row:
        rng = self.rng
        known = now - rng.choice((0, 0, 0, 1, 2, LAG))
        age = rng.choice((0, 0, 1, 2, rng.randint(-6, 8), rng.randint(0, 40), rng.randint(-30, 0)))
        return {
            "at": known - age,
            "known": known,
            "id": f"e{rng.choice((rng.randint(0, 4), rng.randint(5, 60)))}",
            "x": rng.choice((None, *range(-5, 6))),
            "y": rng.choice((0, 1, 2**63 - 1, -(2**63))),
            "f": rng.choice((None, 0.5, -3.25, 1e6)),
            "s": rng.choice((None, "", "a", "b", "ninebytes")),
        }


def live(entity: Entity, rng: random.Random, steps: int = 30) -> None:
    """Lets an entity live through random bursts, copies, crashes and folds, asking all along."""
    dice = Dice(rng)
    for _ in range(steps):
        entity.tick(rng.choice((0, 1, 1, 2, 3, 4, 8, rng.randint(1, 20))))
        action = rng.random()
        if action < 0.55:
            for _ in range(rng.randint(1, 5)):
                entity.append(dice.row(entity.now))
        elif action < 0.65 and entity.deliverable():
            first = rng.choice(entity.deliverable())
            for row in [row for row in entity.deliverable() if row["known"] >= first["known"]]:
                entity.append(row)
        if rng.random() < 0.4:
            entity.commit_position()
        if rng.random() < 0.5:
            entity.compact()
        if rng.random() < 0.25:
            entity.ask(rng.choice((entity.now, entity.now + rng.randint(-LAG, 30), entity.horizon or entity.now)))
    for t in (entity.horizon or entity.now, entity.now, entity.now + 1, entity.now + rng.randint(2, 30)):
        entity.ask(t)


def random_entity(kind: type[Entity], rng: random.Random, pool: Sequence[int] = range(len(POOL))) -> Entity:
    """An entity of a random view of one to four of the features of the pool."""
    return kind(rng.sample(pool, rng.randint(1, min(4, len(pool)))))
