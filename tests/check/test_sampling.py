"""The share that a sample would have shown is exact: brute force over small populations, and known values of large."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.check.sampling import detectable, missed, sampling


def by_brute_force(skewed: int, drawn: int, of: int) -> float:
    draws = list(combinations(range(of), drawn))
    return sum(min(draw, default=of) >= skewed for draw in draws) / len(draws)


@given(st.integers(1, 9).flatmap(lambda of: st.tuples(st.integers(0, of), st.integers(0, of), st.just(of))))
def test_missing_all_is_hypergeometric(case: tuple[int, int, int]) -> None:
    assert missed(*case) == pytest.approx(by_brute_force(*case))


@given(
    st.integers(2, 9).flatmap(lambda of: st.tuples(st.integers(1, of - 1), st.just(of))), st.sampled_from((0.5, 0.95))
)
def test_the_smallest_share_by_brute_force(case: tuple[int, int], confidence: float) -> None:
    drawn, of = case
    enough = [k for k in range(of + 1) if by_brute_force(k, drawn, of) <= 1 - confidence + 1e-12]
    assert detectable(drawn, of, confidence) == enough[0] / of


@given(st.integers(1, 10_000))
def test_without_end_it_is_binomial(drawn: int) -> None:
    share = detectable(drawn, None)
    assert (1 - share) ** drawn == pytest.approx(0.05, rel=1e-9)


def test_known_values() -> None:
    assert detectable(0, 100) == detectable(0, None) == 1.0
    assert detectable(100, 100) == detectable(101, 100) == 0.0
    assert detectable(1, None) == pytest.approx(0.95)
    assert detectable(300, None) == pytest.approx(0.00994, abs=1e-5)
    assert detectable(99, 100) == 0.01  # a single skewed unit is missed once in a hundred times
    assert detectable(95, 100) == 0.01
    assert detectable(94, 100) == 0.02


def test_a_population_that_is_nearly_endless_is_like_one_without_end() -> None:
    assert detectable(1_000, 10**9) == pytest.approx(detectable(1_000, None), rel=1e-3)


def test_by_entity_the_entities_count() -> None:
    many = sampling(10_000, None, by="entity", entities=20, entities_of=40)
    assert many.detectable == detectable(20, 40) == 5 / 40  # four are missed with a probability of 0.053
    assert sampling(10_000, 20_000, entities=20).detectable == detectable(10_000, 20_000)
