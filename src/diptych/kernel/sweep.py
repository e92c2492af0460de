"""Many instants per entity: the offline sweep over sorted records, with the reducers that serve online.

Records lie together by entity, instants sorted within each entity. An event is visible at ``t`` when ``arrival <= t``
and its ts is not before the window's tail, with ``arrival = max(ts, known_at) + 1``. What can be taken back is swept:
counts and exact sums enter once and leave each window (see ``sums``), distinct values enter and leave window by window.
What is found at an end (first, last, lists) is looked up from that end; the rest (minimum, maximum, float sums and
moments) lives in a tree over the records, in which a record comes to life on its arrival. So the work never grows
with the number of events per window.
"""

import numpy as np

from diptych.kernel.accumulate import clear, combine, conclude, gather, lift
from diptych.kernel.jit import allocating, long_entry
from diptych.kernel.order import ascending
from diptych.kernel.places import (
    ACC_WORDS,
    COUNT,
    DISTINCT,
    FIRST,
    KNOWN_AT,
    LAST,
    LATEST,
    MAX,
    MIN,
    MOMENTS_EXACT,
    MOMENTS_FLOAT,
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
    WIN_REDUCTIONS,
    WIN_ROW,
    WINDOWS,
    WINDOWS_AT,
)
from diptych.kernel.point import write_features
from diptych.kernel.state import drop_repeats, table_size
from diptych.kernel.sums import sweep_sums, tail
from diptych.kernel.words import compare, mix


@long_entry
def sweep(code, words, begins, ends, instants, query_begins, query_ends, out, marks):
    """Answers every feature of a view at every instant.

    ``words``: raw records; those of entity e are, in any order, the records ``begins[e]`` to ``ends[e]``. ``instants``
    int64: those of entity e are, ascending, ``query_begins[e]`` to ``query_ends[e]``. ``out`` (instants, OUTPUT_WORDS)
    int64 and ``marks`` (instants, 2 * FEATURES) uint8 are written: of each instant the words of every feature; their
    validity, then their status.
    """
    stack = np.zeros(code[STACK_WORDS], np.int64)
    stack_floats = stack.view(np.float64)
    known = np.zeros(code[STACK_WORDS], np.bool_)
    for entity in range(len(ends)):
        first = query_begins[entity]
        times = instants[first : query_ends[entity]]
        if len(times) == 0:
            continue
        rows = _rows_in_time(code, words, begins[entity], ends[entity])
        rows = rows[: drop_repeats(code, words, rows, len(rows))]
        results = np.zeros(len(times) * code[RESULT_WORDS], np.int64)
        states = np.zeros(len(times) * code[REDUCTIONS], np.int64)
        _sweep_reducers(code, words, rows, times, results, states)
        for i in range(len(times)):
            here = results[i * code[RESULT_WORDS] : (i + 1) * code[RESULT_WORDS]]
            state = states[i * code[REDUCTIONS] : (i + 1) * code[REDUCTIONS]]
            unseen, column, mark = len(rows) == 0, out[first + i], marks[first + i]
            write_features(code, here, state, times[i], unseen, stack, stack_floats, known, column, mark)


@allocating
def _rows_in_time(code, words, begin, end):
    """The places of an entity's records, by ts."""
    width = code[RECORD_WORDS]
    stamps = np.empty(end - begin, np.int64)
    for i in range(end - begin):
        stamps[i] = words[(begin + i) * width + TS]
    rows = ascending(stamps)
    for i in range(len(rows)):
        rows[i] = (begin + rows[i]) * width
    return rows


@allocating
def _sweep_reducers(code, words, rows, times, results, states):
    """Writes the results of all reductions for one entity; reducers that take the same records share the work on them."""
    all_stamps, all_arrivals = _times_of(words, rows)
    all_turns = ascending(all_arrivals.copy())
    mine, stamps, arrivals, turns = rows, all_stamps, all_arrivals, all_turns
    sums = np.empty(code[REDUCERS], np.int64)
    waiting = 0
    for i in range(code[REDUCERS]):
        red = code[REDUCERS_AT] + i * RED_ROW
        if code[red + RED_USES] == 0:
            continue
        taken = np.empty(len(rows) + 1, np.int64)
        taken = taken[: gather(code, red, words, rows, 0, len(rows), taken)]
        if not _same(taken, mine):
            if waiting > 0:
                sweep_sums(code, sums[:waiting], words, mine, stamps, arrivals, turns, times, results, states)
                waiting = 0
            mine, turns = taken, _turns_of(rows, all_turns, taken)
            stamps, arrivals = _times_of(words, taken)
        if code[red + RED_OP] in (COUNT, SUM_NARROW, SUM_WIDE, MOMENTS_EXACT):
            sums[waiting] = i
            waiting += 1
        else:
            _sweep_reducer(code, i, words, mine, arrivals, turns, times, results, states)
    if waiting > 0:
        sweep_sums(code, sums[:waiting], words, mine, stamps, arrivals, turns, times, results, states)


@allocating
def _times_of(words, rows):
    """When each event happened, and the first instant at which it can be seen."""
    stamps, arrivals = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    for i in range(len(rows)):
        stamps[i] = words[rows[i] + TS]
        arrivals[i] = max(stamps[i], words[rows[i] + KNOWN_AT]) + 1
    return stamps, arrivals


@allocating
def _same(rows, others):
    if len(rows) != len(others):
        return False
    for i in range(len(rows)):
        if rows[i] != others[i]:
            return False
    return True


