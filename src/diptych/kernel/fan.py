"""Minimum, maximum, float sums and moments at many instants: a tree over an entity's records by ts.

Nothing here can be taken back, so a window is put together from its parts. Each node covers ``16 ** level`` records and
holds what has arrived of them; a record that arrives is merged into one node per level. Nodes never shrink: what has
left a window lies before the window's first record, and only nodes wholly behind that are read.
"""

import numpy as np

from diptych.kernel.accumulate import conclude
from diptych.kernel.jit import allocating
from diptych.kernel.places import (
    ACC_WORDS,
    MAX,
    MIN,
    MOMENTS_FLOAT,
    RDN_INDEX,
    RDN_REDUCER,
    RDN_RESULT,
    RDN_ROW,
    RED_ACC,
    RED_OP,
    RED_ROW,
    RED_VALUE,
    REDUCERS_AT,
    REDUCTIONS,
    REDUCTIONS_AT,
    RESULT_WORDS,
    TS,
    WIN_FIRST,
    WIN_REDUCTIONS,
    WIN_ROW,
    WINDOWS,
    WINDOWS_AT,
)
from diptych.kernel.sums import tail
from diptych.kernel.words import as_float, as_word, flip

_BITS = 4
_WIDTH = 1 << _BITS


@allocating
def sweep_fan(code, reducer, words, mine, arrivals, turns, times, results, states):
    """Writes the results of all reductions of one reducer, for one entity; see ``sums.sweep_sums``."""
    red = code[REDUCERS_AT] + reducer * RED_ROW
    op, at = code[red + RED_OP], code[red + RED_ACC]
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    leaves = _leaves(code, red, words, mine)
    firsts = _first_nodes(len(mine))
    counts = np.zeros(firsts[-1], np.int64)
    values, squares = np.zeros(firsts[-1], np.int64), np.zeros(firsts[-1], np.float64)
    oldest = np.zeros(code[WINDOWS], np.int64)
    enter = 0
    for i in range(len(times)):
        while enter < len(mine) and arrivals[turns[enter]] <= times[i]:
            event = turns[enter]
            for level in range(len(firsts) - 1):
                node = firsts[level] + (event >> (_BITS * (level + 1)))
                merged = _merged(op, counts[node], values[node], squares[node], 1, leaves[event], 0.0)
                counts[node], values[node], squares[node] = merged
            enter += 1
        for w in range(code[WINDOWS]):
            window = code[WINDOWS_AT] + w * WIN_ROW
            first, last = code[window + WIN_FIRST], code[window + WIN_FIRST] + code[window + WIN_REDUCTIONS]
            for k in range(first, last):
                reduction = code[REDUCTIONS_AT] + k * RDN_ROW
                if code[reduction + RDN_REDUCER] == reducer:
                    edge = tail(code, window, times[i])
                    while oldest[w] < len(mine) and words[mine[oldest[w]] + TS] < edge:
                        oldest[w] += 1
                    count, value, square = _gathered(
                        op, leaves, arrivals, firsts, counts, values, squares, oldest[w], times[i]
                    )
                    acc[at] = count > 0
                    if op == MOMENTS_FLOAT:
                        acc[at + 1], acc[at + 2], floats[at + 3] = count, value, square
                    else:
                        acc[at + 1] = value
                    result = i * code[RESULT_WORDS] + code[reduction + RDN_RESULT]
                    state = conclude(code, red, reduction, words, acc, floats, results, result)
                    states[i * code[REDUCTIONS] + code[reduction + RDN_INDEX]] = state


@allocating
def _leaves(code, red, words, mine):
    """The value of each record as a partial holds it: a sortable word, or the bits of a float."""
    op, value = code[red + RED_OP], code[red + RED_VALUE]
    leaves = np.empty(len(mine), np.int64)
    for i in range(len(mine)):
        word = words[mine[i] + value]
        leaves[i] = word if op in (MIN, MAX) else flip(word)
    return leaves


@allocating
def _first_nodes(count):
    """Where the nodes of each level begin, from those just above the records up to a single one; and their end."""
    levels, size = 1, (count + _WIDTH - 1) >> _BITS
    while size > 1:
        size = (size + _WIDTH - 1) >> _BITS
        levels += 1
    firsts = np.zeros(levels + 1, np.int64)
    size = count
    for level in range(levels):
        size = (size + _WIDTH - 1) >> _BITS
        firsts[level + 1] = firsts[level] + size
    return firsts


@allocating
def _gathered(op, leaves, arrivals, firsts, counts, values, squares, begin, t):
    """What has arrived by ``t`` of the records from ``begin`` on, as (count, value, sum of squared deviations)."""
    count, value, square = np.int64(0), np.int64(0), 0.0
    at = begin
    while at < len(leaves) and at & (_WIDTH - 1) != 0:
        if arrivals[at] <= t:
            count, value, square = _merged(op, count, value, square, 1, leaves[at], 0.0)
        at += 1
    at = (at + _WIDTH - 1) >> _BITS
    for level in range(len(firsts) - 1):
        size = firsts[level + 1] - firsts[level]
        while at < size and (at & (_WIDTH - 1) != 0 or size == 1):
            node = firsts[level] + at
            if counts[node] > 0:
                count, value, square = _merged(op, count, value, square, counts[node], values[node], squares[node])
            at += 1
        at = (at + _WIDTH - 1) >> _BITS
    return count, value, square


@allocating
def _merged(op, count, value, square, more, other, other_square):
    """Two partials as one."""
    if count == 0:
        return more, other, other_square
    if op == MIN:
        return count + more, min(value, other), 0.0
    if op == MAX:
        return count + more, max(value, other), 0.0
    x, y = as_float(value), as_float(other)
    if op != MOMENTS_FLOAT:
        return count + more, as_word(x + y), 0.0
    total = count + more
    delta, share = y - x, np.float64(more) / np.float64(total)
    return total, as_word(x + delta * share), square + other_square + delta * delta * (np.float64(count) * share)
