"""Many instants per entity: the offline sweep over sorted records, with the reducers that serve online.

Records lie sorted by (entity, ts), instants sorted within each entity. An event is visible at ``t`` when
``arrival <= t`` and its ts is not before the window's tail, with ``arrival = max(ts, known_at) + 1``. What can be taken
back (counts, exact sums, distinct values) is swept with two pointers; what is found at an end (first, last, lists) is
looked up from that end; the rest (minimum, maximum, float sums and moments) lives in a tree over the records, in
which a record comes to life on its arrival. So the work never grows with the number of events per window.
"""

import numpy as np

from diptych.kernel.accumulate import clear, combine, conclude, gather, lift
from diptych.kernel.code import (
    ACC_WORDS,
    COUNT,
    DISTINCT,
    ENDLESS,
    FIRST,
    KNOWN_AT,
    LAST,
    LATEST,
    MAX,
    MIN,
    MOMENTS_FLOAT,
    NO_HEADER,
    RDN_INDEX,
    RDN_REDUCER,
    RDN_RESULT,
    RDN_ROW,
    RECORD_WORDS,
    RED_ACC,
    RED_ACC_WORDS,
    RED_LENGTH,
    RED_OP,
    RED_ROW,
    RED_USES,
    RED_VALUE,
    RED_WORDS,
    REDUCERS,
    REDUCERS_AT,
    REDUCTIONS,
    REDUCTIONS_AT,
    RESULT_WORDS,
    STACK_WORDS,
    SUM_FLOAT,
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
from diptych.kernel.jit import inner, long_entry
from diptych.kernel.point import write_features
from diptych.kernel.state import drop_repeats
from diptych.kernel.words import add_wide, compare, floor_to, mix, multiply, sub_wide


@long_entry
def sweep(code, words, record_ends, instants, query_ends, out, marks):
    """Answers every feature of a view at every instant.

    ``words``: raw records sorted by (entity, ts); ``record_ends[e]``: end of the records of entity e, in records;
    ``instants`` int64, sorted per entity; ``query_ends[e]``: end of its instants. ``out`` and ``marks`` are written as
    ``point.read_points`` writes them, one column per instant.
    """
    stack = np.zeros(code[STACK_WORDS], np.int64)
    stack_floats = stack.view(np.float64)
    known = np.zeros(code[STACK_WORDS], np.bool_)
    record, query = 0, 0
    for entity in range(len(query_ends)):
        rows = np.arange(record, record_ends[entity]) * code[RECORD_WORDS]
        rows = rows[: drop_repeats(code, words, rows, len(rows))]
        times = instants[query : query_ends[entity]]
        order = _arrival_order(words, rows)
        results = np.zeros((len(times), code[RESULT_WORDS]), np.int64)
        states = np.zeros((len(times), code[REDUCTIONS]), np.int64)
        for i in range(code[REDUCERS]):
            if code[code[REDUCERS_AT] + i * RED_ROW + RED_USES] > 0:
                _sweep_reducer(code, i, words, rows, order, times, results, states)
        for i in range(len(times)):
            at = query + i
            write_features(
                code,
                results[i],
                states[i],
                times[i],
                len(rows) == 0,
                stack,
                stack_floats,
                known,
                out[:, at],
                marks[:, at],
            )
        record, query = record_ends[entity], query_ends[entity]


@inner
def _sweep_reducer(code, reducer, words, rows, order, times, results, states):
    """Writes the results of all reductions of one reducer, for one entity."""
    red = code[REDUCERS_AT] + reducer * RED_ROW
    op = code[red + RED_OP]
    mine = np.empty(len(rows) + 1, np.int64)
    count = gather(code, red, words, rows, 0, len(rows), mine)
    mine = mine[:count]
    arrivals = np.empty(count, np.int64)
    for i in range(count):
        arrivals[i] = _arrival(words, mine[i])
    turns = _turns_of(rows, order, mine)
    if op in (MIN, MAX, SUM_FLOAT, MOMENTS_FLOAT):
        _sweep_tree(code, reducer, words, mine, arrivals, turns, times, results, states)
        return
    for i in range(code[WINDOWS]):
        window = code[WINDOWS_AT] + i * WIN_ROW
        for k in range(code[window + WIN_FIRST], code[window + WIN_FIRST] + code[window + WIN_REDUCTIONS]):
            reduction = code[REDUCTIONS_AT] + k * RDN_ROW
            if code[reduction + RDN_REDUCER] == reducer:
                if op in (FIRST, LAST, LATEST):
                    _look_up(code, red, window, reduction, words, mine, arrivals, times, results, states)
                else:
                    _sweep_group(code, red, window, reduction, words, mine, arrivals, turns, times, results, states)


@inner
def _arrival(words, row):
    """The first instant at which an event can be seen."""
    return max(words[row + TS], words[row + KNOWN_AT]) + 1


@inner
def _arrival_order(words, rows):
    """The indices of an entity's records in the order of arrival."""
    arrivals = np.empty(len(rows), np.int64)
    ordered = True
    for i in range(len(rows)):
        arrivals[i] = _arrival(words, rows[i])
        ordered &= i == 0 or arrivals[i - 1] <= arrivals[i]
    return np.arange(len(rows)) if ordered else np.argsort(arrivals, kind="mergesort")


@inner
def _turns_of(rows, order, mine):
    """The indices of a reducer's own records, a part of all in the same order, in the order of arrival."""
    if len(mine) == len(rows):
        return order
    places = np.full(len(rows), -1, np.int64)
    taken = 0
    for i in range(len(rows)):
        if taken < len(mine) and rows[i] == mine[taken]:
            places[i] = taken
            taken += 1
    turns = np.empty(len(mine), np.int64)
    count = 0
    for i in order:
        if places[i] >= 0:
            turns[count] = places[i]
            count += 1
    return turns


@inner
def _tail(code, window, t):
    """The least ts inside the window at ``t``."""
    length = code[window + WIN_LENGTH]
    return np.int64(NO_HEADER) if length == ENDLESS else floor_to(t - length, code[window + WIN_HOP])


@inner
def _sweep_group(code, red, window, reduction, words, mine, arrivals, turns, times, results, states):
    """Counts, exact sums and distinct values: events enter on arrival and leave at the tail, both exactly."""
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    numbers, holders = _number_values(code, red, words, mine)
    entered = np.zeros(len(mine), np.bool_)
    held, enter, leave = 0, 0, 0
    for i in range(len(times)):
        tail = _tail(code, window, times[i])
        while enter < len(mine) and arrivals[turns[enter]] <= times[i]:
            event = turns[enter]
            if words[mine[event] + TS] >= tail:
                _shift(code, red, words, mine[event], numbers[event], holders, acc, 1)
                entered[event] = True
                held += 1
            enter += 1
        while leave < len(mine) and words[mine[leave] + TS] < tail:
            if entered[leave]:
                _shift(code, red, words, mine[leave], numbers[leave], holders, acc, -1)
                held -= 1
            leave += 1
        acc[code[red + RED_ACC]] = held > 0
        states[i, code[reduction + RDN_INDEX]] = conclude(
            code, red, reduction, words, acc, floats, results[i], code[reduction + RDN_RESULT]
        )


@inner
def _shift(code, red, words, row, number, holders, acc, sign):
    """Puts one event into the accumulator, or takes it out again."""
    op, at = code[red + RED_OP], code[red + RED_ACC] + 1
    x = words[row + code[red + RED_VALUE]]
    if op == COUNT:
        acc[at] += sign
    elif op == SUM_NARROW:
        acc[at] += sign * x
    elif op == SUM_WIDE:
        _shift_wide(acc, at, x, x >> 63, sign)
    elif op == DISTINCT:
        holders[number] += sign
        if holders[number] == (1 if sign > 0 else 0):
            acc[at] += sign
    else:
        acc[at] += sign
        _shift_wide(acc, at + 1, x, x >> 63, sign)
        low, high = multiply(x, x)
        _shift_wide(acc, at + 3, low, high, sign)


@inner
def _shift_wide(acc, at, low, high, sign):
    if sign > 0:
        acc[at], acc[at + 1] = add_wide(acc[at], acc[at + 1], low, high)
    else:
        acc[at], acc[at + 1] = sub_wide(acc[at], acc[at + 1], low, high)


@inner
def _number_values(code, red, words, mine):
    """For DISTINCT: equal numbers for equal values, and how many events hold each; otherwise nothing of use."""
    count = len(mine) if code[red + RED_OP] == DISTINCT else 0
    numbers = np.zeros(len(mine), np.int64)
    size = 4
    while size < 2 * count:
        size *= 2
    slots = np.full(size, -1, np.int64)
    value, width = code[red + RED_VALUE], code[red + RED_WORDS]
    different = 0
    for i in range(count):
        slot = np.int64(_spread(words, mine[i] + value, width) & np.uint64(size - 1))
        while slots[slot] >= 0 and compare(words, mine[slots[slot]] + value, mine[i] + value, width) != 0:
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = i
            numbers[i] = different
            different += 1
        else:
            numbers[i] = numbers[slots[slot]]
    return numbers, np.zeros(different, np.int64)


@inner
def _spread(words, at, count):
    """A well-spread unsigned word out of a value of ``count`` words."""
    spread = mix(words[at])
    for i in range(1, count):
        spread = mix(np.int64(spread ^ np.uint64(words[at + i])))
    return spread


@inner
def _look_up(code, red, window, reduction, words, mine, arrivals, times, results, states):
    """First, last and lists: walks from the window's own end, over what has not arrived yet."""
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    table = np.empty((0, 0), np.int64)
    op = code[red + RED_OP]
    tail, head = 0, 0
    for i in range(len(times)):
        edge = _tail(code, window, times[i])
        while tail < len(mine) and words[mine[tail] + TS] < edge:
            tail += 1
        while head < len(mine) and words[mine[head] + TS] < times[i]:
            head += 1
        clear(code, red, acc)
        step = 1 if op == FIRST else -1
        at = tail if op == FIRST else head - 1
        while tail <= at < head and not _settled(code, red, words, mine[at], acc):
            if arrivals[at] <= times[i]:
                lift(code, red, words, mine[at : at + 1], 1, acc, floats, table)
            at += step
        states[i, code[reduction + RDN_INDEX]] = conclude(
            code, red, reduction, words, acc, floats, results[i], code[reduction + RDN_RESULT]
        )


@inner
def _settled(code, red, words, row, acc):
    """Whether neither this record nor any beyond it can change the accumulator: it is full, of other instants."""
    op, at = code[red + RED_OP], code[red + RED_ACC]
    if acc[at] == 0:
        return False
    if op == LATEST:
        n = code[red + RED_LENGTH]
        return acc[at + 1] == n and words[row + TS] < words[acc[at + 1 + n] + TS]
    return words[row + TS] != acc[at + 1]


@inner
def _sweep_tree(code, reducer, words, mine, arrivals, turns, times, results, states):
    """Minimum, maximum, float sums and moments: every window of the reducer asks one tree of what has arrived."""
    red = code[REDUCERS_AT] + reducer * RED_ROW
    leaves = 1
    while leaves < len(mine):
        leaves *= 2
    tree = np.zeros(2 * leaves * code[red + RED_ACC_WORDS], np.int64)
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    tails = np.zeros(code[WINDOWS], np.int64)
    enter = 0
    for i in range(len(times)):
        while enter < len(mine) and arrivals[turns[enter]] <= times[i]:
            _raise_leaf(code, red, words, mine, turns[enter], tree, leaves, acc, floats)
            enter += 1
        for w in range(code[WINDOWS]):
            window = code[WINDOWS_AT] + w * WIN_ROW
            edge = _tail(code, window, times[i])
            while tails[w] < len(mine) and words[mine[tails[w]] + TS] < edge:
                tails[w] += 1
            for k in range(code[window + WIN_FIRST], code[window + WIN_FIRST] + code[window + WIN_REDUCTIONS]):
                reduction = code[REDUCTIONS_AT] + k * RDN_ROW
                if code[reduction + RDN_REDUCER] == reducer:
                    _combine_from(code, red, tree, leaves, tails[w], acc, floats)
                    states[i, code[reduction + RDN_INDEX]] = conclude(
                        code, red, reduction, words, acc, floats, results[i], code[reduction + RDN_RESULT]
                    )


@inner
def _raise_leaf(code, red, words, mine, leaf, tree, leaves, acc, floats):
    """Brings a record to life in the tree and renews the nodes above it."""
    at, width = code[red + RED_ACC], code[red + RED_ACC_WORDS]
    clear(code, red, acc)
    lift(code, red, words, mine[leaf : leaf + 1], 1, acc, floats, np.empty((0, 0), np.int64))
    node = leaves + leaf
    while True:
        for i in range(width):
            tree[node * width + i] = acc[at + i]
        if node == 1:
            return
        node //= 2
        clear(code, red, acc)
        _combine_node(code, red, tree, 2 * node, acc, floats)
        _combine_node(code, red, tree, 2 * node + 1, acc, floats)


@inner
def _combine_from(code, red, tree, leaves, first, acc, floats):
    """Combines all living records from the index ``first`` on; those after the instant are not alive yet."""
    clear(code, red, acc)
    node, end = leaves + first, 2 * leaves
    while node < end:
        if node & 1:
            _combine_node(code, red, tree, node, acc, floats)
            node += 1
        node //= 2
        end //= 2


@inner
def _combine_node(code, red, tree, node, acc, floats):
    at = node * code[red + RED_ACC_WORDS]
    if tree[at] != 0:
        combine(code, red, tree, at + 1, acc, floats, code[red + RED_ACC])
