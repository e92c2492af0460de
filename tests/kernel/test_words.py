"""The arithmetic under the reducers, held against Python's integers and fractions."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diptych.compile.online.records import sortable_float, sortable_text
from tests.kernel.mutants import python_kernel

WORDS = python_kernel()["words"]
LEAST, MOST = -(2**63), 2**63 - 1
whole = st.integers(LEAST, MOST) | st.sampled_from((LEAST, LEAST + 1, -1, 0, 1, 2**32, 2**53, MOST))
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")


def halves(x: int) -> tuple[np.int64, np.int64]:
    low = x & (2**64 - 1)
    return np.int64(low - 2**64 if low >> 63 else low), np.int64(x >> 64)


def joined(low: Any, high: Any) -> int:
    return (int(high) << 64) | (int(low) & (2**64 - 1))


@given(st.integers(-(2**125), 2**125), st.integers(-(2**125), 2**125))
@example(-1, 1)
@example(2**64 - 1, 1)
@example(-(2**64), -1)
def test_sums_and_differences_of_128_bits(a: int, b: int) -> None:
    assert joined(*WORDS.add_wide(*halves(a), *halves(b))) == a + b
    assert joined(*WORDS.sub_wide(*halves(a), *halves(b))) == a - b


@given(whole, whole)
@example(LEAST, LEAST)
@example(LEAST, MOST)
def test_products(a: int, b: int) -> None:
    assert joined(*WORDS.multiply(np.int64(a), np.int64(b))) == a * b


@given(st.integers(0, 2**127 - 1), st.integers(1, MOST))
@example(2**127 - 1, MOST)
@example(2**64, 3)
def test_division_by_a_word(a: int, b: int) -> None:
    low, high, rest = WORDS.divide_unsigned(*halves(a), np.int64(b))
    assert (joined(low, high), int(rest)) == divmod(a, b)


@given(st.integers(-(2**126), 2**126))
def test_to_float(a: int) -> None:
    assert WORDS.to_float(*halves(a)) == pytest.approx(float(a), rel=3e-16, abs=0)


@given(st.lists(st.integers(-(2**53), 2**53) | st.integers(-3, 3), min_size=1, max_size=20), st.integers(1, 10_000))
@example([2**53, -(2**53)], 1)
@example([2**53, 2**53 - 1], 10_000)
@example([-1], 1)
def test_squared_deviations_are_exact_up_to_their_own_rounding(values: list[int], times: int) -> None:
    values = values * times if len(values) * times <= 50_000 else values
    n, total, squares = len(values), sum(values), sum(x * x for x in values)
    want = float(Fraction(squares) - Fraction(total * total, n))
    got = WORDS.squared_deviations(np.int64(n), *halves(total), *halves(squares))
    assert got == pytest.approx(want, rel=1e-15, abs=0)


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**12))
@example(-1, 5)
def test_floors(instant: int, step: int) -> None:
    assert WORDS.floor_to(instant, step) == instant // step * step


@given(st.lists(st.floats(allow_nan=False), min_size=2))
def test_sortable_floats_sort_like_floats(values: list[float]) -> None:
    numbers = np.array(values) + 0.0
    words = sortable_float(numbers.view(np.int64))
    assert (numbers[np.argsort(words, kind="stable")] == np.sort(numbers)).all()
    assert (sortable_float(words).view(np.float64) == numbers).all()
    assert all(WORDS.flip(word) == bits for word, bits in zip(words, numbers.view(np.int64), strict=True))


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=5), min_size=1))
@example(["é", "z", "", "a", "ab", "b"])
@example(["12345678", "123456789", "1234567"])
def test_sortable_text_sorts_like_its_bytes_and_comes_back(texts: list[str]) -> None:
    encoded = np.array([text.encode() for text in texts], dtype="S24")
    words = sortable_text(encoded, 3)
    ranks = sorted(range(len(texts)), key=lambda i: words[i].tolist())
    assert [encoded[i] for i in ranks] == sorted(encoded.tolist())
    plain = [[WORDS.plain(word, WORDS.TEXT) for word in row] for row in words]
    assert np.array(plain, dtype=np.int64).view("S24").reshape(-1).tolist() == encoded.tolist()
