"""A small stack machine for finish expressions: typed instructions over the results of an entity's reductions.

Every operation is total: what has no answer is null, and an argument that is null gives null unless said otherwise.
An instruction is three words: the operation and two operands.
"""

import math

import numpy as np

from diptych.kernel.jit import inner
from diptych.kernel.places import VALID
from diptych.kernel.words import as_float

(
    PUSH_RESULT,  # operands: place in the results, index of the reduction
    PUSH_TIME,
    PUSH_WORD,  # operand: the word
    PUSH_NULL,
    ADD_INT,
    SUB_INT,
    MUL_INT,
    NEG_INT,
    ABS_INT,
    MOD_INT,
    ADD_FLOAT,
    SUB_FLOAT,
    MUL_FLOAT,
    NEG_FLOAT,
    ABS_FLOAT,
    DIV_FLOAT,
    FLOOR,
    CEIL,
    SQRT,
    LN,
    EXP,
    FINITE,
    TO_FLOAT,
    DIVIDE_BY,  # operand: a float's bits
    MULTIPLY_BY,
    SCALE_BY,  # operand: an integer
    EQ_INT,
    NE_INT,
    LT_INT,
    LE_INT,
    GT_INT,
    GE_INT,
    EQ_FLOAT,
    NE_FLOAT,
    LT_FLOAT,
    LE_FLOAT,
    GT_FLOAT,
    GE_FLOAT,
    IN_INT,  # operand of the following: how many values they take
    IN_FLOAT,
    COALESCE,
    CASE,
    AND,
    OR,
    NOT,
    IS_NULL,
    SECONDS_BETWEEN,
) = range(47)
INSTRUCTION_WORDS = 3

UNARY_FLOAT = (NEG_FLOAT, ABS_FLOAT, FLOOR, CEIL, SQRT, LN, EXP, FINITE, DIVIDE_BY, MULTIPLY_BY)


@inner
def run(code, at, steps, results, states, request_time, stack, floats, known):
    """Runs ``steps`` instructions at ``code[at:]``; the answer is ``stack[0]``, null unless ``known[0]``.

    ``floats`` is the stack's memory as float64.
    """
    top = -1
    for step in range(steps):
        here = at + step * INSTRUCTION_WORDS
        op, operand = code[here], code[here + 1]
        if op <= PUSH_NULL:
            top += 1
            known[top] = True
            if op == PUSH_RESULT:
                stack[top] = results[operand]
                known[top] = (states[code[here + 2]] & VALID) != 0
            elif op == PUSH_TIME:
                stack[top] = request_time
            elif op == PUSH_WORD:
                stack[top] = operand
            else:
                stack[top] = 0
                known[top] = False
        elif op == TO_FLOAT:
            floats[top] = np.float64(stack[top])
        elif op == NEG_INT:
            stack[top] = -stack[top]
        elif op == ABS_INT:
            stack[top] = abs(stack[top])
        elif op == SCALE_BY:
            stack[top] *= operand
        elif op == NOT:
            stack[top] = 1 - stack[top]
        elif op == IS_NULL:
            stack[top] = 0 if known[top] else 1
            known[top] = True
        elif op in UNARY_FLOAT:
            if known[top]:
                known[top] = _apply_float(op, operand, top, floats)
        elif IN_INT <= op <= CASE:
            top -= operand - 1
            _choose(op, operand, top, stack, floats, known)
        elif op in (AND, OR):
            top -= 1
            _connect(op, top, stack, known)
        else:
            top -= 1
            known[top] = known[top] and known[top + 1] and _apply_two(op, top, stack, floats)


@inner
def _apply_float(op, operand, top, floats):
    x = floats[top]
    if op == NEG_FLOAT:
        floats[top] = -x
    elif op == ABS_FLOAT:
        floats[top] = abs(x)
    elif op == FLOOR:
        floats[top] = np.floor(x)
    elif op == CEIL:
        floats[top] = np.ceil(x)
    elif op == SQRT:
        if x < 0:
            return False
        floats[top] = math.sqrt(x)
    elif op == LN:
        if x <= 0:
            return False
        floats[top] = math.log(x)
    elif op == EXP:
        floats[top] = np.exp(x)
    elif op == FINITE:
        return np.isfinite(x)
    elif op == DIVIDE_BY:
        floats[top] = x / as_float(operand)
    elif op == MULTIPLY_BY:
        floats[top] = x * as_float(operand)
    return True


@inner
def _apply_two(op, top, stack, floats):
    """Applies a strict operation to ``top`` and ``top + 1``; whether it has an answer."""
    a, b, x, y = stack[top], stack[top + 1], floats[top], floats[top + 1]
    if op == ADD_INT:
        stack[top] = a + b
    elif op == SUB_INT:
        stack[top] = a - b
    elif op == MUL_INT:
        stack[top] = a * b
    elif op == MOD_INT:
        if b == 0:
            return False
        rest = abs(a) % abs(b)
        stack[top] = -rest if a < 0 else rest
    elif op == ADD_FLOAT:
        floats[top] = x + y
    elif op == SUB_FLOAT:
        floats[top] = x - y
    elif op == MUL_FLOAT:
        floats[top] = x * y
    elif op == DIV_FLOAT:
        if y == 0:
            return False
        floats[top] = x / y
    elif op == SECONDS_BETWEEN:
        floats[top] = np.float64(b - a) / 1e6
    else:
        stack[top] = 1 if _holds(op, a, b, x, y) else 0
    return True


@inner
def _holds(op, a, b, x, y):
    if op == EQ_INT:
        return a == b
    if op == NE_INT:
        return a != b
    if op == LT_INT:
        return a < b
    if op == LE_INT:
        return a <= b
    if op == GT_INT:
        return a > b
    if op == GE_INT:
        return a >= b
    if op == EQ_FLOAT:
        return x == y
    if op == NE_FLOAT:
        return x != y
    if op == LT_FLOAT:
        return x < y
    if op == LE_FLOAT:
        return x <= y
    if op == GT_FLOAT:
        return x > y
    return x >= y


@inner
def _connect(op, top, stack, known):
    """Kleene's AND and OR: the deciding value wins over null."""
    decides = 0 if op == AND else 1
    for i in (top, top + 1):
        if known[i] and stack[i] == decides:
            stack[top] = decides
            known[top] = True
            return
    known[top] = known[top] and known[top + 1]
    stack[top] = 1 - decides


@inner
def _choose(op, count, first, stack, floats, known):
    """COALESCE, CASE and IN over the ``count`` values from ``first`` on."""
    chosen = first + count - 1
    if op == COALESCE:
        for i in range(first, first + count):
            if known[i]:
                chosen = i
                break
    elif op == CASE:
        for i in range(first, first + count - 1, 2):
            if known[i] and stack[i] == 1:
                chosen = i + 1
                break
    else:
        found, unsure = False, not known[first]
        for i in range(first + 1, first + count):
            unsure |= not known[i]
            same = floats[i] == floats[first] if op == IN_FLOAT else stack[i] == stack[first]
            found |= known[i] and same
        known[first] = known[first] and (found or not unsure)
        stack[first] = 1 if found else 0
        return
    stack[first] = stack[chosen]
    known[first] = known[chosen]
