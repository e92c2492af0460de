"""DuckDB's spelling; proven by running every golden text and the conformance suite on the embedded engine."""

from sqlglot import exp

from diptych.compile.sql.dialects.base import Dialect
from diptych.compile.sql.tree import Sql, at_most, call, case, column, integer, join, named, not_null, typed
from diptych.ground.expression import Op
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, ListOf, ResultType, String, Timestamp
from diptych.plan.nodes import Kind

_CALENDAR = {
    Op.HOUR: "HOUR",
    Op.DAY_OF_WEEK: "ISODOW",
    Op.DAY_OF_MONTH: "DAY",
    Op.MONTH: "MONTH",
    Op.YEAR: "YEAR",
}
_TS, _VALUE = "ts", "value"


class DuckDB(Dialect):
    """DuckDB 1.4 and later: ASOF joins, HUGEINT, structs that compare by field, ICU zones built in."""

    name = "duckdb"
    integer = "BIGINT"
    wide = "HUGEINT"
    double = "DOUBLE"
    text = "TEXT"
    boolean = "BOOLEAN"
    kinds = frozenset(Kind)

    def type_name(self, type_: ResultType) -> str:
        """The column type; lists are DuckDB lists of the element's type."""
        match type_:
            case Bool():
                return self.boolean
            case Int64() | Decimal() | Timestamp():
                return self.integer
            case Float64():
                return self.double
            case String() | Enum():
                return self.text
            case ListOf(element):
                return f"{self.type_name(element)}[]"

    def float_literal(self, value: float) -> Sql:
        """With an exponent, since DuckDB reads ``0.1`` as a decimal and ``1e-1`` as a binary64."""
        digits = repr(abs(value))
        literal = exp.Literal.number(digits if "e" in digits else f"{digits}e0")
        return exp.Neg(this=literal) if value < 0 else literal

    def infinity(self) -> Sql:
        """``CAST('inf' AS DOUBLE)``."""
        return typed(exp.Literal.string("inf"), self.double)

    def is_nan(self, value: Sql) -> Sql:
        """``ISNAN(value)``."""
        return exp.IsNan(this=value)

    def is_finite(self, value: Sql) -> Sql:
        """``ISFINITE(value)``."""
        return call("ISFINITE", value)

    def byte_length(self, text: Sql) -> Sql:
        """``STRLEN`` counts bytes where ``LENGTH`` counts characters."""
        return call("STRLEN", text)

    def has_nul(self, text: Sql) -> Sql:
        """``CONTAINS(text, CHR(0))``."""
        return call("CONTAINS", text, call("CHR", integer(0)))

    def calendar(self, op: Op, instant: Sql, zone: str) -> Sql:
        """A naive timestamp of the zone's clock first, so that the session's time zone has no say."""
        clock = call("TIMEZONE", exp.Literal.string(zone), call("MAKE_TIMESTAMPTZ", instant))
        return typed(call(_CALENDAR[op], clock), self.integer)

    def join_next(
        self, query: exp.Select, spine: str, alias: str, same: Sql, instant: Sql, at: Sql, *, keep: bool
    ) -> exp.Select:
        """An as-of join: of all rows with ``instant <= at``, the one with the least ``at``."""
        how = "ASOF LEFT" if keep else "ASOF"
        return join(query, spine, [same, at_most(instant, at)], how=how, alias=alias)

    def dated(self, ts: Sql, value: Sql) -> Sql:
        """A struct; DuckDB orders structs by their fields from first to last."""
        return exp.Struct(
            expressions=[
                exp.PropertyEQ(this=exp.to_identifier(_TS), expression=ts),
                exp.PropertyEQ(this=exp.to_identifier(_VALUE), expression=value),
            ]
        )

    def dated_value(self, pair: Sql) -> Sql:
        """``STRUCT_EXTRACT(pair, 'value')``."""
        return call("STRUCT_EXTRACT", pair, exp.Literal.string(_VALUE))

    def newest(self, pairs: Sql, n: int) -> Sql:
        """``MAX(pair, n)`` keeps a heap of n, however many rows there are."""
        return call("MAX", pairs, integer(n))

    def newest_of(self, lists: Sql, n: int) -> Sql:
        """The lists laid end to end, sorted and cut."""
        together = call("FLATTEN", call("LIST", lists))
        return call("LIST_SLICE", call("LIST_REVERSE_SORT", together), integer(1), integer(n))

    def oldest_first(self, pairs: Sql) -> Sql:
        """The values of the reversed list."""
        element = exp.to_identifier("pair")
        value = exp.Lambda(this=self.dated_value(exp.column("pair")), expressions=[element])
        values = call("LIST_TRANSFORM", call("LIST_REVERSE", pairs), value)
        return case((not_null(pairs.copy()), values), otherwise=exp.Array(expressions=[]))

    def length(self, pairs: Sql) -> Sql:
        """``LEN(pairs)``."""
        return call("LEN", pairs)

    def powers(self, count: int) -> exp.Select:
        """Out of ``RANGE(count)``."""
        level = column("levels", "range")
        size = exp.Paren(this=exp.BitwiseLeftShift(this=integer(1), expression=level.copy()))
        levels = exp.Table(
            this=call("RANGE", integer(count)), alias=exp.TableAlias(this=exp.to_identifier("levels", quoted=True))
        )
        return exp.select(named(level, "level"), named(typed(size, self.integer), "size")).from_(levels)
