"""Small builders for sqlglot trees, so that the lowering reads like the SQL it makes.

Every column is qualified and every identifier is quoted: nothing here depends on an engine's name resolution.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from sqlglot import exp

Sql = exp.Expr
"""A node of a tree. Never combine two with Python's operators: sqlglot leaves out parentheses that are needed."""


@dataclass(frozen=True, slots=True)
class Step:
    """A named common table expression: one step of the story that the statement tells."""

    name: str
    query: exp.Query
    says: str
    materialized: bool = False


def column(relation: str, name: str) -> exp.Column:
    """``"relation"."name"``."""
    return exp.column(name, table=relation, quoted=True)


def integer(value: int) -> Sql:
    """A whole number as it is written; its type is the engine's smallest that holds it."""
    return exp.Literal.number(str(value)) if value >= 0 else exp.Neg(this=exp.Literal.number(str(-value)))


def typed(value: Sql, type_name: str) -> Sql:
    """``CAST(value AS type)``."""
    return exp.Cast(this=value, to=exp.DataType.build(type_name, dialect="duckdb"))


def null() -> Sql:
    """The null literal."""
    return exp.null()


def call(name: str, *args: Sql) -> Sql:
    """A function that sqlglot knows no node for, or whose node prints differently from what was proven."""
    return exp.Anonymous(this=name, expressions=list(args))


def named(expression: Sql, name: str) -> Sql:
    """``expression AS "name"``; a column under its own name needs no alias."""
    if isinstance(expression, exp.Column) and expression.name == name:
        return expression
    return exp.alias_(expression, name, quoted=True)


def select(
    columns: Iterable[tuple[str, Sql]],
    source: str,
    *,
    alias: str | None = None,
    where: Sequence[Sql] = (),
    group: Sequence[Sql] = (),
) -> exp.Select:
    """``SELECT expression AS "name", ... FROM "source" [AS "alias"] [WHERE all] [GROUP BY group]``."""
    query = exp.select(*(named(expression, name) for name, expression in columns)).from_(relation(source, alias))
    if where:
        query = query.where(exp.and_(*where))
    return query.group_by(*group) if group else query


def relation(name: str, alias: str | None = None) -> exp.Table:
    """A quoted relation name, under an alias if one is given."""
    table = exp.Table(this=exp.to_identifier(name, quoted=True))
    if alias is not None:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    return table


def join(query: exp.Select, source: str, on: Sequence[Sql], *, how: str = "", alias: str | None = None) -> exp.Select:
    """The query joined to ``source`` by all of ``on``; ``how`` is a join's words before ``JOIN``."""
    return query.join(relation(source, alias), on=exp.and_(*on) if on else exp.true(), join_type=how)


def binary(kind: type[exp.Binary], one: Sql, other: Sql) -> Sql:
    """``one kind other`` over copies, with parentheses around whatever is itself an operation."""
    return kind(this=_closed(one), expression=_closed(other))


def _closed(operand: Sql) -> Sql:
    open_ended = isinstance(operand, exp.Binary | exp.Not | exp.Neg | exp.Between | exp.In | exp.Is)
    return exp.Paren(this=operand.copy()) if open_ended else operand.copy()


def plus(*terms: Sql) -> Sql:
    """The sum of the terms, from the left."""
    return _chain(exp.Add, terms)


def times(*factors: Sql) -> Sql:
    """The product of the factors, from the left."""
    return _chain(exp.Mul, factors)


def _chain(kind: type[exp.Binary], operands: Sequence[Sql]) -> Sql:
    first, *rest = (_closed(operand) for operand in operands)
    return reduce(lambda one, other: kind(this=one, expression=other), rest, first)


def minus(one: Sql, other: Sql) -> Sql:
    """``one - other``."""
    return binary(exp.Sub, one, other)


def divided(one: Sql, other: Sql) -> Sql:
    """``one / other`` of two binary64."""
    return binary(exp.Div, one, other)


