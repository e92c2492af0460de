"""Where a fold may put what: which records it may take, the tile that fits a record, the records that stay pinned.

Each rule holds for every read from the horizon on, whatever arrives later.
"""

import numpy as np

from diptych.kernel.accumulate import enter_all, gather
from diptych.kernel.jit import inner, spliced
from diptych.kernel.places import (
    COUNTED,
    DISTINCT,
    FLAGS,
    FOLD_AGE,
    GONE,
    HOPS,
    HOPS_AT,
    IN_TILES,
    KEEP,
    KNOWN_AT,
    LATEST,
    LIFETIME,
    NOWHERE,
    RDN_REDUCER,
    RDN_ROW,
    RED_LENGTH,
    RED_OP,
    RED_ROW,
    RED_TABLE,
    RED_TILED,
    RED_VALUE,
    RED_WORDS,
    REDUCERS,
    REDUCERS_AT,
    REDUCTIONS_AT,
    SIZES,
    SIZES_AT,
    TAKE,
    TS,
    WIN_FIRST,
    WIN_REDUCTIONS,
    WIN_ROW,
    WINDOWS,
    WINDOWS_AT,
)
from diptych.kernel.state import chain_copies, empty_table, sort_chain, stands_after, table_size
from diptych.kernel.words import floor_to


@inner
def taken_before(code, horizon, now, commit):
    """The instant before which a record must be known for a fold to take it.

    Younger ones may still meet a copy within the duplicate window; those from the oldest last commit of the stream on
    may be delivered again.
    """
    return min(min(horizon, now) - code[FOLD_AGE], commit)


@spliced
def decide_fates(code, words, rows, count, horizon, limit, fates, alone):
    """Writes the fate of each record, and whether it is the only one of its id.

    An event is taken with all its copies or not at all: its newest copy must be known before ``limit``, and every copy
    that stands must lie before the horizon.
    """
    slots = np.empty(table_size(count), np.int64)
    earlier = np.empty(count, np.int64)
    chain = np.empty(count, np.int64)
    chain_copies(words, rows, count, slots, earlier)
    for last in slots:
        if last < 0:
            continue
        length = sort_chain(code, words, rows, earlier, last, chain)
        may = words[rows[chain[length - 1]] + KNOWN_AT] < limit
        for i in range(length):
            stands = i == 0 or stands_after(code, words, rows[chain[i - 1]], rows[chain[i]])
            fates[chain[i]] = TAKE if stands else GONE
            alone[chain[i]] = length == 1
            if words[rows[chain[i]] + FLAGS] & COUNTED:
                fates[chain[i]] = IN_TILES
            elif stands and words[rows[chain[i]] + TS] >= horizon:
                may = False
        for i in range(length):
            if not may and fates[chain[i]] != IN_TILES:
                fates[chain[i]] = KEEP


@inner
def tile_size_for(code, ts, size, horizon):
    """The size of the largest tile that may hold a record at ``ts`` (or a tile of ``size`` that starts there).

    0 is the base tile of lifetime windows, NOWHERE that no window can see it any more.
    """
    if _is_past(code, ts + max(size, 1), horizon):
        return np.int64(0) if code[LIFETIME] else np.int64(NOWHERE)
    for i in range(code[SIZES] - 1, -1, -1):
        candidate = code[code[SIZES_AT] + i]
        if candidate >= size and _may_hold(code, floor_to(ts, candidate), candidate, horizon):
            return candidate
    return size


@inner
def _is_past(code, end, horizon):
    """Whether what ends at ``end`` is out of every hopping window for good."""
    for i in range(code[HOPS]):
        hop = code[HOPS_AT] + 2 * i
        if end > floor_to(horizon - code[hop], code[hop + 1]):
            return False
    return True


@inner
def _may_hold(code, start, size, horizon):
    """Whether no window will ever see a part of that tile: its size divides the hop, or the window has passed it."""
    for i in range(code[HOPS]):
        hop = code[HOPS_AT] + 2 * i
        if code[hop + 1] % size != 0 and start + size > floor_to(horizon - code[hop], code[hop + 1]):
            return False
    return True


@spliced
def mark_pins(code, words, rows, count, edges, pinned):
    """Marks which of the counted records (``rows[:count]``, newest first) must stay raw.

    ``edges`` are the tails of the windows at the horizon, ``pinned`` is by index into ``rows``.
    """
    hits = np.empty(count, np.int64)
    index = np.empty(count, np.int64)
    table = empty_table(code, count)
    for i in range(code[REDUCERS]):
        red = code[REDUCERS_AT] + i * RED_ROW
        if code[red + RED_TILED]:
            continue
        edge = _oldest_edge(code, i, edges)
        within = 0
        while within < count and words[rows[within] + TS] >= edge:
            within += 1
        matched = gather(code, red, words, rows, 0, within, hits)
        place = 0
        for hit in range(matched):
            while rows[place] != hits[hit]:
                place += 1
            index[hit] = place
        if code[red + RED_OP] == DISTINCT:
            values = table[code[red + RED_TABLE]]
            for hit in range(matched):
                one = hits[hit : hit + 1]
                if enter_all(values, words, one, 1, code[red + RED_VALUE], code[red + RED_WORDS]) == 1:
                    pinned[index[hit]] = True
        else:
            listed = code[red + RED_LENGTH] if code[red + RED_OP] == LATEST else matched
            for hit in range(matched):
                # records of the same instant as the last listed one may be listed instead of it
                if hit < listed or words[hits[hit] + TS] == words[hits[listed - 1] + TS]:
                    pinned[index[hit]] = True


@inner
def _oldest_edge(code, reducer, edges):
    """The oldest tail of the windows that read a reducer."""
    oldest = np.int64(2**63 - 1)
    for i in range(code[WINDOWS]):
        window = code[WINDOWS_AT] + i * WIN_ROW
        for j in range(code[window + WIN_FIRST], code[window + WIN_FIRST] + code[window + WIN_REDUCTIONS]):
            if code[code[REDUCTIONS_AT] + j * RDN_ROW + RDN_REDUCER] == reducer:
                oldest = min(oldest, edges[i])
    return oldest
