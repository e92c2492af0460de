"""The life of one entity's state as a state machine: appends, copies, redelivery, folds, reads against the judge.

Time runs in small units so that every boundary is met often. A planted fault is a subclass that overrides one step.
"""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from diptych.compile.online import Folded, Program, fold, read
from diptych.ground.expression import Column, Op
from diptych.ground.expression import Literal as Lit
from diptych.ground.values import Bool, Float64, Int64, String
from diptych.kernel import code as k
from diptych.plan.nodes import Kind, View, Window
from diptych.reference import Judge
from diptych.testing.build import Building, call, column, mean, since, source, std
from diptych.testing.conformance import agree
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


def view_of(chosen: tuple[int, ...]) -> View:
    building = Building(SOURCE, {})
    for number in chosen:
        building.feature(f"f{number}", POOL[number](building))
    return building.view()


class Life(RuleBasedStateMachine):
    """One entity; ``now`` is the server's clock, hosts are up to LAG behind it."""

    folds = 0

    @initialize(chosen=st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=4, unique=True))
    def begin(self, chosen: list[int]) -> None:
        self.view = view_of(tuple(sorted(chosen)))
        self.program = Program.of(self.view)
        self.state = b""
        self.now = 100
        self.commit = 0
        self.horizon: int | None = None
        self.rows: list[dict[str, Any]] = []
        self.records: list[bytes] = []

    @rule(
        behind=st.integers(0, LAG),
        age=st.integers(0, 4) | st.integers(-6, 40),
        number=st.integers(0, 8),
        x=st.none() | st.integers(-5, 5),
        y=st.sampled_from((0, 1, 2**63 - 1, -(2**63))),
        f=st.none() | st.sampled_from((0.5, -3.25, 1e6)),
        s=st.none() | st.sampled_from(("", "a", "b", "ninebytes")),
    )
    def arrive(self, behind: int, age: int, number: int, **values: Any) -> None:
        known = self.now - behind
        row = {"at": known - age, "known": known, "id": f"e{number}", **values}
        self.append(row)

    @rule(step=st.integers(1, 3) | st.integers(1, 15))
    def tick(self, step: int) -> None:
        self.now += step

    @rule()
    def commit_positions(self) -> None:
        self.commit = max(self.commit, self.now - LAG)

    @precondition(lambda self: self.deliverable())
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        """A consumer starts from its last commit."""
        first = data.draw(st.sampled_from(self.deliverable()))
        for row in [row for row in self.deliverable() if row["known"] >= first["known"]]:
            self.append(row)

    @rule()
    def compact(self) -> None:
        folded = self.fold(self.state)
        if folded is not None:
            type(self).folds += 1
            assert len(folded.state) < len(self.state)
            assert self.horizon is None or folded.horizon >= self.horizon
            self.state, self.horizon = folded.state, folded.horizon

    @rule(t=st.integers(-2, 30))
    def ask_now(self, t: int) -> None:
        self.ask(self.now + t)

    @precondition(lambda self: self.horizon is not None)
    @rule(t=st.integers(0, 3))
    def ask_horizon(self, t: int) -> None:
        assert self.horizon is not None
        self.ask(self.horizon + t)

    def teardown(self) -> None:
        if hasattr(self, "now"):
            for t in (self.horizon or self.now, self.now, self.now + 1, self.now + 9, self.now + 26):
                self.ask(t)

    def deliverable(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["known"] >= self.commit]

    def append(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        self.state += records_of(self.program, events_of(self.view, [row]))[0]

    def fold(self, state: bytes) -> Folded | None:
        return fold(
            self.program, state, now=self.now, fold_lag=LAG, oldest_commit=self.commit, generation=len(self.rows)
        )

    def ask(self, t: int) -> None:
        """The state answers at ``t`` what the judge says of everything that was appended, and is not changed by it."""
        t = max(t, self.horizon or t)
        before = bytes(self.state)
        answers = read(self.program, [self.state], np.array([t]))
        assert self.state == before
        judge = Judge(self.view, self.rows)
        verdict = judge.answers((), t)
        question = type("Question", (), {"key": (), "t": t})()
        agree(
            self.view,
            [question],
            dict(zip(verdict, answers.lists(), strict=True)),
            {name: [answer.value] for name, answer in verdict.items()},
            {name: [answer.magnitude] for name, answer in verdict.items()},
        )
        status = [STATUSES[code] for code in answers.status[: len(verdict), 0].tolist()]
        assert status == [answer.status.value for answer in verdict.values()]


def horizon_word(state: bytes) -> np.ndarray[Any, Any]:
    """The header of a state, to write into."""
    return np.frombuffer(state, dtype=np.int64).copy()


__all__ = ["LAG", "Column", "Life", "horizon_word", "k", "view_of"]
