"""Reducers resolved: typed inputs and conditions, the type of the result and the interval that holds it."""

from collections.abc import Mapping
from dataclasses import dataclass

from diptych.declare.aggregate import EVENT_TIME
from diptych.declare.place import Place
from diptych.declare.reduce import KINDS, Reducer
from diptych.ground.expression import Call, Expression, Op
from diptych.ground.values import Bool, Decimal, Float64, Int64, ListOf, ResultType, Timestamp
from diptych.plan.conversion import bare, spelled
from diptych.plan.findings import Findings
from diptych.plan.nodes import Kind, Window
from diptych.plan.ranges import ANY_INT, COUNTED, Interval
from diptych.plan.resolve_source import ResolvedSource
from diptych.plan.serial import canonical

LONGEST_LIST = 1024
_EXACT_MOMENTS = Interval(-(2**53), 2**53)
_NUMBERS = (Int64, Decimal, Float64)
_ACCEPTED: Mapping[Kind, tuple[type, ...]] = {
    Kind.SUM: _NUMBERS,
    Kind.MIN: (*_NUMBERS, Timestamp),
    Kind.MAX: (*_NUMBERS, Timestamp),
    Kind.MOMENTS: _NUMBERS,
}
"""The inputs of the reducers that do not take every type."""


@dataclass(frozen=True, slots=True)
class Part:
    """A reduction before it has a place in the view: with its expressions instead of their indexes."""

    kind: Kind
    input: Expression | None
    where: Expression | None
    n: int
    type: ResultType
    interval: Interval | None

    def key(self, window: Window) -> str:
        """The canonical text of this part over a window."""
        return canonical([self.kind, self.input, self.where, window, self.n])


@dataclass(frozen=True, slots=True)
class Rows:
    """Reads the row expressions of one aggregate: what they see, and in which words mistakes are told."""

    source: ResolvedSource
    findings: Findings
    place: Place
    what: str

    def condition(self, written: str | Expression) -> Expression | None:
        """The typed condition, or None after noting what is wrong with it."""
        scope, ranges = self.source.scope, self.source.ranges
        return self.findings.condition(self.place, f"where of {self.what}", written, scope, ranges)

    def part(self, reducer: Reducer, shared: Expression | None) -> Part | None:
        """The typed reducer under its own and the shared condition, or None after noting what is wrong with it."""
        if reducer.kind not in KINDS:
            self.findings.unknown(self.place, f"{self.what}: unknown reducer {reducer.kind!r}", reducer.kind, KINDS)
            return None
        where = shared
        if reducer.where is not None:
            own = self.condition(reducer.where)
            if own is None:
                return None
            where = own if shared is None else _both(shared, own)
        kind = Kind(reducer.kind)
        if reducer.input is not None:
            return self._with_input(kind, reducer.input, where, reducer.n)
        if kind is not Kind.COUNT:
            self.findings.add(self.place, f"{self.what}: {kind.value} needs an input")
            return None
        return Part(kind, None, where, 0, Int64(), COUNTED)

    def _with_input(self, kind: Kind, written: str | Expression, where: Expression | None, n: int) -> Part | None:
        if written == EVENT_TIME and self.source.node.timestamp is None:
            what = f"{self.what} needs the time of events, and its source has no timestamp"
            self.findings.add(self.place, what, hint="use another aggregate, or give the source a timestamp")
            return None
        scope, ranges = self.source.scope, self.source.ranges
        bounded = self.findings.expression(self.place, f"input of {self.what}", written, scope, ranges)
        if bounded is None:
            return None
        problem, hint = _input_problem(kind, bounded.tree, bounded.interval, n)
        if problem:
            self.findings.add(self.place, f"{self.what}: {problem}", hint=hint)
            return None
        return _typed_part(kind, bounded.tree, bounded.interval, where, n)


def _both(a: Expression, b: Expression) -> Expression:
    """Both conditions, in canonical order."""
    first, second = sorted((a, b), key=canonical)
    return first if first == second else Call(Op.AND, (first, second), Bool())


def _typed_part(kind: Kind, input: Expression, interval: Interval | None, where: Expression | None, n: int) -> Part:
    assert input.type is not None
    type_ = bare(input.type)
    match kind:
        case Kind.COUNT if isinstance(type_, Bool):
            return Part(kind, None, _known(input, where), 0, Int64(), COUNTED)
        case Kind.COUNT | Kind.DISTINCT:
            return Part(kind, input, where, 0, Int64(), COUNTED)
        case Kind.SUM:
            interval = _sum_interval(interval) if isinstance(type_, Float64) else ANY_INT
        case Kind.MOMENTS:
            return Part(kind, input, where, 0, Float64(), interval and _variance_interval(interval))
        case Kind.LATEST:
            return Part(kind, input, where, n, ListOf(input.type, n), None)
        case Kind.MIN | Kind.MAX | Kind.FIRST | Kind.LAST:
            pass
    return Part(kind, input, where, 0, type_, interval)


def _known(input: Expression, where: Expression | None) -> Expression:
    """Of a Bool, "is not null" as a condition: a record then holds a bit for it instead of a word."""
    known = Call(Op.NOT, (Call(Op.IS_NULL, (input,), Bool()),), Bool())
    return known if where is None else _both(known, where)


def _sum_interval(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    most = float(COUNTED.high)
    return Interval(min(interval.low * most, 0.0), max(interval.high * most, 0.0), interval.whole)


def _variance_interval(interval: Interval) -> Interval:
    spread = float(interval.high) - float(interval.low)
    return Interval(0.0, spread * spread * float(COUNTED.high))


def _input_problem(kind: Kind, input: Expression, interval: Interval | None, n: int) -> tuple[str, str]:
    """What is wrong with a reducer's input, and a hint; two empty strings when nothing is."""
    accepted = _ACCEPTED.get(kind)
    if accepted is not None and not isinstance(input.type, accepted):
        wanted = ", ".join(known.__name__ for known in accepted)
        hint = 'count(where="...") counts what is true' if isinstance(input.type, Bool) else ""
        return f"{kind.value} takes {wanted}, not {spelled(input.type)}", hint
    if kind is Kind.MOMENTS and not isinstance(input.type, Float64) and interval and not _EXACT_MOMENTS.holds(interval):
        span = f"{interval.low} to {interval.high}"
        hint = "declare ge and le on the columns (a Decimal counts in its last digit), or cast(x as double)"
        return f"std and var of whole numbers and decimals need a range within 2^53, not {span}", hint
    if kind is Kind.LATEST and not 1 <= n <= LONGEST_LIST:
        return f"n must be from 1 to {LONGEST_LIST}, not {n}", ""
    return "", ""
