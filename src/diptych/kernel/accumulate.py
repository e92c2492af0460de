"""The reducers: identity, lift of records, combination of partials, and the final value of a reduction.

An accumulator is a run of int64 words: a word that says whether anything was seen, then the partial, whose words are
the same in a tile. Floats live in the same words by their bits; ``floats`` is the same memory seen as float64.
"""

import numpy as np
from numba import njit

from diptych.kernel.code import (
    COUNT,
    DISTINCT,
    FIRST,
    FLAGS,
    LAST,
    LATEST,
    MAX,
    MIN,
    MOMENTS_EXACT,
    MOMENTS_FLOAT,
    OVERFLOWED,
    RED_ACC,
    RED_ACC_WORDS,
    RED_EXPECT,
    RED_FLAG_1,
    RED_FLAG_2,
    RED_LENGTH,
    RED_MASK,
    RED_MASK_1,
    RED_MASK_2,
    RED_OP,
    RED_TABLE,
    RED_TILE,
    RED_TILE_BIT,
    RED_TILE_FLAG,
    RED_VALUE,
    RED_WORDS,
    RDN_FLOAT,
    SEEN,
    SUM_FLOAT,
    SUM_NARROW,
    SUM_WIDE,
    TILE_SEEN,
    TS,
    VALID,
)
from diptych.kernel.words import (
    add_wide,
    as_float,
    as_word,
    compare,
    compare_between,
    flip,
    hash_words,
    multiply,
    squared_deviations,
)


@njit(cache=True, inline="always")
def matches(code, red, words, row):
    """Whether the reducer takes the record at ``row``: its condition is true, its input not null, the tiles' share not."""
    flags = row + FLAGS
    return (
        (words[flags] & code[red + RED_MASK]) == code[red + RED_EXPECT]
        and (words[flags + code[red + RED_FLAG_1]] & code[red + RED_MASK_1]) == code[red + RED_MASK_1]
        and (words[flags + code[red + RED_FLAG_2]] & code[red + RED_MASK_2]) == code[red + RED_MASK_2]
    )


@njit(cache=True)
def clear(code, red, acc):
    """Makes the reducer's accumulator its identity."""
    at = code[red + RED_ACC]
    acc[at : at + code[red + RED_ACC_WORDS]] = 0


@njit(cache=True)
def lift(code, red, words, rows, begin, end, acc, floats, table):
    """Takes in the matching records among ``rows[begin:end]``, positions in ``words``, newest first.

    ``table`` holds one open-addressing hash table of positions per DISTINCT reducer (-1 is free).
    """
    op = code[red + RED_OP]
    at = code[red + RED_ACC]
    value = code[red + RED_VALUE]
    if op == COUNT:
        count = np.int64(0)
        for i in range(begin, end):
            if matches(code, red, words, rows[i]):
                count += 1
        acc[at + 1] += count
        acc[at] |= count > 0
    elif op == SUM_NARROW:
        total = acc[at + 1]
        for i in range(begin, end):
            if matches(code, red, words, rows[i]):
                total += words[rows[i] + value]
                acc[at] = 1
        acc[at + 1] = total
    elif op == SUM_FLOAT:
        sum_float = floats[at + 1]
        for i in range(begin, end):
            if matches(code, red, words, rows[i]):
                sum_float += as_float(flip(words[rows[i] + value]))
                acc[at] = 1
        floats[at + 1] = sum_float
    elif op == SUM_WIDE:
        low, high = acc[at + 1], acc[at + 2]
        for i in range(begin, end):
            if matches(code, red, words, rows[i]):
                x = words[rows[i] + value]
                low, high = add_wide(low, high, x, x >> 63)
                acc[at] = 1
        acc[at + 1], acc[at + 2] = low, high
    else:
        for i in range(begin, end):
            if matches(code, red, words, rows[i]):
                _lift_one(code, red, op, at, value, words, rows[i], acc, floats, table)


