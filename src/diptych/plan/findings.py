"""Collecting mistakes while resolving: one bad expression is told and the rest goes on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from diptych.declare.expression import parse
from diptych.declare.functions import BadExpression
from diptych.declare.mistakes import Mistake, did_you_mean
from diptych.declare.operators import Expr, Written
from diptych.declare.place import Place
from diptych.ground.expression import Call, Expression
from diptych.ground.instants import EARLIEST, LATEST, BadDuration, duration
from diptych.plan.ranges import Interval, Ranges, bound
from diptych.plan.typed import Poisoned, Scope, type_condition, type_expression

Declared = Written | Expression
LARGEST = 2_000
DEEPEST = 100
"""What an expression may have at most, in operations, columns and literals; in levels."""
_LONGEST = LATEST - EARLIEST


def read(written: Declared) -> Expression:
    """The untyped tree of an expression in any of the forms that it is written in; BadExpression if it has none."""
    tree = parse(written) if isinstance(written, str) else written.tree if isinstance(written, Expr) else written
    _check_size(tree)
    return tree


def _check_size(tree: Expression) -> None:
    """Least and greatest repeat their arguments, so nesting them grows fast: say so before it takes all day."""
    waiting, seen = [(tree, 1)], 0
    while waiting:
        node, depth = waiting.pop()
        seen += 1
        if seen > LARGEST or depth > DEEPEST:
            hint = "put a part of it into derive, or name fewer arguments"
            raise BadExpression(f"is larger than {LARGEST} operations or deeper than {DEEPEST}", hint=hint)
        if isinstance(node, Call):
            waiting += [(argument, depth + 1) for argument in node.args]


@dataclass(frozen=True, slots=True)
class Bounded:
    """A typed expression and the interval that holds its values (None: it has no number for a value)."""

    tree: Expression
    interval: Interval | None


@dataclass(slots=True)
class Findings:
    """The mistakes found so far."""

    mistakes: list[Mistake] = field(default_factory=list)

    def add(self, place: Place, what: str, exists: Iterable[str] = (), hint: str = "") -> None:
        """Note one mistake."""
        self.mistakes.append(Mistake(str(place), what, tuple(exists), hint))

    def unknown(self, place: Place, what: str, name: str, exists: Iterable[str]) -> None:
        """Note a name that does not exist, with the nearest one that does."""
        names = tuple(sorted(exists))
        self.add(place, what, names, did_you_mean(name, names))

    def expression(self, place: Place, what: str, written: Declared, scope: Scope, ranges: Ranges) -> Bounded | None:
        """The typed and bounded expression, or None after noting why there is none."""
        return self._expression(place, what, written, lambda tree: type_expression(tree, scope), ranges)

    def condition(self, place: Place, what: str, written: Declared, scope: Scope, ranges: Ranges) -> Expression | None:
        """The typed expression of a condition, or None after noting why there is none."""
        bounded = self._expression(place, what, written, lambda tree: type_condition(tree, scope), ranges)
        return None if bounded is None else bounded.tree

    def duration(self, place: Place, what: str, length: object) -> int | None:
        """Microseconds of a declared duration, or None for None or after noting what is wrong with it."""
        if length is None:
            return None
        if not isinstance(length, (str, timedelta)):
            self.add(place, f"{what} must be a duration, not {length!r}", hint='write it like "24h" or "7d"')
            return None
        try:
            microseconds = duration(length)
        except BadDuration as error:
            self.add(place, f"{what}: {error}")
            return None
        if microseconds > _LONGEST:
            self.add(place, f"{what}: {length!r} is longer than all of time", hint='write "lifetime"')
            return None
        return microseconds

    def _expression(
        self,
        place: Place,
        what: str,
        written: Declared,
        typing: Callable[[Expression], Expression],
        ranges: Ranges,
    ) -> Bounded | None:
        shown = f"{what} {written!r}" if isinstance(written, str) else what
        try:
            tree = read(written)
            return Bounded(*bound(typing(tree), ranges))
        except BadExpression as error:
            self.add(place, f"{shown}: {error.what}", error.exists, error.hint)
        except RecursionError:
            self.add(place, f"{what}: is nested too deeply to be read")
        except Poisoned:
            pass
        return None
