"""The nodes of the resolved plan: plain frozen values that every compiler, engine and check reads.

A view is *declared as data*: distinct row expressions (``inputs`` and ``conditions``), distinct ``reductions``
over them, and per feature a ``finish`` expression over the reductions' results. Nothing in here has behaviour
beyond arithmetic on windows.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from diptych.ground.expression import Expression
from diptych.ground.values import ResultType, Scalar, ValueType

REQUEST_TIME = "request_time"
"""The name under which finish and derived expressions see the instant of the request (a Timestamp)."""


class Kind(StrEnum):
    """The reducers; each has one row in every engine's table."""

    COUNT = "count"  # matching events (with an input: those where it is not null); Int64
    SUM = "sum"  # Int64, Decimal or Float64; 0 when empty
    MIN = "min"  # Int64, Decimal, Float64 or Timestamp; null when empty
    MAX = "max"
    FIRST = "first"  # any type, by (ts, value); null when empty
    LAST = "last"
    MOMENTS = "moments"  # sample variance, Float64; of a Decimal: of its unscaled integers; null below two values
    DISTINCT = "distinct"  # number of different values, any type; Int64
    LATEST = "latest"  # the last n values by (ts, value), oldest first


@dataclass(frozen=True, slots=True)
class Window:
    """A window that ends before the query instant: ``floor(t - length, hop) <= ts < t``.

    ``length`` None is a lifetime (no tail). ``hop`` None is an exact tail, ``t - length <= ts < t``.
    Both are microseconds.
    """

    length: int | None = None
    hop: int | None = None

    @property
    def lifetime(self) -> bool:
        """Whether the window has no tail."""
        return self.length is None

    @property
    def exact(self) -> bool:
        """Whether the tail moves with every microsecond."""
        return self.length is not None and self.hop is None

    @property
    def step(self) -> int:
        """The grain of the tail in microseconds: the hop, or 1 for an exact window."""
        return self.hop or 1

    @property
    def reach(self) -> int:
        """The longest age at which an event can still be inside, in microseconds, for a bounded window."""
        assert self.length is not None
        return self.length + (self.hop or 0)


@dataclass(frozen=True, slots=True)
class Reduction:
    """One reducer over one window: ``input`` and ``where`` index the view's ``inputs`` and ``conditions``."""

    kind: Kind
    input: int | None
    where: int | None
    window: Window
    n: int = 0
    type: ResultType | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """A named output: ``finish`` reads the view's reductions as columns ``r0``, ``r1``, ... and ``request_time``.

    A feature of one LATEST reduction has ``finish`` Column("rN") and a ListOf type. ``default`` replaces a null
    result (a value of ``type``). ``tolerance`` is the relative tolerance of comparison, 0.0 for exact features.
    """

    name: str
    type: ResultType
    finish: Expression
    default: Scalar | None = None
    tolerance: float = 0.0
    aggregate: str = ""
    description: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A named, typed column, key part or request input."""

    name: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class Source:
    """A stream (or table) of events.

    Durations are microseconds. ``timestamp`` None: a table that is valid since always (``EARLIEST``).
    ``known_at`` None: known at its own timestamp in history; stamped on arrival online. ``derive`` is in order; a
    later expression may read an earlier name. ``lateness`` and ``max_skew`` None: no limit.
    """

    name: str
    columns: tuple[Field, ...]
    timestamp: str | None
    known_at: str | None
    event_id: str | None
    dedup_window: int
    lateness: int | None = None
    max_skew: int | None = None
    derive: tuple[tuple[str, Expression], ...] = ()
    filter: Expression | None = None
    description: str = ""
    owner: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """What features are about: an ordered tuple of typed key parts; none for one global state."""

    name: str
    keys: tuple[Field, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """Features of one entity over one source.

    ``on`` gives, in the order of ``entity.keys``, the source's columns (declared or derived) that hold the key.
    ``inputs`` and ``conditions`` are typed expressions over the source's columns, distinct, in canonical order; the
    payload order of duplicates is the order of ``inputs`` then ``conditions``. A ``ttl`` (microseconds) has already
    turned every lifetime window into one of that length, so no engine has to know of it. ``fingerprint`` is the hash
    of all that stored state depends on; ``meaning`` adds names, finishes and defaults; ``metadata`` covers the rest.
    """

    name: str
    entity: Entity
    source: Source
    on: tuple[str, ...]
    inputs: tuple[Expression, ...]
    conditions: tuple[Expression, ...]
    reductions: tuple[Reduction, ...]
    features: tuple[Feature, ...]
    ttl: int | None = None
    freshness: int | None = None
    owner: str = ""
    description: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    fingerprint: str = ""
    meaning: str = ""
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """A view as one service uses it: under a name, with its entity's keys read from request columns ``on``."""

    name: str
    view: str
    on: tuple[str, ...]
    features: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Output:
    """A column of the answer: ``name`` as asked, out of ``role`` and ``feature``."""

    name: str
    role: str
    feature: str
    type: ResultType


@dataclass(frozen=True, slots=True)
class Derived:
    """A derived column: an expression over output names ``role__feature``, request inputs and ``request_time``."""

    name: str
    expression: Expression
    type: ValueType


@dataclass(frozen=True, slots=True)
class Service:
    """What one model asks for: roles (each computes the features it lists), outputs, request inputs, derived."""

    name: str
    version: int
    roles: tuple[Role, ...]
    outputs: tuple[Output, ...]
    request: tuple[Field, ...] = ()
    derived: tuple[Derived, ...] = ()
    owner: str = ""
    description: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """One project's definitions, resolved and immutable."""

    project: str
    sources: tuple[Source, ...]
    entities: tuple[Entity, ...]
    views: tuple[View, ...]
    services: tuple[Service, ...]

    def view(self, name: str) -> View:
        """The view of that name, which must exist: names were checked when the plan was resolved."""
        return next(view for view in self.views if view.name == name)