@njit(cache=True)
def _lift_one(code, red, op, at, value, words, row, acc, floats, table):
    if op == MIN:
        if acc[at] == 0 or words[row + value] < acc[at + 1]:
            acc[at + 1] = words[row + value]
    elif op == MAX:
        if acc[at] == 0 or words[row + value] > acc[at + 1]:
            acc[at + 1] = words[row + value]
    elif op == FIRST or op == LAST:
        _keep_edge(op, code[red + RED_WORDS], at, words, row + TS, row + value, acc)
    elif op == MOMENTS_EXACT:
        x = words[row + value]
        acc[at + 1] += 1
        acc[at + 2], acc[at + 3] = add_wide(acc[at + 2], acc[at + 3], x, x >> 63)
        low, high = multiply(x, x)
        acc[at + 4], acc[at + 5] = add_wide(acc[at + 4], acc[at + 5], low, high)
    elif op == MOMENTS_FLOAT:
        y = as_float(flip(words[row + value]))
        acc[at + 1] += 1
        delta = y - floats[at + 2]
        floats[at + 2] += delta / acc[at + 1]
        floats[at + 3] += delta * (y - floats[at + 2])
    elif op == DISTINCT:
        acc[at + 1] += _enter(table[code[red + RED_TABLE]], words, row + value, value, code[red + RED_WORDS])
    else:
        _enlist(code, red, at, value, words, row, acc)
    acc[at] = 1


@njit(cache=True)
def _keep_edge(op, size, at, words, ts, value, acc):
    """Keeps the least (FIRST) or greatest (LAST) of (ts, value) in ``acc[at + 1:]``."""
    if acc[at] != 0:
        order = 0
        if words[ts] != acc[at + 1]:
            order = -1 if words[ts] < acc[at + 1] else 1
        else:
            order = compare_between(words, value, acc, at + 2, size)
        if (op == FIRST and order >= 0) or (op == LAST and order <= 0):
            return
    acc[at + 1] = words[ts]
    for i in range(size):
        acc[at + 2 + i] = words[value + i]


@njit(cache=True)
def _enter(table, words, value_at, offset, size):
    """Puts a value into a set of positions; 1 if it was not there."""
    mask = len(table) - 1
    slot = np.int64(hash_words(words, value_at, size) & np.uint64(mask))
    while table[slot] >= 0:
        if compare(words, table[slot], value_at, size) == 0:
            return 0
        slot = (slot + 1) & mask
    table[slot] = value_at
    return 1


@njit(cache=True)
def _enlist(code, red, at, value, words, row, acc):
    """Keeps the last n records by (ts, value), greatest first; records come newest first."""
    n, size, held = code[red + RED_LENGTH], code[red + RED_WORDS], acc[at + 1]
    first = at + 2
    if held == n:
        if not _later(words, row, acc[first + n - 1], value, size):
            return
        held -= 1
    place = held
    while place > 0 and _later(words, row, acc[first + place - 1], value, size):
        acc[first + place] = acc[first + place - 1]
        place -= 1
    acc[first + place] = row
    acc[at + 1] = held + 1


@njit(cache=True)
def _later(words, row, other, value, size):
    if words[row + TS] != words[other + TS]:
        return words[row + TS] > words[other + TS]
    return compare(words, row + value, other + value, size) > 0


