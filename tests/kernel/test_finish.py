"""The stack machine gives what the judge's evaluator gives, for every operation that it has."""

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diptych.compile.online.finish import _BY_TYPE, _PLAIN, float_word, instructions, runs_in_kernel, stack_depth
from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.values import Bool, Decimal, Float64, Int64, String, Timestamp, ValueType
from diptych.kernel import places as k
from diptych.reference.expression import evaluate
from tests.kernel.mutants import python_kernel

VM = python_kernel()["finish"]
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
INT, FLOAT, BOOL, AT = Int64(), Float64(), Bool(), Timestamp()
COLUMNS: dict[str, ValueType] = {"r0": INT, "r1": INT, "r2": FLOAT, "r3": FLOAT, "r4": BOOL, "r5": BOOL, "r6": AT}
small = st.integers(-5, 5)
ROWS = st.fixed_dictionaries(
    {
        "r0": st.none() | small,
        "r1": st.none() | small,
        "r2": st.none() | st.sampled_from((0.0, 1.5, -2.0, 1e300, 4.0)),
        "r3": st.none() | st.sampled_from((0.0, -0.5, 3.0, 1e300)),
        "r4": st.none() | st.booleans(),
        "r5": st.none() | st.booleans(),
        "r6": st.none() | st.integers(-(10**15), 10**15),
    }
)


@st.composite
def expressions(draw: st.DrawFn, kind: ValueType, depth: int = 3) -> Expression:
    """A typed finish expression."""
    leaf = [Column(name, own) for name, own in COLUMNS.items() if own == kind]
    constants: dict[ValueType, tuple[Any, ...]] = {INT: (0, 3, -1), FLOAT: (0.0, 2.5), BOOL: (True, False), AT: (0,)}
    if kind == AT:
        leaf.append(Column("request_time", AT))
    leaves = st.sampled_from([*leaf, *(Literal(value, kind) for value in constants[kind]), Literal(None, kind)])
    if depth == 0 or kind == AT:
        return draw(leaves)

    def sub(of: ValueType) -> Expression:
        return draw(expressions(of, depth - 1))

    if draw(st.integers(0, 4)) == 0:
        return draw(leaves)
    if draw(st.integers(0, 4)) == 0:
        if draw(st.booleans()):
            return Call(Op.COALESCE, (sub(kind), sub(kind), sub(kind)), kind)
        return Call(Op.CASE, (sub(BOOL), sub(kind), sub(BOOL), sub(kind), sub(kind)), kind)
    if kind == INT:
        op = draw(st.sampled_from((Op.ADD, Op.SUB, Op.MUL, Op.MOD, Op.NEG, Op.ABS, Op.RESCALE)))
        if op is Op.RESCALE:
            return Call(op, (sub(INT), Literal(draw(st.integers(1, 2)), INT)), Decimal(2))
        return Call(op, (sub(INT),) if op in (Op.NEG, Op.ABS) else (sub(INT), sub(INT)), INT)
    if kind == FLOAT:
        two = (Op.ADD, Op.SUB, Op.MUL, Op.DIV)
        one = (Op.NEG, Op.ABS, Op.FLOOR, Op.CEIL, Op.SQRT, Op.LN, Op.FINITE, Op.EXP)
        op = draw(st.sampled_from((*two, *one, Op.TO_FLOAT, Op.SHIFT, Op.SECONDS_BETWEEN)))
        if op is Op.SECONDS_BETWEEN:
            return Call(op, (sub(AT), sub(AT)), FLOAT)
        if op is Op.TO_FLOAT:
            return Call(op, (sub(INT),), FLOAT)
        if op is Op.SHIFT:
            return Call(op, (sub(FLOAT), Literal(draw(st.sampled_from((-3, -1, 1, 2, 18))), INT)), FLOAT)
        return Call(op, (sub(FLOAT), sub(FLOAT)) if op in two else (sub(FLOAT),), FLOAT)
    of = draw(st.sampled_from((INT, FLOAT, BOOL)))
    op = draw(st.sampled_from((Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE, Op.IN, Op.AND, Op.OR, Op.NOT, Op.IS_NULL)))
    if op in (Op.AND, Op.OR):
        return Call(op, (sub(BOOL), sub(BOOL)), BOOL)
    if op is Op.NOT:
        return Call(op, (sub(BOOL),), BOOL)
    if op is Op.IS_NULL:
        return Call(op, (sub(of),), BOOL)
    if op is Op.IN:
        options = tuple(Literal(value, of) for value in constants[of])
        return Call(op, (sub(of), *options), BOOL)
    return Call(op, (sub(of), sub(of)), BOOL)


def run(expression: Expression, row: dict[str, Any]) -> Any:
    program = instructions(expression, tuple(range(len(COLUMNS))))
    depth = stack_depth(program)
    results = np.array([0 if row[name] is None else _word(row[name]) for name in COLUMNS], dtype=np.int64)
    states = np.array([0 if row[name] is None else k.VALID for name in COLUMNS], dtype=np.int64)
    stack, known = np.zeros(depth, np.int64), np.zeros(depth, np.bool_)
    code = np.array([cell for step in program for cell in step], dtype=np.int64)
    VM.run(code, 0, len(program), results, states, row["request_time"], stack, stack.view(np.float64), known)
    if not known[0]:
        return None
    return stack.view(np.float64)[0] if expression.type == FLOAT else int(stack[0])


def _word(value: Any) -> int:
    return struct.unpack("<q", struct.pack("<d", value))[0] if isinstance(value, float) else int(value)


@given(st.sampled_from((INT, FLOAT, BOOL)).flatmap(expressions), ROWS, st.integers(-(10**15), 10**15))
@example(
    Call(Op.MOD, (Column("r0", INT), Column("r1", INT)), INT),
    {"r0": -5, "r1": 3} | dict.fromkeys(("r2", "r3", "r4", "r5", "r6")),
    0,
)
def test_it_computes_what_the_judge_computes(expression: Expression, row: dict[str, Any], at: int) -> None:
    row = row | {"request_time": at}
    want = evaluate(expression, row)
    got = run(expression, row)
    if isinstance(want, float) and got is not None:
        assert got == want or math.isclose(got, want, rel_tol=1e-15) or (math.isnan(got) and math.isnan(want))
    else:
        assert got == want


def test_every_operation_is_run_or_left_to_the_caller() -> None:
    inside = {*_BY_TYPE, *_PLAIN, Op.SHIFT, Op.RESCALE}
    left = {Op.CONCAT, Op.STARTS_WITH, Op.HOUR, Op.DAY_OF_WEEK, Op.DAY_OF_MONTH, Op.MONTH, Op.YEAR}
    assert inside | left == set(Op)
    assert not inside & left


def test_text_is_left_to_the_caller() -> None:
    text = Column("r0", String(3))
    assert not runs_in_kernel(Call(Op.EQ, (text, Literal("a", String(3))), BOOL))
    assert runs_in_kernel(Call(Op.IS_NULL, (Column("r0", INT),), BOOL))


def test_float_words() -> None:
    assert float_word(-0.0) == 0
    assert struct.pack("<q", float_word(-1.5)) == struct.pack("<d", -1.5)
