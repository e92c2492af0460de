"""What a whole run says: the verdict, what was run and how hard it was, ready to be put into words on a page."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.check.findings import Cause, Checked, Findings, Run, Sampling
from diptych.check.report import words
from diptych.check.report.features import Row

COPY = "copy"
"""The kind of comparison that is of a team's own second implementation."""

KINDS = {
    "simulate": "Simulation",
    "replay": "Replay of logged requests",
    COPY: "Second copy, written by hand",
}

HARDNESS = {
    "present": ("hold something", "of the values compared come from a window that holds events"),
    "boundary": ("on a boundary", "would change if the question came a microsecond earlier or later"),
    "known_at": (
        "decided by known-at",
        "would change if events were seen when they happened, not when they were known",
    ),
    "duplicates": ("decided by repeats", "would change if every repeated delivery counted"),
}
"""The shares that say how hard a comparison was: a short name, and what the share is of."""

_TOLD = {"shares", "since", "until", "seed", "targets", "versions", "requests", "judged"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One number and one sentence; ``state`` is ``agree``, ``allowed``, ``refused`` or ``nothing``."""

    state: str
    sentence: str
    number: int
    counts: str

    @property
    def line(self) -> str:
        """The number with what it counts: ``1,204,311 values compared, 0 mismatches``."""
        return f"{words.count(self.number)} {self.counts}"


def verdict(run: Run) -> Verdict:
    """What the run comes to."""
    failed = sum(bool(check.failure) for check in run.checks)
    number, counts = run.compared, _values(run)
    if not run.compared:
        number = sum(check.cases for check in run.checks)
        counts = f"{'case' if number == 1 else 'cases'} checked, {words.count(failed)} failed; no values compared"
    contradicted = sum(findings.contradicted for findings in run.findings)
    if run.failures:
        sentence = "The gate refuses this run."
        if run.mismatches:
            sentence = f"{_sides(run)} differ."
        elif contradicted:
            sentence = f"{_sides(run)} agree, and the judge contradicts both."
        elif failed:
            sentence = f"{words.counted(failed, 'check')} failed."
        return Verdict("refused", sentence, number, counts)
    if not run.compared and not run.checks:
        return Verdict("nothing", "Nothing was compared.", number, "values compared, so nothing is proved")
    if run.mismatches or failed or contradicted:
        return Verdict("allowed", f"{_sides(run)} differ, within what the team allows.", number, counts)
    sentence = f"{_sides(run)} agree." if run.compared else "Every check passed."
    return Verdict("agree", sentence, number, counts)


@dataclass(frozen=True, slots=True)
class Meter:
    """One share of how hard a comparison was."""

    name: str
    meaning: str
    share: float


def meters(findings: Findings) -> tuple[Meter, ...]:
    """The shares that a comparison gave, in the order in which they are read."""
    shares = findings.facts.get("shares")
    if not isinstance(shares, dict):
        return ()
    known = [(name, *HARDNESS[name]) for name in HARDNESS if name in shares]
    others = [(name, name.replace("_", " "), "of the values compared") for name in shares if name not in HARDNESS]
    return tuple(Meter(short, meaning, _number(shares[name])) for name, short, meaning in (*known, *others))


def sampled(sampling: Sampling) -> str:
    """What share was compared, in a sentence."""
    questions = "request" if sampling.by == "request" else "question"
    over = f"over {words.counted(sampling.entities, 'entity', 'entities')}"
    if sampling.of is None:
        drawn = f"{words.counted(sampling.compared, questions)} compared, drawn by {sampling.by} without an end"
    elif sampling.compared >= sampling.of:
        return f"All {words.counted(sampling.of, questions)} compared, {over}."
    else:
        part = words.share(sampling.compared / sampling.of)
        drawn = (
            f"{words.count(sampling.compared)} of {words.counted(sampling.of, questions)} ({part}) compared, "
            f"drawn by {sampling.by}"
        )
    return f"{drawn}, {over}."


def detectable(samplings: Sequence[Sampling]) -> list[str]:
    """How small a skew would have shown in the least sharp of some samples; a sentence for each unit drawn."""
    by_unit: dict[str, float] = {}
    for sampling in samplings:
        by_unit[sampling.by] = max(by_unit.get(sampling.by, 0.0), sampling.detectable)
    return [_detectable(by, smallest) for by, smallest in by_unit.items()]


def _detectable(by: str, smallest: float) -> str:
    if smallest <= 0:
        return "Every one was looked at: no difference among them can have been missed."
    if smallest >= 1:
        return "Too few to say anything with 95 % confidence."
    unit = "of the entities" if by == "entity" else "of a column's values"
    return f"A skew in {words.share(smallest)} {unit} or more would have shown, with 95 % confidence."


def ran(run: Run) -> list[tuple[str, str]]:
    """What was run, as names and words."""
    since = [at for findings in run.findings if isinstance(at := findings.facts.get("since"), int)]
    until = [at for findings in run.findings if isinstance(at := findings.facts.get("until"), int)]
    targets = [*(check.target for check in run.checks), *_listed(run.findings, "targets")]
    installed = {"diptych": run.version} | run.versions
    versions = {name: str(version) for f in run.findings for name, version in _dict(f.facts.get("versions")).items()}
    found = [
        ("Suites", ", ".join(run.suites)),
        ("Targets", ", ".join(dict.fromkeys(targets))),
        ("History", _span(since, until)),
        ("Questions", _questions(run) if not since else ""),
        ("Seed", "" if run.seed is None else str(run.seed)),
        (
            "Versions",
            ", ".join(f"{name} {version}" for name, version in installed.items() if version),
        ),
        ("Definitions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("Begun", f"{words.instant(run.begun_at)[:19]} UTC"),
        ("Took", words.seconds(run.seconds)),
        ("Allowed", ", ".join(f"{cause.value} up to {words.share(part)}" for cause, part in run.allow.items())),
    ]
    return [(name, words.shortened(said, 1_000)) for name, said in found if said]


def told(findings: Findings, seed: int | None) -> list[tuple[str, str]]:
    """What one comparison says of itself beyond its shares, and beyond the ``seed`` of the whole run."""
    facts = findings.facts
    since, until = facts.get("since"), facts.get("until")
    both = isinstance(since, int) and isinstance(until, int)
    found = [
        ("Requests", words.fact(facts["requests"]) if "requests" in facts else ""),
        ("Checked by the judge", words.fact(facts["judged"]) if "judged" in facts else ""),
        ("Contradicted by the judge", words.count(findings.contradicted) if findings.contradicted else ""),
        ("History", _span([since], [until]) if both else ""),
        ("Seed", str(facts["seed"]) if "seed" in facts and facts["seed"] != seed else ""),
        ("Took", words.seconds(findings.seconds)),
    ]
    found += [(name.replace("_", " ").capitalize(), words.fact(facts[name])) for name in facts if name not in _TOLD]
    return [(name, said) for name, said in found if said]


@dataclass(frozen=True, slots=True)
class Tally:
    """All checks against one target: how many, how many failed, cases by kind, and seconds."""

    target: str
    checks: int
    failed: int
    cases: Mapping[str, int]
    seconds: float


def kinds(checks: Sequence[Checked]) -> tuple[str, ...]:
    """The kinds of checks, in order of their first."""
    return tuple(dict.fromkeys(check.kind for check in checks))


def tallies(checks: Sequence[Checked]) -> list[Tally]:
    """One tally for each target, in order of their first check."""
    groups: dict[str, list[Checked]] = {}
    for check in checks:
        groups.setdefault(check.target, []).append(check)
    found = []
    for target, mine in groups.items():
        cases: Counter[str] = Counter()
        for check in mine:
            cases[check.kind] += check.cases
        failed = sum(bool(check.failure) for check in mine)
        found.append(Tally(target, len(mine), failed, cases, sum(check.seconds for check in mine)))
    return found


@dataclass(frozen=True, slots=True)
class CauseLine:
    """One cause over the whole run: mismatches and failed checks, the features that have it, what the team allows."""

    cause: Cause
    mismatches: int
    checks: int
    of: int
    features: tuple[Row, ...]
    allowed: float

    @property
    def meaning(self) -> str:
        """What it says happened."""
        return words.MEANING[self.cause]


def causes(run: Run, rows: Iterable[Row]) -> list[CauseLine]:
    """Every cause that was found, the commonest first."""
    mismatches: Counter[Cause] = Counter()
    checks: Counter[Cause] = Counter()
    having: dict[Cause, list[Row]] = {}
    for row in rows:
        mismatches.update(row.causes)
        checks.update(check.cause for check in row.failed_checks if check.cause)
        for cause in row.every_cause:
            having.setdefault(cause, []).append(row)
    found = [
        CauseLine(cause, mismatches[cause], checks[cause], run.compared, tuple(mine), run.allow.get(cause, 0.0))
        for cause, mine in having.items()
    ]
    return sorted(found, key=lambda line: (-line.mismatches, -line.checks))


AGAIN = "diptych parity run"
"""The command that makes the same run: seeds and budgets are written in the suites."""


def _values(run: Run) -> str:
    compared = "value" if run.compared == 1 else "values"
    return f"{compared} compared, {words.counted(run.mismatches, 'mismatch', 'mismatches')}"


def _sides(run: Run) -> str:
    return "Two copies" if run.findings and all(f.kind == COPY for f in run.findings) else "Training and serving"


def _span(since: Sequence[Any], until: Sequence[Any]) -> str:
    if not since or not until:
        return ""
    begin, end = min(since), max(until)
    return f"{words.day(begin)} to {words.day(end)} ({words.span(end - begin)})"


def _questions(run: Run) -> str:
    """From when to when questions were put, as far as a sample of them says."""
    instants = [p.at for findings in run.findings for output in findings.outputs for p in output.points]
    return _span([min(instants)], [max(instants)]) if instants else ""


def _listed(every: Sequence[Findings], name: str) -> list[str]:
    found = [findings.facts.get(name) for findings in every]
    return [str(part) for parts in found if isinstance(parts, list | tuple) for part in parts]


def _dict(given: Any) -> dict[str, Any]:
    return given if isinstance(given, dict) else {}


def _number(given: Any) -> float:
    return float(given) if isinstance(given, int | float) else 0.0
