"""Counts, exact sums and exact moments at many instants: what arrived in all, less what has left each window.

An event arrives once for all windows and leaves each window once, so a window's value is one difference. Numbers wider
than a word travel as limbs of 32 bits, so that everything that is added and taken back is a plain word.
"""

import numpy as np

from diptych.kernel.accumulate import conclude
from diptych.kernel.jit import allocating
from diptych.kernel.places import (
    ACC_WORDS,
    COUNT,
    ENDLESS,
    NO_HEADER,
    RDN_INDEX,
    RDN_REDUCER,
    RDN_RESULT,
    RDN_ROW,
    RED_ACC,
    RED_OP,
    RED_ROW,
    RED_VALUE,
    REDUCERS_AT,
    REDUCTIONS_AT,
    SUM_NARROW,
    SUM_WIDE,
    TS,
    WIN_FIRST,
    WIN_HOP,
    WIN_LENGTH,
    WIN_REDUCTIONS,
    WIN_ROW,
    WINDOWS,
    WINDOWS_AT,
)
from diptych.kernel.words import add_wide, floor_to, multiply

_LIMB = np.int64(32)
_MASK = np.int64(0xFFFFFFFF)


@allocating
def tail(code, window, t):
    """The least ts inside the window at ``t``."""
    length = code[window + WIN_LENGTH]
    return np.int64(NO_HEADER) if length == ENDLESS else floor_to(t - length, code[window + WIN_HOP])


@allocating
def sweep_sums(code, reducer, words, mine, arrivals, turns, times, results, states):
    """Writes the results of all reductions of one reducer, for one entity; ``mine``: its records by ts."""
    red = code[REDUCERS_AT] + reducer * RED_ROW
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    windows = _windows_of(code, reducer)
    limbs = _limbs(code, red, words, mine)
    width, count = 1 + limbs.shape[1], len(mine)
    stamps = np.empty(count, np.int64)
    for i in range(count):
        stamps[i] = words[mine[i] + TS]
    arrived = np.zeros(width, np.int64)
    gone = np.zeros((len(windows), width), np.int64)
    left = np.zeros(len(windows), np.int64)
    enter = 0
    for i in range(len(times)):
        t = times[i]
        while enter < count and arrivals[turns[enter]] <= t:
            event = turns[enter]
            _add(arrived, limbs, event)
            for w in range(len(windows)):
                if event < left[w]:  # it arrives after its own time in the window
                    _add(gone[w], limbs, event)
            enter += 1
        for w in range(len(windows)):
            edge = tail(code, windows[w], t)
            event = left[w]
            while event < count and stamps[event] < edge:
                if arrivals[event] <= t:
                    _add(gone[w], limbs, event)
                event += 1
            left[w] = event
            _put(code, red, arrived, gone[w], acc)
            first = code[windows[w] + WIN_FIRST]
            for k in range(first, first + code[windows[w] + WIN_REDUCTIONS]):
                reduction = code[REDUCTIONS_AT] + k * RDN_ROW
                if code[reduction + RDN_REDUCER] == reducer:
                    states[i, code[reduction + RDN_INDEX]] = conclude(
                        code, red, reduction, words, acc, floats, results[i], code[reduction + RDN_RESULT]
                    )


@allocating
def _windows_of(code, reducer):
    """The windows in which a reducer is asked for, by their places in the code."""
    windows = np.empty(code[WINDOWS], np.int64)
    count = 0
    for i in range(code[WINDOWS]):
        window = code[WINDOWS_AT] + i * WIN_ROW
        first, asked = code[window + WIN_FIRST], False
        for k in range(first, first + code[window + WIN_REDUCTIONS]):
            asked |= code[code[REDUCTIONS_AT] + k * RDN_ROW + RDN_REDUCER] == reducer
        if asked:
            windows[count] = window
            count += 1
    return windows[:count]


@allocating
def _limbs(code, red, words, mine):
    """What each record adds beside one to the count: (records, limbs)."""
    op, value = code[red + RED_OP], code[red + RED_VALUE]
    if op == COUNT:
        return np.empty((len(mine), 0), np.int64)
    if op == SUM_NARROW:
        limbs = np.empty((len(mine), 1), np.int64)
        for i in range(len(mine)):
            limbs[i, 0] = words[mine[i] + value]
        return limbs
    limbs = np.empty((len(mine), 2 if op == SUM_WIDE else 6), np.int64)
    for i in range(len(mine)):
        x = words[mine[i] + value]
        limbs[i, 0], limbs[i, 1] = x & _MASK, x >> _LIMB
        if op != SUM_WIDE:
            low, high = multiply(x, x)
            limbs[i, 2], limbs[i, 3] = low & _MASK, (low >> _LIMB) & _MASK
            limbs[i, 4], limbs[i, 5] = high & _MASK, high >> _LIMB
    return limbs


@allocating
def _add(total, limbs, event):
    total[0] += 1
    for k in range(limbs.shape[1]):
        total[1 + k] += limbs[event, k]


@allocating
def _put(code, red, arrived, gone, acc):
    """The difference of two totals as the reducer's accumulator."""
    op, at = code[red + RED_OP], code[red + RED_ACC]
    held = arrived[0] - gone[0]
    acc[at] = held > 0
    if op == COUNT:
        acc[at + 1] = held
    elif op == SUM_NARROW:
        acc[at + 1] = arrived[1] - gone[1]
    else:
        low, high = arrived[1] - gone[1], arrived[2] - gone[2]
        to = at + 1
        if op != SUM_WIDE:
            acc[at + 1] = held
            to = at + 2
        acc[to], acc[to + 1] = add_wide(high << _LIMB, high >> _LIMB, low, np.int64(0))
        if op != SUM_WIDE:
            second, top = arrived[4] - gone[4], arrived[6] - gone[6]
            low, high = add_wide(second << _LIMB, second >> _LIMB, arrived[3] - gone[3], np.int64(0))
            acc[to + 2], acc[to + 3] = add_wide(low, high, np.int64(0), (arrived[5] - gone[5]) + (top << _LIMB))
