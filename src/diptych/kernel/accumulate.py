"""The reducers: identity, lift of records, combination of partials, and the final value of a reduction.

An accumulator is a run of int64 words: a word that says whether anything was seen, then the partial, whose words are
the same in a tile. Floats live in the same words by their bits; ``floats`` is the same memory seen as float64.
"""

import numpy as np

from diptych.kernel.jit import inner
from diptych.kernel.places import (
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
    RDN_FORM,
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
    mix,
    multiply,
    plain,
    squared_deviations,
)

_ONE = np.uint64(1)


@inner
def store_partial(code, red, acc, out, tile):
    """Writes the accumulator into the tile at ``tile`` of ``out``, whose seen bits are zero so far."""
    at = code[red + RED_ACC]
    if acc[at] != 0:
        out[tile + TILE_SEEN + code[red + RED_TILE_FLAG]] |= np.int64(1) << code[red + RED_TILE_BIT]
    for i in range(code[red + RED_ACC_WORDS] - 1):
        out[tile + code[red + RED_TILE] + i] = acc[at + 1 + i]


@inner
def gather(code, red, words, rows, begin, end, hits):
    """Puts into ``hits`` those of ``rows[begin:end]`` that the reducer takes, in their order; returns how many.

    It takes a record whose condition is true and whose input is not null; a tiled one takes no counted record.
    """
    mask, expect = code[red + RED_MASK], code[red + RED_EXPECT]
    flag_1, mask_1 = FLAGS + code[red + RED_FLAG_1], code[red + RED_MASK_1]
    flag_2, mask_2 = FLAGS + code[red + RED_FLAG_2], code[red + RED_MASK_2]
    more = mask_1 | mask_2
    count = 0
    for i in range(begin, end):
        row = rows[i]
        hits[count] = row
        taken = words[row + FLAGS] & mask == expect
        if more != 0 and taken:
            taken = words[row + flag_1] & mask_1 == mask_1 and words[row + flag_2] & mask_2 == mask_2
        count += taken
    return count


@inner
def clear(code, red, acc):
    """Makes the reducer's accumulator its identity."""
    at = code[red + RED_ACC]
    for i in range(code[red + RED_ACC_WORDS]):
        acc[at + i] = 0


@inner
def lift(code, red, words, hits, count, acc, floats, table):
    """Takes in the records at ``hits[:count]``, at least one, which ``gather`` chose: newest first.

    ``table`` holds one open-addressing hash table of positions per DISTINCT reducer (-1 is free).
    """
    op = code[red + RED_OP]
    at = code[red + RED_ACC]
    value = code[red + RED_VALUE]
    seen = acc[at] != 0
    acc[at] = 1
    if op == COUNT:
        acc[at + 1] += count
    elif op == SUM_NARROW:
        total = np.int64(0)
        for i in range(count):
            total += words[hits[i] + value]
        acc[at + 1] += total
    elif op == SUM_FLOAT:
        sum_float = floats[at + 1]
        for i in range(count):
            sum_float += as_float(flip(words[hits[i] + value]))
        floats[at + 1] = sum_float
    elif op == SUM_WIDE:
        low, high = acc[at + 1], acc[at + 2]
        for i in range(count):
            x = words[hits[i] + value]
            low, high = add_wide(low, high, x, x >> 63)
        acc[at + 1], acc[at + 2] = low, high
    elif op == MIN:
        least = acc[at + 1] if seen else words[hits[0] + value]
        for i in range(count):
            least = min(least, words[hits[i] + value])
        acc[at + 1] = least
    elif op == MAX:
        most = acc[at + 1] if seen else words[hits[0] + value]
        for i in range(count):
            most = max(most, words[hits[i] + value])
        acc[at + 1] = most
    elif op == LAST:
        i = 0
        newest = words[hits[0] + TS]
        while i < count and words[hits[i] + TS] == newest:
            seen = _keep_edge(op, seen, code[red + RED_WORDS], at, words, hits[i] + TS, hits[i] + value, acc)
            i += 1
    elif op == FIRST:
        i = count - 1
        oldest = words[hits[i] + TS]
        while i >= 0 and words[hits[i] + TS] == oldest:
            seen = _keep_edge(op, seen, code[red + RED_WORDS], at, words, hits[i] + TS, hits[i] + value, acc)
            i -= 1
    elif op == MOMENTS_EXACT:
        _lift_exact_moments(words, hits, count, value, at, acc)
    elif op == MOMENTS_FLOAT:
        _lift_float_moments(words, hits, count, value, at, acc, floats)
    elif op == DISTINCT:
        entered = enter_all(table[code[red + RED_TABLE]], words, hits, count, value, code[red + RED_WORDS])
        acc[at + 1] += entered
    else:
        _enlist_all(code, red, at, value, words, hits, count, acc)


