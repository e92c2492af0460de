"""What a suite says: plain frozen values that a team writes in its ``parity/`` folder; the defaults prove everything.

Instants are datetimes, ISO 8601 texts (both UTC where they name no zone) or int microseconds since the epoch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diptych.check.findings import Cause

When = datetime | str | int
"""An instant as people write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulate:
    """The repository's own history through real ingestion and online reads, compared with compiled SQL.

    What was known before ``cut`` (None: two thirds of it) is backfilled, the rest is streamed in ``slices``, up to
    ``until`` (None: its end). ``questions`` are made up for each view around its own boundaries. ``requests`` are a
    service and a spine for it, asked besides: a frame, the path of Parquet files, or one SQL query over such files;
    paths are relative to the repository. The judge answers ``judged`` requests of each view once more.
    """

    cut: When | None = None
    until: When | None = None
    questions: int = 200
    slices: int = 50
    judged: int = 10
    requests: tuple[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Requests that serving answered and logged, computed once more offline, as of their instants.

    ``path``: the folder of the request log (None: that of the settings, ``[environments.X.recording.requests]``). Only
    requests with ``since <= t < until`` are compared.
    """

    path: str | Path | None = None
    since: When | None = None
    until: When | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """A team's other implementation of a feature, compared with the compiled one over the real history.

    ``feature`` is ``"view:feature"``. Give either ``sql``, one query over tables named like the sources and ``spine``,
    or ``function``, called with the view's source and the spine as pandas frames. The spine has a column ``row``
    (0, 1, ...), the entity's keys by name, and ``event_timestamp``; ``questions`` rows of it are made up around the
    boundaries of the view. A query answers with ``row`` and one more column; a function with one value for each row
    of the spine, in its order. A row that is missing from the answer is null.
    """

    feature: str
    sql: str | None = None
    function: Callable[[Any, Any], Any] | None = None
    questions: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Everything that CI proves of a repository; ``suite = Suite()`` in a test module is collected by pytest.

    What to prove: ``features`` are names of services, ``"view"`` or ``"view:feature"`` (none: everything).
    ``boundaries`` puts every feature's own boundary cases to every engine and store that the repository configures;
    ``properties`` searches histories of each view's declared types for one that tells an engine from the judge;
    ``simulate`` and ``replay`` compare over real history, ``copies`` a team's other implementations.

    Where: ``repository`` is a folder with ``diptych.toml`` in it or above it (None: that of the module), which
    ``--diptych-repo`` overrides; ``environment`` one of that file's, which ``--diptych-environment`` overrides.
    ``targets`` names the engines and stores to put cases to (none: all).

    How strict: ``allow`` is, by cause (or its text), the share of a feature's compared values that may differ for that
    cause; what is not named, and what has no cause, may not differ at all. ``tolerances`` sets the relative
    tolerance of ``"view:feature"`` of type Float64 anew.

    How much: ``examples`` histories of each view and target in ``properties``, by ``seed``; ``seconds`` for all
    properties together, after which they stop searching; ``values`` to compare in ``simulate`` at most (None: as many as
    there are questions). ``--diptych-profile`` makes less or more of examples, questions and seconds.
    """

    features: Sequence[str] = ()
    repository: str | Path | None = None
    environment: str | None = None
    targets: Sequence[str] = ()
    boundaries: bool = True
    properties: bool = True
    simulate: Simulate | None = field(default_factory=Simulate)
    replay: Replay | None = None
    copies: Sequence[Copy] = ()
    allow: "Mapping[Cause | str, float]" = field(default_factory=dict)
    tolerances: Mapping[str, float] = field(default_factory=dict)
    examples: int = 25
    seed: int = 0
    seconds: float = 60.0
    values: int | None = None
