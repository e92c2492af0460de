"""The gate: which outputs of a comparison fail, given how much of each cause a team allows."""

from collections.abc import Mapping

from diptych.check.findings import Cause, Findings, OutputFindings
from diptych.ground.errors import DiptychError


class BadAllowance(DiptychError):
    """An allowance that means nothing: for what nobody can explain, or no share."""


def failures(findings: Findings, allow: Mapping[Cause, float]) -> list[str]:
    """One readable line for each reason why a comparison fails; none when it passes.

    ``allow`` gives for a cause the share of an output's compared values that may differ because of it (default 0.0).
    Mismatches without an explanation always fail, and so does a comparison of nothing. Raises BadAllowance for a share
    outside of [0, 1], and for one of unexplained mismatches.
    """
    _check(allow)
    found = []
    if not findings.compared:
        found.append(f"{findings.name}: nothing was compared, which proves nothing")
    if findings.contradicted:
        found.append(
            f"{findings.name}: the judge contradicts {findings.contradicted:,} answers that it was asked about, "
            "whatever both sides say"
        )
    for output in findings.outputs:
        found += _of_output(output, allow)
    return found


def _check(allow: Mapping[Cause, float]) -> None:
    if allow.get(Cause.UNEXPLAINED):
        raise BadAllowance("unexplained mismatches cannot be allowed: find out why, or name the cause that is known")
    for cause, share in allow.items():
        if not 0 <= share <= 1:
            raise BadAllowance(f"{cause.value}: {share!r} is no share; allow between 0 and 1 of the compared values")


def _of_output(output: OutputFindings, allow: Mapping[Cause, float]) -> list[str]:
    lines = []
    for cause, count in output.causes.items():
        share, allowed = count / output.compared, allow.get(cause, 0.0)
        if share > allowed:
            limit = f", {_percent(allowed)} is allowed" if allowed else ""
            lines.append(
                f"{output.service}: {output.output}: {cause.value}: {count:,} of {output.compared:,} values differ "
                f"({_percent(share)}{limit}){_because(output, cause)}"
            )
    return lines


def _because(output: OutputFindings, cause: Cause) -> str:
    """What the first example of a cause says."""
    detail = next((each.detail for each in output.examples if each.cause is cause and each.detail), "")
    return f": {detail}" if detail else ""


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else f"{share:.2g}"
