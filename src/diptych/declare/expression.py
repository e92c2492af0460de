"""Expressions written as text: SQL scalar expressions read into the one tree; the only declaring room with sqlglot."""

import decimal
import itertools
import math
from collections.abc import Callable, Iterator
from datetime import datetime

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from diptych.declare.functions import FUNCTIONS, BadExpression, between, call, member, negative
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.instants import EARLIEST, LATEST, instant
from diptych.ground.values import Timestamp

SYNTAX = (
    "+ - * / %", "||", "= <> != < <= > >=", "and or not", "is null", "is not null", "between", "in (...)",
    "case when ... then ... else ... end", "cast(... as double)", "timestamp '...'", "true false null",
)  # fmt: skip
"""What loads besides columns, numbers, 'text' and the functions."""

_MARK = "dt__"
_BINARY: dict[type[exp.Expr], Op] = {
    exp.Add: Op.ADD, exp.Sub: Op.SUB, exp.Mul: Op.MUL, exp.Div: Op.DIV, exp.Mod: Op.MOD, exp.EQ: Op.EQ,
    exp.NEQ: Op.NE, exp.LT: Op.LT, exp.LTE: Op.LE, exp.GT: Op.GT, exp.GTE: Op.GE, exp.And: Op.AND,
    exp.Or: Op.OR, exp.DPipe: Op.CONCAT,
}  # fmt: skip


def parse(text: str) -> Expression:
    """The untyped tree of one SQL scalar expression.

    A qualified column ``view.feature`` becomes Column("view.feature"). Raises BadExpression for anything else than
    exactly one expression made of what FUNCTIONS and SYNTAX list.
    """
    if not text.strip():
        raise BadExpression("the expression is empty")
    try:
        statements = sqlglot.parse(_marked(text))
    except SqlglotError as error:
        raise BadExpression(f"cannot be read: {_complaint(error)}", hint=_SYNTAX_HINT) from error
    if len(statements) != 1 or statements[0] is None:
        raise BadExpression(f"there must be exactly one expression, not {len(statements)}")
    return _tree(statements[0])


def _complaint(error: SqlglotError) -> str:
    """What the parser found wrong, without its inner names."""
    details = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    said = details.get("description") or str(error).splitlines()[0]
    if "missing for <class" in said:
        said = "something is missing"
    near = details.get("highlight")
    return f"{said} after {near!r}" if near else said


def timestamp_literal(text: str) -> Literal:
    """The Timestamp literal of an ISO 8601 text; without an offset it is UTC, never local time."""
    try:
        value = instant(datetime.fromisoformat(text))
    except ValueError as error:
        hint = "write it like '2013-01-31' or '2013-01-31T12:00:00Z'"
        raise BadExpression(f"cannot read {text!r} as a timestamp", hint=hint) from error
    if not EARLIEST <= value <= LATEST:
        raise BadExpression(f"timestamp {text!r} is outside the years 1 to 9999")
    return Literal(value, Timestamp())


_SYNTAX_HINT = f"what loads: {'; '.join(SYNTAX)}; functions: {', '.join(sorted(FUNCTIONS))}"


def _marked(text: str) -> str:
    """The text with our own functions renamed, so that the parser keeps them as plain calls with any arguments."""
    tokens = sqlglot.tokenize(text)
    parts: list[str] = []
    done = 0
    for token, after in itertools.pairwise(tokens):
        bare = text[token.start : token.end + 1]
        if after.text == "(" and bare.lower() in FUNCTIONS:
            parts += [text[done : token.start], _MARK]
            done = token.start
    return "".join([*parts, text[done:]])


def _tree(node: exp.Expr) -> Expression:
    op = _BINARY.get(type(node))
    if op is not None:
        return Call(op, (_tree(node.this), _tree(node.expression)))
    reader = _READERS.get(type(node))
    if reader is None:
        shown = node.sql().replace(_MARK, "")
        raise BadExpression(f"{shown!r} ({type(node).__name__}) is not supported", hint=_SYNTAX_HINT)
    return reader(node)


def _column(node: exp.Expr) -> Expression:
    found: list[exp.Expr] = node.parts if isinstance(node, exp.Column) else []
    parts = [part for part in found if isinstance(part, exp.Identifier)]
    if len(parts) != len(found) or not parts or len(parts) > 2:
        raise BadExpression(f"{node.sql()!r} is not a column", hint="write a column, or view.feature")
    return Column(".".join(part.this for part in parts))


def _literal(node: exp.Expr) -> Expression:
    return Literal(node.this) if node.is_string else number(node.this)


def number(text: str) -> Literal:
    """The literal of a number: whole, with a point (exact), or with an exponent (float64)."""
    if text.isdigit():
        return Literal(int(text))
    if "e" not in text.lower():
        return Literal(decimal.Decimal(text))
    value = float(text)
    if not math.isfinite(value):
        raise BadExpression(f"{text} is not a finite number")
    return Literal(value)


def _not(node: exp.Expr) -> Expression:
    return Call(Op.NOT, (_tree(node.this),))


def _is(node: exp.Expr) -> Expression:
    if not isinstance(node.expression, exp.Null):
        raise BadExpression(
            f"{node.sql()!r} is not supported", hint="IS compares with null only; a Bool is a condition"
        )
    return Call(Op.IS_NULL, (_tree(node.this),))


def _in(node: exp.Expr) -> Expression:
    if node.args.get("query") or node.args.get("unnest") or node.args.get("field"):
        raise BadExpression(f"{node.sql()!r} is not supported", hint="write the values: x in (1, 2, 3)")
    return member(_tree(node.this), tuple(_tree(choice) for choice in node.expressions))


def _between(node: exp.Expr) -> Expression:
    if node.args.get("symmetric"):
        raise BadExpression("BETWEEN SYMMETRIC is not supported")
    return between(_tree(node.this), _tree(node.args["low"]), _tree(node.args["high"]))


def _case(node: exp.Expr) -> Expression:
    return Call(Op.CASE, tuple(_case_arguments(node)))


def _case_arguments(node: exp.Expr) -> Iterator[Expression]:
    subject = None if node.this is None else _tree(node.this)
    for branch in node.args["ifs"]:
        condition = _tree(branch.this)
        yield condition if subject is None else Call(Op.EQ, (subject, condition))
        yield _tree(branch.args["true"])
    otherwise = node.args.get("default")
    yield Literal(None) if otherwise is None else _tree(otherwise)


def _cast(node: exp.Expr) -> Expression:
    target: exp.DataType = node.args["to"]
    if target.this == exp.DataType.Type.DOUBLE:
        return Call(Op.TO_FLOAT, (_tree(node.this),))
    is_text = isinstance(node.this, exp.Literal) and node.this.is_string
    if is_text and target.this in (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ):
        return timestamp_literal(node.this.this)
    hint = "cast(x as double) and timestamp '2013-01-31' are the casts there are"
    raise BadExpression(f"cast to {target.sql()} is not supported", hint=hint)


def _function(node: exp.Expr) -> Expression:
    name = node.this.removeprefix(_MARK).lower()
    return call(name, tuple(_tree(argument) for argument in node.expressions))


_READERS: dict[type[exp.Expr], Callable[[exp.Expr], Expression]] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: lambda node: Literal(node.this),
    exp.Null: lambda node: Literal(None),
    exp.Paren: lambda node: _tree(node.this),
    exp.Neg: lambda node: negative(_tree(node.this)),
    exp.Not: _not,
    exp.Is: _is,
    exp.In: _in,
    exp.Between: _between,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.Anonymous: _function,
}
