"""What a team lets through: shares of differing values by cause, as a suite writes them, and what follows."""

from collections.abc import Mapping

from diptych.check.findings import Cause, Findings
from diptych.check.gate import failures
from diptych.parity.outcome import Outcome
from diptych.parity.selection import BadSuite
from diptych.parity.wording import refused
from diptych.parity.workbench import Workbench


def allowed(allow: Mapping[Cause | str, float]) -> dict[Cause, float]:
    """The shares by cause; raises BadSuite for a word that is no cause, and for what is no share."""
    found: dict[Cause, float] = {}
    for word, share in allow.items():
        try:
            cause = Cause(word)
        except ValueError:
            known = ", ".join(repr(cause.value) for cause in Cause if cause is not Cause.UNEXPLAINED)
            raise BadSuite(f"allow: there is no cause {word!r}; there are {known}") from None
        if cause is Cause.UNEXPLAINED:
            raise BadSuite("allow: a difference that nobody can explain is never allowed")
        if not 0 <= share <= 1:
            raise BadSuite(f"allow: {cause.value!r} has {share!r}; a share lies between 0 and 1")
        found[cause] = float(share)
    return found


def judged(bench: Workbench, findings: Findings) -> Outcome:
    """What comes of a comparison under the suite's own ``allow``."""
    reasons = failures(findings, allowed(bench.suite.allow))
    counted = [(count, cause) for output in findings.outputs for cause, count in output.causes.items()]
    common = {"cause": max(counted)[1].value} if counted else {}
    return Outcome(
        findings=(findings,),
        failure=refused(findings, reasons) if reasons else "",
        properties={"values": findings.compared, "differ": findings.mismatches, **common},
    )