def quotient(one: Sql, other: Sql) -> Sql:
    """The whole quotient, towards zero."""
    return binary(exp.IntDiv, one, other)


def remainder(one: Sql, other: Sql) -> Sql:
    """The remainder with the sign of ``one``."""
    return binary(exp.Mod, one, other)


def equal(one: Sql, other: Sql) -> Sql:
    """``one = other``."""
    return binary(exp.EQ, one, other)


def less(one: Sql, other: Sql) -> Sql:
    """``one < other``."""
    return binary(exp.LT, one, other)


def at_most(one: Sql, other: Sql) -> Sql:
    """``one <= other``."""
    return binary(exp.LTE, one, other)


def either(one: Sql, other: Sql) -> Sql:
    """``one OR other``."""
    return binary(exp.Or, one, other)


def negated(condition: Sql) -> Sql:
    """``NOT condition``."""
    return exp.Not(this=_closed(condition))


def case(*branches: tuple[Sql, Sql], otherwise: Sql | None = None) -> Sql:
    """``CASE WHEN condition THEN value ... [ELSE otherwise] END``."""
    expression = exp.Case()
    for condition, value in branches:
        expression = expression.when(condition, value)
    return expression.else_(otherwise) if otherwise is not None else expression


def aggregate(name: str, argument: Sql) -> Sql:
    """``NAME(argument)`` for the aggregates that every engine has."""
    return exp.func(name, argument)


def coalesce(*values: Sql) -> Sql:
    """``COALESCE(values...)``."""
    return exp.Coalesce(this=values[0], expressions=list(values[1:]))


def greatest(one: Sql, other: Sql) -> Sql:
    """The greater of two values, neither of them null: engines differ in what they do with nulls."""
    return call("GREATEST", one, other)


def is_null(value: Sql) -> Sql:
    """``value IS NULL``."""
    return exp.Is(this=value, expression=exp.null())


def not_null(value: Sql) -> Sql:
    """``NOT value IS NULL``."""
    return exp.Not(this=is_null(value))


def between(value: Sql, low: Sql, high: Sql) -> Sql:
    """``value BETWEEN low AND high``, both ends included."""
    return exp.Between(this=value, low=low, high=high)


def over(
    function: Sql, partition: Sequence[Sql], order: Sequence[Sql] = (), frame: exp.WindowSpec | None = None
) -> Sql:
    """``function OVER (PARTITION BY partition ORDER BY order frame)``."""
    ordering = exp.Order(expressions=list(order)) if order else None
    return exp.Window(this=function, partition_by=list(partition), order=ordering, spec=frame)


def rows_before(*, including_current: bool) -> exp.WindowSpec:
    """The frame from the partition's first row up to the current row, or up to the one before it."""
    last = {"end": "CURRENT ROW"} if including_current else {"end": exp.Literal.number(1), "end_side": "PRECEDING"}
    return exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", **last)


def ascending(value: Sql, *, nulls_first: bool = False) -> Sql:
    """An ordering key; where nulls can occur, they are placed first by name."""
    return exp.Ordered(this=value, desc=False, nulls_first=nulls_first)


def floor_to(value: Sql, step: int) -> Sql:
    """The largest multiple of ``step`` at most ``value``, also below zero, where engines truncate division."""
    above = remainder(plus(remainder(value, integer(step)), integer(step)), integer(step))
    return minus(value, above)


def statement(steps: Sequence[Step], query: exp.Select) -> exp.Select:
    """The query over its named steps, each with the sentence that says what it holds."""
    for step in steps:  # without copies, which would make the time go with the square of the steps
        query = query.with_(
            exp.to_identifier(step.name, quoted=True),
            as_=step.query,
            materialized=step.materialized or None,
            copy=False,
        )
    for cte, step in zip(query.ctes, steps, strict=True):
        cte.args["alias"].add_comments([f" {step.says} "])
    return query