@allocating
def _sweep_reducer(code, reducer, words, mine, arrivals, turns, times, results, states):
    """Writes the results of all reductions of one reducer that does not sum exactly."""
    red = code[REDUCERS_AT] + reducer * RED_ROW
    op = code[red + RED_OP]
    if op in (MIN, MAX, SUM_FLOAT, MOMENTS_FLOAT):
        _sweep_tree(code, reducer, words, mine, arrivals, turns, times, results, states)
        return
    for i in range(code[WINDOWS]):
        window = code[WINDOWS_AT] + i * WIN_ROW
        for k in range(code[window + WIN_FIRST], code[window + WIN_FIRST] + code[window + WIN_REDUCTIONS]):
            reduction = code[REDUCTIONS_AT] + k * RDN_ROW
            if code[reduction + RDN_REDUCER] == reducer:
                if op == DISTINCT:
                    _sweep_distinct(code, red, window, reduction, words, mine, arrivals, turns, times, results, states)
                else:
                    _look_up(code, red, window, reduction, words, mine, arrivals, times, results, states)


@allocating
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


@allocating
def _sweep_distinct(code, red, window, reduction, words, mine, arrivals, turns, times, results, states):
    """Distinct values: events enter on arrival and leave at the tail; a value counts while any event holds it."""
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    at = code[red + RED_ACC]
    numbers, holders = _number_values(code, red, words, mine)
    entered = np.zeros(len(mine), np.bool_)
    held, different, enter, leave = 0, 0, 0, 0
    for i in range(len(times)):
        edge = tail(code, window, times[i])
        while enter < len(mine) and arrivals[turns[enter]] <= times[i]:
            event = turns[enter]
            if words[mine[event] + TS] >= edge:
                different += holders[numbers[event]] == 0
                holders[numbers[event]] += 1
                entered[event] = True
                held += 1
            enter += 1
        while leave < len(mine) and words[mine[leave] + TS] < edge:
            if entered[leave]:
                holders[numbers[leave]] -= 1
                different -= holders[numbers[leave]] == 0
                held -= 1
            leave += 1
        acc[at], acc[at + 1] = held > 0, different
        at_result = i * code[RESULT_WORDS] + code[reduction + RDN_RESULT]
        state = conclude(code, red, reduction, words, acc, floats, results, at_result)
        states[i * code[REDUCTIONS] + code[reduction + RDN_INDEX]] = state


@allocating
def _number_values(code, red, words, mine):
    """Equal numbers for equal values, and for each number how many events hold it: none yet."""
    count = len(mine)
    numbers = np.zeros(count, np.int64)
    size = table_size(count)
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


@allocating
def _spread(words, at, count):
    """A well-spread unsigned word out of a value of ``count`` words."""
    spread = mix(words[at])
    for i in range(1, count):
        spread = mix(np.int64(spread ^ np.uint64(words[at + i])))
    return spread


@allocating
def _look_up(code, red, window, reduction, words, mine, arrivals, times, results, states):
    """First, last and lists: walks from the window's own end, over what has not arrived yet."""
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    table = np.empty((0, 0), np.int64)
    op = code[red + RED_OP]
    oldest, head = 0, 0
    for i in range(len(times)):
        edge = tail(code, window, times[i])
        while oldest < len(mine) and words[mine[oldest] + TS] < edge:
            oldest += 1
        while head < len(mine) and words[mine[head] + TS] < times[i]:
            head += 1
        clear(code, red, acc)
        step = 1 if op == FIRST else -1
        at = oldest if op == FIRST else head - 1
        while oldest <= at < head and not _settled(code, red, words, mine[at], acc):
            if arrivals[at] <= times[i]:
                lift(code, red, words, mine[at : at + 1], 1, acc, floats, table)
            at += step
        at_result = i * code[RESULT_WORDS] + code[reduction + RDN_RESULT]
        state = conclude(code, red, reduction, words, acc, floats, results, at_result)
        states[i * code[REDUCTIONS] + code[reduction + RDN_INDEX]] = state


@allocating
def _settled(code, red, words, row, acc):
    """Whether neither this record nor any beyond it can change the accumulator: it is full, of other instants."""
    op, at = code[red + RED_OP], code[red + RED_ACC]
    if acc[at] == 0:
        return False
    if op == LATEST:
        n = code[red + RED_LENGTH]
        return acc[at + 1] == n and words[row + TS] < words[acc[at + 1 + n] + TS]
    return words[row + TS] != acc[at + 1]


@allocating
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
            edge = tail(code, window, times[i])
            while tails[w] < len(mine) and words[mine[tails[w]] + TS] < edge:
                tails[w] += 1
            for k in range(code[window + WIN_FIRST], code[window + WIN_FIRST] + code[window + WIN_REDUCTIONS]):
                reduction = code[REDUCTIONS_AT] + k * RDN_ROW
                if code[reduction + RDN_REDUCER] == reducer:
                    _combine_from(code, red, tree, leaves, tails[w], acc, floats)
                    at = i * code[RESULT_WORDS] + code[reduction + RDN_RESULT]
                    state = conclude(code, red, reduction, words, acc, floats, results, at)
                    states[i * code[REDUCTIONS] + code[reduction + RDN_INDEX]] = state


@allocating
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


@allocating
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


@allocating
def _combine_node(code, red, tree, node, acc, floats):
    at = node * code[red + RED_ACC_WORDS]
    if tree[at] != 0:
        combine(code, red, tree, at + 1, acc, floats, code[red + RED_ACC])
