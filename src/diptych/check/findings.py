"""What a comparison found: plain values that a suite judges, a report shows and a file keeps.

Everything here is written to JSON and read back as it was, save for values of features: what JSON has no word for
(decimals, instants) comes back as text.
"""

from enum import StrEnum
from typing import Any

import msgspec

SIDES = ("offline", "online")
"""What the two sides of a comparison are called where nothing else is said."""


class Cause(StrEnum):
    """Why two sides differ; the value is what people read."""

    LATE_EVENT = "late event"
    DUPLICATE = "duplicate"
    BOUNDARY = "boundary"
    TIE = "tie"
    EXPIRED_STATE = "expired state"
    STALE_INGESTION = "stale ingestion"
    MISSING_INGESTION = "missing ingestion"
    OTHER_DEFINITION = "other definition"
    FILTER = "filter"
    ARITHMETIC = "arithmetic"
    FLOAT_ROUNDING = "float rounding"
    NULL_AGAINST_ZERO = "null against zero"
    KEY_ENCODING = "key encoding"
    TIME_ZONE = "time zone"
    TIME_UNIT = "time unit"
    CLOCK_SKEW = "clock skew"
    FOLD = "fold"
    UNEXPLAINED = "unexplained"


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """One question that was answered in two ways.

    ``key`` is by the entity's own key names, ``at`` microseconds since the epoch. ``wrong`` is the side that the judge
    contradicts (``"offline"``, ``"online"`` or ``"both"``), empty where the judge was not asked. ``detail`` says in one
    sentence what would explain the difference.
    """

    service: str
    output: str
    view: str
    feature: str
    key: dict[str, Any]
    at: int
    offline: Any
    online: Any
    offline_status: str | None = None
    online_status: str | None = None
    cause: Cause = Cause.UNEXPLAINED
    detail: str = ""
    wrong: str = ""
    request_id: str | None = None


class Point(msgspec.Struct, frozen=True):
    """One compared pair of numbers, for plots: when (microseconds), and what each side said; None is null.

    ``differs``: whether the comparison calls this pair a mismatch; None where that is not said, and the pair is taken
    as equal when it agrees to nine digits.
    """

    at: int
    offline: float | None
    online: float | None
    differs: bool | None = None


class OutputFindings(msgspec.Struct, frozen=True, kw_only=True):
    """One column of one service: how many values were compared, and how those differ that do.

    ``view`` and ``feature`` are empty for a derived column. ``null_offline`` and ``null_online`` count values that are
    null on that side only; they are mismatches too. Errors are absolute, over mismatches that are numbers on both
    sides: the largest, and the median. ``points`` is a bounded sample of all pairs, ``examples`` of the mismatches.
    """

    service: str
    output: str
    view: str
    feature: str
    type: str
    compared: int
    mismatches: int
    null_offline: int = 0
    null_online: int = 0
    causes: dict[Cause, int] = {}
    largest_error: float | None = None
    typical_error: float | None = None
    points: tuple[Point, ...] = ()
    examples: tuple[Mismatch, ...] = ()

    @property
    def equal(self) -> int:
        """Values on which both sides agree."""
        return self.compared - self.mismatches


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """What share was compared, and how small a skew it would have shown.

    ``compared`` of ``of`` questions of each output (``of`` None: the population is not known, or without end), drawn
    ``by`` request or by entity, over ``entities`` distinct entities. ``detectable``: a skew that changes at least this
    share of a column's questions would have shown at least one mismatch with 95 % confidence; 0.0 where all was
    compared. Drawn by entity, it is a share of the entities. ``name`` says what was sampled, as a service.
    """

    compared: int
    of: int | None
    by: str
    entities: int
    detectable: float
    name: str = ""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest history found that shows one cause, as a test ready to paste."""

    output: str
    cause: Cause
    detail: str
    rows: int
    code: str


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """One whole comparison.

    ``kind`` is ``"simulate"``, ``"replay"`` or ``"copy"``; ``facts`` is what else a reader should know, by its name, as
    JSON values. ``begun_at`` is microseconds since the epoch. ``contradicted``: of the answers that the judge was asked
    about as well, those that it contradicts in value or status; where both sides agree, no output counts them.

    Of the facts a report knows these by name: ``shares`` (by ``present``, ``boundary``, ``known_at``, ``duplicates``:
    the shares of compared values, 0 to 1), ``since`` and ``until`` (the span of history, microseconds), ``requests``,
    ``judged`` (values that the judge answered too), ``seed``, ``targets`` (names of what answered), ``versions`` (of
    services, by name), ``events``, ``injected`` and ``rejected`` (counts by name). Any other is shown as it is.
    ``sides`` is what a reader calls the two sides, such as ``("compiled", "hand-written")`` of a copy.
    """

    kind: str
    name: str
    begun_at: int
    seconds: float
    outputs: tuple[OutputFindings, ...]
    sampling: tuple[Sampling, ...] = ()
    examples: tuple[Example, ...] = ()
    facts: dict[str, Any] = {}
    sides: tuple[str, str] = SIDES
    contradicted: int = 0

    @property
    def compared(self) -> int:
        """Values compared."""
        return sum(output.compared for output in self.outputs)

    @property
    def mismatches(self) -> int:
        """Values that differ."""
        return sum(output.mismatches for output in self.outputs)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One generated check of one feature, or of one view, against one engine or store.

    ``kind`` is ``"boundaries"`` or ``"properties"``; ``cases`` questions were put to ``target``. ``failure`` is empty
    when it passed, else what differs; ``code`` then is a test ready to paste, and ``cause`` and ``detail`` say why, by
    the same diagnosis as a comparison's.
    """

    kind: str
    view: str
    feature: str
    target: str
    cases: int
    seconds: float
    failure: str = ""
    code: str = ""
    cause: Cause | None = None
    detail: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One whole run of a repository's suites: everything that was checked and compared, and what the gate says.

    ``begun_at`` is microseconds since the epoch; ``version`` is Diptych's own, ``versions`` those of what took part
    (Python, engines, stores) by name. ``allow`` are the shares of an output's compared values that the team lets a
    cause change; ``failures`` is one sentence for each thing that the gate refuses, none when the run passed.
    """

    project: str
    environment: str
    begun_at: int
    seconds: float
    version: str
    suites: tuple[str, ...] = ()
    seed: int | None = None
    versions: dict[str, str] = {}
    checks: tuple[Checked, ...] = ()
    findings: tuple[Findings, ...] = ()
    failures: tuple[str, ...] = ()
    allow: dict[Cause, float] = {}

    @property
    def compared(self) -> int:
        """Values compared, over all comparisons."""
        return sum(findings.compared for findings in self.findings)

    @property
    def mismatches(self) -> int:
        """Values that differ, over all comparisons."""
        return sum(findings.mismatches for findings in self.findings)

    @property
    def passed(self) -> bool:
        """Whether the gate lets this run through."""
        return not self.failures
