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
    MOMENTS_EXACT,
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
    REDUCTIONS,
    REDUCTIONS_AT,
    RESULT_WORDS,
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
def sweep_sums(code, reducer, words, mine, turns, seen_at, times, results, states):
    """Writes the results of all reductions of one reducer, for one entity.

    ``mine``: its records by ts; ``turns``: their indices by arrival, ``seen_at``: the instants of arrival in that order.
    """
    red = code[REDUCERS_AT] + reducer * RED_ROW
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    windows = _windows_of(code, reducer)
    limbs = _limbs(code, red, words, mine)
    count = len(mine)
    stamps, arrivals = np.empty(count, np.int64), np.empty(count, np.int64)
    for i in range(count):
        stamps[i] = words[mine[i] + TS]
        arrivals[turns[i]] = seen_at[i]
    arrived = np.zeros((1, 1 + limbs.shape[0]), np.int64)
    gone = np.zeros((len(windows), 1 + limbs.shape[0]), np.int64)
    left = np.zeros(len(windows), np.int64)
    enter = 0
    for i in range(len(times)):
        t = times[i]
        most = left.max()
        while enter < count and seen_at[enter] <= t:
            event = turns[enter]
            _add(arrived, 0, limbs, event)
            if event < most:  # it arrives when some window has passed it
                for w in range(len(windows)):
                    if event < left[w]:
                        _add(gone, w, limbs, event)
            enter += 1
        for w in range(len(windows)):
            edge = tail(code, windows[w], t)
            end = left[w]
            while end < count and stamps[end] < edge:
                end += 1
            _leave(gone, w, limbs, arrivals, left[w], end, t)
            left[w] = end
            _put(code, red, arrived, gone, w, acc)
            first = code[windows[w] + WIN_FIRST]
            for k in range(first, first + code[windows[w] + WIN_REDUCTIONS]):
                reduction = code[REDUCTIONS_AT] + k * RDN_ROW
                if code[reduction + RDN_REDUCER] == reducer:
                    at = i * code[RESULT_WORDS] + code[reduction + RDN_RESULT]
                    state = conclude(code, red, reduction, words, acc, floats, results, at)
                    states[i * code[REDUCTIONS] + code[reduction + RDN_INDEX]] = state


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
    """What each record adds beside one to the count: (limbs, records)."""
    op, value = code[red + RED_OP], code[red + RED_VALUE]
    size = 0 if op == COUNT else 1 if op == SUM_NARROW else 2 if op == SUM_WIDE else 6
    limbs = np.empty((size, len(mine)), np.int64)
    for i in range(len(mine) if size > 0 else 0):
        x = words[mine[i] + value]
        if op == SUM_NARROW:
            limbs[0, i] = x
        else:
            limbs[0, i], limbs[1, i] = x & _MASK, x >> _LIMB
        if op == MOMENTS_EXACT:
            low, high = multiply(x, x)
            limbs[2, i], limbs[3, i] = low & _MASK, (low >> _LIMB) & _MASK
            limbs[4, i], limbs[5, i] = high & _MASK, high >> _LIMB
    return limbs


@allocating
def _add(totals, row, limbs, event):
    totals[row, 0] += 1
    for k in range(limbs.shape[0]):
        totals[row, 1 + k] += limbs[k, event]


@allocating
def _leave(gone, row, limbs, arrivals, begin, end, t):
    """Takes in what leaves a window: the records of a stretch that had arrived."""
    count = np.int64(0)
    for event in range(begin, end):
        count += arrivals[event] <= t
    gone[row, 0] += count
    for k in range(limbs.shape[0]):
        total = np.int64(0)
        for event in range(begin, end):
            total += limbs[k, event] if arrivals[event] <= t else 0
        gone[row, 1 + k] += total


@allocating
def _put(code, red, arrived, gone, row, acc):
    """The difference of two totals as the reducer's accumulator."""
    op, at = code[red + RED_OP], code[red + RED_ACC]
    held = arrived[0, 0] - gone[row, 0]
    acc[at] = held > 0
    if op == COUNT:
        acc[at + 1] = held
    elif op == SUM_NARROW:
        acc[at + 1] = arrived[0, 1] - gone[row, 1]
    elif op == SUM_WIDE:
        acc[at + 1], acc[at + 2] = _joined(arrived, gone, row, 1)
    else:
        acc[at + 1] = held
        acc[at + 2], acc[at + 3] = _joined(arrived, gone, row, 1)
        low, high = _joined(arrived, gone, row, 3)
        above, _ = _joined(arrived, gone, row, 5)
        acc[at + 4], acc[at + 5] = low, high + above


@allocating
def _joined(arrived, gone, row, k):
    """The 128 bits of two limbs, the lower one at ``k``."""
    low, high = arrived[0, k] - gone[row, k], arrived[0, k + 1] - gone[row, k + 1]
    return add_wide(high << _LIMB, high >> _LIMB, low, np.int64(0))
