"""The invariant of the online state: after any life, every read from the horizon on is what the judge says."""

import os
import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.kernel.life import LAG, POOL, Entity, live, random_entity

LIVES = 2_000 if os.environ.get("DIPTYCH_PROFILE") == "long" else 150


class Life(RuleBasedStateMachine):
    """Hypothesis chooses what happens to the entity."""

    entity: Entity

    @initialize(chosen=st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=3, unique=True))
    def begin(self, chosen: list[int]) -> None:
        self.entity = Entity(chosen)

    @rule(
        behind=st.integers(0, LAG),
        age=st.integers(0, 4) | st.integers(-6, 40),
        number=st.integers(0, 3),
        copies=st.integers(1, 4),
        x=st.none() | st.integers(-5, 5),
        y=st.sampled_from((0, 1, 2**63 - 1, -(2**63))),
        f=st.none() | st.sampled_from((0.5, -3.25, 1e6)),
        s=st.none() | st.sampled_from(("", "a", "b", "ninebytes")),
    )
    def arrive(self, behind: int, age: int, number: int, copies: int, **values: Any) -> None:
        """One event, then others at the same instant."""
        known = self.entity.now - behind
        for copy in range(copies):
            self.entity.append({"at": known - age, "known": known, "id": f"e{number + 4 * copy}", **values})

    @rule(step=st.integers(1, 3) | st.integers(1, 20))
    def tick(self, step: int) -> None:
        self.entity.tick(step)

    @precondition(lambda self: self.entity.deliverable())
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        """A consumer starts from its last commit."""
        rows = self.entity.deliverable()
        first = data.draw(st.sampled_from(rows))
        for row in [row for row in rows if row["known"] >= first["known"]][:10]:
            self.entity.append(row)

    @rule(commit=st.booleans())
    def compact(self, commit: bool) -> None:
        if commit:
            self.entity.commit_position()
        self.entity.compact()

    @rule(later=st.integers(-LAG, 30))
    def ask(self, later: int) -> None:
        self.entity.ask(self.entity.now + later)

    @precondition(lambda self: self.entity.horizon is not None)
    @rule(later=st.integers(0, 2))
    def ask_at_the_horizon(self, later: int) -> None:
        assert self.entity.horizon is not None
        self.entity.ask(self.entity.horizon + later)


TestLife = Life.TestCase
TestLife.settings = settings(stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("start", range(0, LIVES, 50))
def test_random_lives(start: int) -> None:
    folds = 0
    for seed in range(start, start + 50):
        entity = random_entity(Entity, random.Random(seed))
        try:
            live(entity, random.Random(seed + 1))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        folds += entity.folds
    assert folds > 50, "nothing is proved where nothing is folded"
