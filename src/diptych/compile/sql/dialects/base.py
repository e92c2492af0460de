"""What the shared lowering asks of a dialect: the few things that no two engines write alike."""

from abc import ABC, abstractmethod

from sqlglot import exp

from diptych.compile.sql.tree import Sql
from diptych.ground.expression import Op
from diptych.ground.values import ResultType
from diptych.plan.nodes import Kind


class Dialect(ABC):
    """One engine's spelling of what standard SQL leaves open."""

    name: str
    """The dialect's name, for people and for sqlglot."""
    integer: str
    """Type of 64-bit integers."""
    wide: str
    """Type of exact sums: integers of at least 128 bits."""
    double: str
    """Type of IEEE 754 binary64."""
    text: str
    """Type of text, compared by its UTF-8 bytes."""
    boolean: str
    """Type of truth values."""
    kinds: frozenset[Kind]
    """The reducers that the suite has run on this engine."""

    @abstractmethod
    def type_name(self, type_: ResultType) -> str:
        """The engine's type for values of ``type_``: decimals and instants are 64-bit integers."""

    @abstractmethod
    def float_literal(self, value: float) -> Sql:
        """A binary64 constant, to the bit."""

    @abstractmethod
    def infinity(self) -> Sql:
        """Positive infinity."""

    @abstractmethod
    def is_nan(self, value: Sql) -> Sql:
        """Whether a binary64 is not a number."""

    @abstractmethod
    def is_finite(self, value: Sql) -> Sql:
        """Whether a binary64 is neither infinite nor NaN."""

    @abstractmethod
    def byte_length(self, text: Sql) -> Sql:
        """Length of a text in bytes of UTF-8."""

    @abstractmethod
    def has_nul(self, text: Sql) -> Sql:
        """Whether a text holds the character NUL."""

    @abstractmethod
    def calendar(self, op: Op, instant: Sql, zone: str) -> Sql:
        """HOUR, DAY_OF_WEEK, DAY_OF_MONTH, MONTH or YEAR of an instant on the clock of a zone."""

    @abstractmethod
    def join_next(
        self, query: exp.Select, spine: str, alias: str, same: Sql, instant: Sql, at: Sql, *, keep: bool
    ) -> exp.Select:
        """The query joined to the first row of ``spine`` with ``same`` and ``instant <= at``.

        With ``keep`` a row without such a partner stays, its partner's columns null; else it goes.
        """

    @abstractmethod
    def dated(self, ts: Sql, value: Sql) -> Sql:
        """A pair ordered by (ts, value)."""

    @abstractmethod
    def dated_value(self, pair: Sql) -> Sql:
        """The value of such a pair."""

    @abstractmethod
    def newest(self, pairs: Sql, n: int) -> Sql:
        """Aggregate: the list of the greatest ``n`` non-null pairs, greatest first; null if there is none."""

    @abstractmethod
    def newest_of(self, lists: Sql, n: int) -> Sql:
        """Aggregate: the greatest ``n`` pairs of all those in lists, greatest first."""

    @abstractmethod
    def oldest_first(self, pairs: Sql) -> Sql:
        """The values of a list of pairs, in the reverse of its order; the empty list for null."""

    @abstractmethod
    def length(self, pairs: Sql) -> Sql:
        """Number of pairs in a list; null for null."""

    @abstractmethod
    def powers(self, count: int) -> exp.Select:
        """The rows ``level``, ``size`` = 2^level, for levels from 0 to ``count - 1``."""
