import pytest

from diptych.check.findings import Cause, Findings, Mismatch, OutputFindings
from diptych.check.gate import BadAllowance, failures


def findings(causes: dict[Cause, int], compared: int = 1_000, contradicted: int = 0) -> Findings:
    mismatch = Mismatch(
        service="shop", output="takings__count_1h", view="takings", feature="count_1h", key={"shop": "A"}, at=0,
        offline=1, online=2, cause=Cause.BOUNDARY, detail="as if events at the very instant counted", wrong="online",
    )  # fmt: skip
    output = OutputFindings(
        service="shop", output="takings__count_1h", view="takings", feature="count_1h", type="Int64",
        compared=compared, mismatches=sum(causes.values()), causes=causes, examples=(mismatch,),
    )  # fmt: skip
    return Findings(kind="simulate", name="shop", begun_at=0, seconds=1.0, outputs=(output,), contradicted=contradicted)


def test_what_agrees_passes() -> None:
    assert failures(findings({}), {}) == []


def test_a_cause_that_nobody_allowed_fails_with_its_reason() -> None:
    assert failures(findings({Cause.BOUNDARY: 3}), {}) == [
        "shop: takings__count_1h: boundary: 3 of 1,000 values differ (0.3%): as if events at the very instant counted"
    ]


@pytest.mark.parametrize(("count", "fails"), [(9, False), (10, False), (11, True)])
def test_a_cause_fails_above_the_share_that_is_allowed(count: int, fails: bool) -> None:
    assert bool(failures(findings({Cause.LATE_EVENT: count}), {Cause.LATE_EVENT: 0.01})) is fails


def test_one_cause_does_not_spend_what_another_is_allowed() -> None:
    lines = failures(findings({Cause.LATE_EVENT: 5, Cause.TIE: 5}), {Cause.LATE_EVENT: 0.5})
    assert [line.split(": ")[2] for line in lines] == ["tie"]


def test_unexplained_mismatches_always_fail_and_cannot_be_allowed() -> None:
    assert len(failures(findings({Cause.UNEXPLAINED: 1}, compared=10**9), {})) == 1
    with pytest.raises(BadAllowance, match="cannot be allowed"):
        failures(findings({}), {Cause.UNEXPLAINED: 0.1})


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_an_allowance_is_a_share(share: float) -> None:
    with pytest.raises(BadAllowance, match="no share"):
        failures(findings({}), {Cause.TIE: share})


def test_nothing_compared_fails() -> None:
    assert failures(findings({}, compared=0), {}) == ["shop: nothing was compared, which proves nothing"]


def test_what_the_judge_contradicts_fails() -> None:
    assert "the judge contradicts 2 answers" in failures(findings({}, contradicted=2), {})[0]