@inner
def _lift_exact_moments(words, hits, count, value, at, acc):
    low, high, square_low, square_high = acc[at + 2], acc[at + 3], acc[at + 4], acc[at + 5]
    for i in range(count):
        x = words[hits[i] + value]
        low, high = add_wide(low, high, x, x >> 63)
        product_low, product_high = multiply(x, x)
        square_low, square_high = add_wide(square_low, square_high, product_low, product_high)
    acc[at + 1] += count
    acc[at + 2], acc[at + 3], acc[at + 4], acc[at + 5] = low, high, square_low, square_high


@inner
def _lift_float_moments(words, hits, count, value, at, acc, floats):
    pivot = as_float(flip(words[hits[0] + value]))  # sums of differences: large equal values neither overflow nor drift
    offset = 0.0
    for i in range(count):
        offset += as_float(flip(words[hits[i] + value])) - pivot
    mean = pivot + offset / count
    squares = 0.0
    for i in range(count):
        delta = as_float(flip(words[hits[i] + value])) - mean
        squares += delta * delta
    if acc[at + 1] == 0:
        acc[at + 1], floats[at + 2], floats[at + 3] = count, mean, squares
    else:
        _combine_moments(count, mean, squares, acc, floats, at)


@inner
def _keep_edge(op, seen, size, at, words, ts, value, acc):
    """Keeps the least (FIRST) or greatest (LAST) of (ts, value) in ``acc[at + 1:]``; always True: something is seen."""
    if seen:
        if words[ts] != acc[at + 1]:
            order = -1 if words[ts] < acc[at + 1] else 1
        else:
            order = compare_between(words, value, acc, at + 2, size)
        if (op == FIRST and order >= 0) or (op == LAST and order <= 0):
            return True
    acc[at + 1] = words[ts]
    for i in range(size):
        acc[at + 2 + i] = words[value + i]
    return True


@inner
def enter_all(table, words, hits, count, value, size):
    """Puts the values of the records into a set of positions; returns how many were not there."""
    mask = np.uint64(len(table) - 1)
    entered = 0
    for i in range(count):
        at = hits[i] + value
        spread = mix(words[at])
        for j in range(1, size):
            spread = mix(np.int64(spread ^ np.uint64(words[at + j])))
        slot = spread & mask
        while table[slot] >= 0:
            other = table[slot]
            j = 0
            while j < size and words[at + j] == words[other + j]:
                j += 1
            if j == size:
                break
            slot = (slot + _ONE) & mask
        if table[slot] < 0:
            table[slot] = at
            entered += 1
    return entered


@inner
def _enlist_all(code, red, at, value, words, hits, count, acc):
    """Keeps the last n records by (ts, value), greatest first; records come newest first."""
    n, size = code[red + RED_LENGTH], code[red + RED_WORDS]
    first = at + 2
    for i in range(count if n > 0 else 0):
        row, held = hits[i], acc[at + 1]
        if held == n:
            if words[row + TS] < words[acc[first + n - 1] + TS]:
                return  # and so is every record after it
            if not _later(words, row, acc[first + n - 1], value, size):
                continue
            held -= 1
        place = held
        while place > 0 and _later(words, row, acc[first + place - 1], value, size):
            acc[first + place] = acc[first + place - 1]
            place -= 1
        acc[first + place] = row
        acc[at + 1] = held + 1


