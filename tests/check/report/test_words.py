"""The words of a report: numbers are never rounded into another meaning."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.check.findings import Cause, Sampling
from diptych.check.report import words
from diptych.check.report.overview import detectable, sampled
from diptych.ground.instants import EARLIEST, LATEST


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (0.0, "0 %"), (1.0, "100 %"), (0.5, "50.0 %"), (0.9991, "> 99.9 %"), (0.999, "99.9 %"), (0.0123, "1.2 %"),
        (0.0099, "0.99 %"), (0.00012, "0.012 %"), (0.0000021, "0.0002 %"), (1e-9, "< 0.0001 %"), (math.nan, "0 %"),
    ],
)  # fmt: skip
def test_shares(part: float, said: str) -> None:
    assert words.share(part) == said


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_part_is_never_said_to_be_nothing_or_all(part: float) -> None:
    assert words.share(part) not in ("0 %", "0.0 %", "100 %", "100.0 %", "0.0000 %")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (None, words.NONE), (0.0, "0"), (1234567.0, "1,234,567"), (-3.0, f"{words.MINUS}3"), (0.125, "0.125"),
        (1234.5678, "1,235"),
        (1.5e-9, f"1.5 {words.TIMES} 10⁻⁹"), (math.inf, "not finite"), (math.nan, "not finite"),
    ],
)  # fmt: skip
def test_numbers(number: float | None, said: str) -> None:
    assert words.number(number) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [(0.0, "< 0.001 s"), (0.25, "0.25 s"), (59.6, "1 min 00 s"), (134, "2 min 14 s"), (3_780, "1 h 03 min")],
)
def test_durations(length: float, said: str) -> None:
    assert words.seconds(length) == said


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_instant_has_words(at: int) -> None:
    assert words.instant(at).endswith("µs") is not (EARLIEST <= at <= LATEST)
    assert words.day(at)


def test_values_and_keys() -> None:
    assert words.value(None) == "null"
    assert words.value(True) == "true"
    assert words.value(0.1) == "0.1"
    assert words.value(["a", None, 2]) == '["a", null, 2]'
    assert len(words.value("x" * 500)) == words.LONGEST_VALUE
    assert words.key({}) == "(one for all)"
    assert words.key({"origin": "JFK", "n": 2}) == 'origin = "JFK", n = 2'


def test_every_cause_has_a_meaning() -> None:
    assert set(words.MEANING) == set(Cause)


@pytest.mark.parametrize(
    ("sampling", "said", "found"),
    [
        (Sampling(compared=10, of=10, by="request", entities=1, detectable=0.0),
         "All 10 requests compared, over 1 entity.",
         "Every one was looked at: no difference among them can have been missed."),
        (Sampling(compared=10, of=None, by="entity", entities=4, detectable=0.26),
         "10 questions compared, drawn by entity without an end, over 4 entities.",
         "A skew in 26.0 % of the entities or more would have shown, with 95 % confidence."),
        (Sampling(compared=0, of=5, by="request", entities=0, detectable=1.0),
         "0 of 5 requests (0 %) compared, drawn by request, over 0 entities.",
         "Too few to say anything with 95 % confidence."),
    ],
)  # fmt: skip
def test_sampling_is_said_honestly(sampling: Sampling, said: str, found: str) -> None:
    assert sampled(sampling) == said
    assert detectable([sampling]) == [found]


def test_of_several_samples_the_least_sharp_is_said_for_each_unit_drawn() -> None:
    found = detectable(
        [
            Sampling(compared=40, of=None, by="request", entities=3, detectable=0.072),
            Sampling(compared=90, of=None, by="request", entities=3, detectable=0.03),
            Sampling(compared=90, of=99, by="entity", entities=3, detectable=0.5),
        ]
    )
    assert found == [
        "A skew in 7.2 % of a column's values or more would have shown, with 95 % confidence.",
        "A skew in 50.0 % of the entities or more would have shown, with 95 % confidence.",
    ]