@njit(cache=True)
def merge_tile(code, red, words, tile, acc, floats, acc_at):
    """Combines the reducer's partial in the tile at ``tile`` into the accumulator at ``acc_at``; the tile stays as it is."""
    if (words[tile + TILE_SEEN + code[red + RED_TILE_FLAG]] >> code[red + RED_TILE_BIT]) & 1 == 0:
        return
    op = code[red + RED_OP]
    partial = tile + code[red + RED_TILE]
    if acc[acc_at] == 0:
        for i in range(code[red + RED_ACC_WORDS] - 1):
            acc[acc_at + 1 + i] = words[partial + i]
        acc[acc_at] = 1
    elif op == COUNT or op == SUM_NARROW:
        acc[acc_at + 1] += words[partial]
    elif op == SUM_WIDE:
        acc[acc_at + 1], acc[acc_at + 2] = add_wide(
            acc[acc_at + 1], acc[acc_at + 2], words[partial], words[partial + 1]
        )
    elif op == SUM_FLOAT:
        floats[acc_at + 1] += as_float(words[partial])
    elif op == MIN:
        acc[acc_at + 1] = min(acc[acc_at + 1], words[partial])
    elif op == MAX:
        acc[acc_at + 1] = max(acc[acc_at + 1], words[partial])
    elif op == FIRST or op == LAST:
        _keep_edge(op, code[red + RED_WORDS], acc_at, words, partial, partial + 1, acc)
    elif op == MOMENTS_EXACT:
        acc[acc_at + 1] += words[partial]
        for i in (1, 3):
            acc[acc_at + 1 + i], acc[acc_at + 2 + i] = add_wide(
                acc[acc_at + 1 + i], acc[acc_at + 2 + i], words[partial + i], words[partial + i + 1]
            )
    elif op == MOMENTS_FLOAT:
        _combine_moments(
            words[partial],
            as_float(words[partial + 1]),
            as_float(words[partial + 2]),
            acc,
            floats,
            acc_at,
        )


@njit(cache=True)
def _combine_moments(count, mean, squares, acc, floats, at):
    total = acc[at + 1] + count
    delta = mean - floats[at + 2]
    floats[at + 3] += squares + delta * delta * (np.float64(acc[at + 1]) * np.float64(count) / np.float64(total))
    floats[at + 2] += delta * (np.float64(count) / np.float64(total))
    acc[at + 1] = total


@njit(cache=True)
def conclude(code, red, reduction, words, acc, floats, result, at):
    """Writes the value of a reduction at ``result[at:]`` out of its reducer's accumulator; returns its state bits.

    Text stays sortable words, floats become their bits; a list is its length, then its values oldest first.
    """
    op = code[red + RED_OP]
    here = code[red + RED_ACC]
    state = SEEN if acc[here] != 0 else 0
    size = code[red + RED_WORDS]
    if op == LATEST:
        return state | _conclude_list(code, red, reduction, words, acc, here, result, at)
    if op == COUNT or op == SUM_NARROW or op == DISTINCT:
        result[at] = acc[here + 1]
        return state | VALID
    if op == SUM_FLOAT:
        result[at] = acc[here + 1]
        return state | VALID
    if op == SUM_WIDE:
        result[at] = acc[here + 1]
        return state | (VALID if acc[here + 2] == acc[here + 1] >> 63 else OVERFLOWED)
    for i in range(size):
        result[at + i] = 0
    if state == 0:
        return state
    if op == MOMENTS_EXACT or op == MOMENTS_FLOAT:
        count = acc[here + 1]
        if count < 2:
            return state
        if op == MOMENTS_FLOAT:
            squares = floats[here + 3]
        else:
            squares = squared_deviations(count, acc[here + 2], acc[here + 3], acc[here + 4], acc[here + 5])
        result[at] = as_word(squares / np.float64(count - 1))
        return state | VALID
    value = here + 1 if op == MIN or op == MAX else here + 2
    for i in range(size):
        word = acc[value + i]
        result[at + i] = flip(word) if code[reduction + RDN_FLOAT] else word
    return state | VALID


@njit(cache=True)
def _conclude_list(code, red, reduction, words, acc, here, result, at):
    size, value, held = code[red + RED_WORDS], code[red + RED_VALUE], acc[here + 1]
    result[at] = held
    at += 1
    for place in range(held - 1, -1, -1):
        row = acc[here + 2 + place]
        for i in range(size):
            word = words[row + value + i]
            result[at] = flip(word) if code[reduction + RDN_FLOAT] else word
            at += 1
    for i in range(at, at + (code[red + RED_LENGTH] - held) * size):
        result[i] = 0
    return VALID