@inner
def _later(words, row, other, value, size):
    if words[row + TS] != words[other + TS]:
        return words[row + TS] > words[other + TS]
    return compare(words, row + value, other + value, size) > 0


@inner
def merge_tile(code, red, words, tile, acc, floats, acc_at):
    """Combines the reducer's partial in the tile at ``tile`` into the accumulator at ``acc_at``; the tile stays."""
    if (words[tile + TILE_SEEN + code[red + RED_TILE_FLAG]] >> code[red + RED_TILE_BIT]) & 1:
        combine(code, red, words, tile + code[red + RED_TILE], acc, floats, acc_at)


@inner
def combine(code, red, words, partial, acc, floats, acc_at):
    """Combines the partial of something seen at ``partial`` into the accumulator at ``acc_at``; ``words`` stay."""
    op = code[red + RED_OP]
    if acc[acc_at] == 0:
        for i in range(code[red + RED_ACC_WORDS] - 1):
            acc[acc_at + 1 + i] = words[partial + i]
        acc[acc_at] = 1
    elif op in (COUNT, SUM_NARROW):
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
    elif op in (FIRST, LAST):
        _keep_edge(op, True, code[red + RED_WORDS], acc_at, words, partial, partial + 1, acc)
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


@inner
def _combine_moments(count, mean, squares, acc, floats, at):
    total = acc[at + 1] + count
    delta = mean - floats[at + 2]
    floats[at + 3] += squares + delta * delta * (np.float64(acc[at + 1]) * np.float64(count) / np.float64(total))
    floats[at + 2] += delta * (np.float64(count) / np.float64(total))
    acc[at + 1] = total


@inner
def conclude(code, red, reduction, words, acc, floats, result, at):
    """Writes the value of a reduction at ``result[at:]`` out of its reducer's accumulator; returns its state bits.

    Floats become their bits and text its bytes; a list is its length, then its values oldest first.
    """
    op = code[red + RED_OP]
    here = code[red + RED_ACC]
    state = SEEN if acc[here] != 0 else 0
    size = code[red + RED_WORDS]
    if op == LATEST:
        return state | _conclude_list(code, red, reduction, words, acc, here, result, at)
    if op in (COUNT, SUM_NARROW, DISTINCT):
        result[at] = acc[here + 1]
        return state | VALID
    if op == SUM_FLOAT:
        result[at] = acc[here + 1]
        return state | (VALID if np.isfinite(floats[here + 1]) else OVERFLOWED)
    if op == SUM_WIDE:
        result[at] = acc[here + 1]
        return state | (VALID if acc[here + 2] == acc[here + 1] >> 63 else OVERFLOWED)
    for i in range(size):
        result[at + i] = 0
    if state == 0:
        return state
    if op in (MOMENTS_EXACT, MOMENTS_FLOAT):
        count = acc[here + 1]
        if count < 2:
            return state
        if op == MOMENTS_FLOAT:
            squares = floats[here + 3]
        else:
            squares = squared_deviations(count, acc[here + 2], acc[here + 3], acc[here + 4], acc[here + 5])
        variance = squares / np.float64(count - 1)
        result[at] = as_word(variance)
        return state | (VALID if np.isfinite(variance) else OVERFLOWED)
    value = here + 1 if op in (MIN, MAX) else here + 2
    for i in range(size):
        word = acc[value + i]
        result[at + i] = plain(word, code[reduction + RDN_FORM])
    return state | VALID


@inner
def _conclude_list(code, red, reduction, words, acc, here, result, at):
    size, value, held = code[red + RED_WORDS], code[red + RED_VALUE], acc[here + 1]
    result[at] = held
    at += 1
    for place in range(held - 1, -1, -1):
        row = acc[here + 2 + place]
        for i in range(size):
            word = words[row + value + i]
            result[at] = plain(word, code[reduction + RDN_FORM])
            at += 1
    for i in range(at, at + (code[red + RED_LENGTH] - held) * size):
        result[i] = 0
    return VALID
