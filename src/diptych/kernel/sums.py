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
    REDUCERS,
    REDUCERS_AT,
    REDUCTIONS,
    REDUCTIONS_AT,
    RESULT_WORDS,
    SEEN,
    SUM_NARROW,
    SUM_WIDE,
    VALID,
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
def sweep_sums(code, chosen, words, mine, stamps, arrivals, turns, times, results, states):
    """Writes the results of all reductions of the reducers ``chosen``, which take the same records of one entity.

    ``mine``: these records by ts; ``stamps`` and ``arrivals``: when they happened and can first be seen; ``turns``:
    their indices by arrival.
    """
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    windows = _windows_of(code, chosen)
    first_limb, limbs = _limbs_of(code, chosen, words, mine)
    count = len(mine)
    arrived = np.zeros((1, 1 + limbs.shape[0]), np.int64)
    gone = np.zeros((len(windows), 1 + limbs.shape[0]), np.int64)
    left = np.zeros(len(windows), np.int64)
    enter = 0
    for i in range(len(times)):
        t = times[i]
        most = left.max()
        while enter < count and arrivals[turns[enter]] <= t:
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
            first = code[windows[w] + WIN_FIRST]
            for k in range(first, first + code[windows[w] + WIN_REDUCTIONS]):
                reduction = code[REDUCTIONS_AT] + k * RDN_ROW
                reducer = code[reduction + RDN_REDUCER]
                if first_limb[reducer] > 0:
                    red = code[REDUCERS_AT] + reducer * RED_ROW
                    at = i * code[RESULT_WORDS] + code[reduction + RDN_RESULT]
                    index = i * code[REDUCTIONS] + code[reduction + RDN_INDEX]
                    op, limb = code[red + RED_OP], first_limb[reducer]
                    if op == COUNT or op == SUM_NARROW:  # as ``conclude`` would, without the price of a call
                        column = 0 if op == COUNT else limb
                        results[at] = arrived[0, column] - gone[w, column]
                        states[index] = VALID | (SEEN if arrived[0, 0] > gone[w, 0] else 0)
                    else:
                        _put(op, arrived, gone, w, limb, acc, code[red + RED_ACC])
                        states[index] = conclude(code, red, reduction, words, acc, floats, results, at)


@allocating
def _windows_of(code, chosen):
    """The windows in which any of some reducers is asked for, by their places in the code."""
    windows = np.empty(code[WINDOWS], np.int64)
    count = 0
    for i in range(code[WINDOWS]):
        window = code[WINDOWS_AT] + i * WIN_ROW
        first, asked = code[window + WIN_FIRST], False
        for k in range(first, first + code[window + WIN_REDUCTIONS]):
            for reducer in chosen:
                asked |= code[code[REDUCTIONS_AT] + k * RDN_ROW + RDN_REDUCER] == reducer
        if asked:
            windows[count] = window
            count += 1
    return windows[:count]


@allocating
def _limbs_of(code, chosen, words, mine):
    """What each record adds beside one to the count: (first limb of each reducer counted from 1, limbs by records)."""
    first_limb = np.zeros(code[REDUCERS], np.int64)
    size = 0
    for reducer in chosen:
        first_limb[reducer] = 1 + size
        size += _size(code[code[REDUCERS_AT] + reducer * RED_ROW + RED_OP])
    limbs = np.empty((size, len(mine)), np.int64)
    for reducer in chosen:
        red = code[REDUCERS_AT] + reducer * RED_ROW
        op, value, at = code[red + RED_OP], code[red + RED_VALUE], first_limb[reducer] - 1
        for i in range(len(mine) if op != COUNT else 0):
            x = words[mine[i] + value]
            if op == SUM_NARROW:
                limbs[at, i] = x
            else:
                limbs[at, i], limbs[at + 1, i] = x & _MASK, x >> _LIMB
            if op == MOMENTS_EXACT:
                low, high = multiply(x, x)
                limbs[at + 2, i], limbs[at + 3, i] = low & _MASK, (low >> _LIMB) & _MASK
                limbs[at + 4, i], limbs[at + 5, i] = high & _MASK, high >> _LIMB
    return first_limb, limbs


@allocating
def _size(op):
    """The limbs of a reducer."""
    return 0 if op == COUNT else 1 if op == SUM_NARROW else 2 if op == SUM_WIDE else 6


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
def _put(op, arrived, gone, row, limb, acc, at):
    """The difference of two totals as the accumulator of a reducer whose first limb is given."""
    held = arrived[0, 0] - gone[row, 0]
    acc[at] = held > 0
    if op == SUM_WIDE:
        acc[at + 1], acc[at + 2] = _joined(arrived, gone, row, limb)
    else:
        acc[at + 1] = held
        acc[at + 2], acc[at + 3] = _joined(arrived, gone, row, limb)
        low, high = _joined(arrived, gone, row, limb + 2)
        above, _ = _joined(arrived, gone, row, limb + 4)
        acc[at + 4], acc[at + 5] = low, high + above


@allocating
def _joined(arrived, gone, row, limb):
    """The 128 bits of a limb and the one above it."""
    low, high = arrived[0, limb] - gone[row, limb], arrived[0, limb + 1] - gone[row, limb + 1]
    return add_wide(high << _LIMB, high >> _LIMB, low, np.int64(0))
