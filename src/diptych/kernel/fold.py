"""Fold: a state with old raw records becomes a shorter one, with tiles, that answers every later read alike."""

import numpy as np

from diptych.kernel.accumulate import clear, gather, lift, merge_tile, store_partial
from diptych.kernel.jit import inner, long_entry, spliced
from diptych.kernel.placement import decide_fates, mark_pins, taken_before, tile_size_for
from diptych.kernel.places import (
    ACC_WORDS,
    COUNTED,
    FLAGS,
    FORMAT,
    HEADER_GENERATION,
    HEADER_HORIZON,
    HEADER_SEED,
    HEADER_SHAPE,
    HEADER_WORDS,
    IN_TILES,
    KEEP,
    NO_HEADER,
    NOWHERE,
    RECORD_WORDS,
    RED_ACC,
    RED_ROW,
    RED_TILED,
    REDUCERS,
    REDUCERS_AT,
    SEEN_WORDS,
    SOUND,
    TAKE,
    TILE_SIZE,
    TILE_START,
    TILE_WORDS,
    TS,
    WINDOWS,
)
from diptych.kernel.point import order_windows
from diptych.kernel.state import empty_table, open_state
from diptych.kernel.words import floor_to, sort_rows

# A part of a tile to be: an old tile or a record, sorted by the start of its tile.
_START, _SIZE, _AT, _INDEX, _PART = 0, 1, 2, 3, 4
_IS_TILE = -1


@long_entry
def fold_many(code, words, offsets, now, lag, commit, generations, seed):
    """Folds every state ``words[offsets[i]:offsets[i + 1]]``; (all of them joined, their offsets).

    With a seed every state gets a header with its mark. Without, one that would not become shorter comes out
    empty. A corrupt one always does.
    """
    count = len(offsets) - 1
    joined = np.empty(max(len(words), 1024), np.int64)
    ends = np.zeros(count + 1, np.int64)
    used = 0
    for i in range(count):
        before = offsets[i + 1] - offsets[i]
        sound, folded = _fold(code, words, offsets[i], offsets[i + 1], now, lag, commit, generations[i], seed)
        size = len(folded) if sound and (seed != 0 or len(folded) < before) else 0
        if used + size > len(joined):
            larger = np.empty(2 * len(joined) + size, np.int64)
            for j in range(used):
                larger[j] = joined[j]
            joined = larger
        for j in range(size):
            joined[used + j] = folded[j]
        used += size
        ends[i + 1] = used
    return joined[:used], ends


@spliced
def _fold(code, words, begin, end, now, lag, commit, generation, seed):
    fault, horizon, tiles, first_tile, first_row = open_state(code, words, begin, end)
    if fault != SOUND:
        return False, np.empty(0, np.int64)
    if horizon != NO_HEADER and seed == 0:
        seed = words[begin + HEADER_SEED]
    horizon = max(horizon, now - lag)
    width = code[RECORD_WORDS]
    count = (end - first_row) // width
    rows = np.empty(count, np.int64)
    for i in range(count):
        rows[i] = first_row + i * width
    fates = np.empty(count, np.int64)
    alone = np.empty(count, np.bool_)
    decide_fates(code, words, rows, count, horizon, taken_before(code, horizon, now, commit), fates, alone)
    pinned = _pins(code, words, rows, count, first_row, horizon, fates)
    parts, order, used = _parts(code, words, rows, first_tile, tiles, horizon, fates)
    merged = _leave_small(code, parts, order, used, fates, alone, pinned)
    out = np.empty(HEADER_WORDS + merged * code[TILE_WORDS] + count * width, np.int64)
    at = _write_tiles(code, words, parts, order, used, fates, out)
    out[0] = NO_HEADER
    out[HEADER_GENERATION] = generation
    out[HEADER_HORIZON] = horizon
    out[HEADER_SHAPE] = (np.int64(FORMAT) << 32) | ((at - HEADER_WORDS) // code[TILE_WORDS])
    out[HEADER_SEED] = seed
    for i in range(count):
        counted = fates[i] == TAKE or fates[i] == IN_TILES
        if fates[i] == KEEP or (counted and pinned[i]):
            for j in range(width):
                out[at + j] = words[rows[i] + j]
            if counted:
                out[at + FLAGS] |= COUNTED
            at += width
    return True, out[:at]


@spliced
def _pins(code, words, rows, count, first_row, horizon, fates):
    """Which records, by index, must stay raw though they are counted."""
    counted = np.empty(count, np.int64)
    number = 0
    for i in range(count - 1, -1, -1):
        if fates[i] == TAKE or fates[i] == IN_TILES:
            counted[number] = rows[i]
            number += 1
    sort_rows(words, counted, number)
    edges = np.empty(code[WINDOWS], np.int64)
    order_windows(code, horizon, edges, np.empty(code[WINDOWS], np.int64))
    marks = np.zeros(number, np.bool_)
    mark_pins(code, words, counted, number, edges, marks)
    pinned = np.zeros(count, np.bool_)
    for i in range(number):
        pinned[(counted[i] - first_row) // code[RECORD_WORDS]] = marks[i]
    return pinned


@spliced
def _parts(code, words, rows, first_tile, tiles, horizon, fates):
    """What goes into tiles: old tiles and taken records, with the tile that each belongs to, newest start first."""
    count = len(rows)
    parts = np.empty((tiles + count) * _PART, np.int64)
    order = np.empty(tiles + count, np.int64)
    newest = np.empty(count, np.int64)
    for i in range(count):
        newest[i] = rows[count - 1 - i]
    sort_rows(words, newest, count)
    used = 0
    for i in range(tiles):
        tile = first_tile + i * code[TILE_WORDS]
        size = words[tile + TILE_SIZE]
        if size != 0:
            size = tile_size_for(code, words[tile + TILE_START], size, horizon)
        used = _add_part(parts, order, used, words[tile + TILE_START], size, tile, _IS_TILE)
    for i in range(count):
        index = (newest[i] - rows[0]) // code[RECORD_WORDS]
        if fates[index] == TAKE and code[SEEN_WORDS] > 0:
            size = tile_size_for(code, words[newest[i] + TS], np.int64(0), horizon)
            used = _add_part(parts, order, used, words[newest[i] + TS], size, newest[i], index)
    sort_rows(parts, order, used)
    return parts, order, used


@inner
def _add_part(parts, order, used, ts, size, at, index):
    if size == NOWHERE:
        return used
    part = used * _PART
    parts[part + _START] = NO_HEADER if size == 0 else floor_to(ts, size)
    parts[part + _SIZE] = size
    parts[part + _AT] = at
    parts[part + _INDEX] = index
    order[used] = part
    return used + 1


@inner
def _leave_small(code, parts, order, used, fates, alone, pinned):
    """Leaves raw the records of every tile that would cost more than it saves; returns how many tiles remain.

    An event that has several copies is taken whole, whatever it costs: its copies may lie in different tiles.
    """
    tiles = 0
    begin = 0
    while begin < used:
        end = _end_of_tile(parts, order, begin, used)
        pays = False
        saved = 0
        for i in range(begin, end):
            index = parts[order[i] + _INDEX]
            if index == _IS_TILE or not alone[index]:
                pays = True
            elif not pinned[index]:
                saved += code[RECORD_WORDS]
        if pays or saved > code[TILE_WORDS]:
            tiles += 1
        else:
            for i in range(begin, end):
                fates[parts[order[i] + _INDEX]] = KEEP
        begin = end
    return tiles


@inner
def _end_of_tile(parts, order, begin, used):
    end = begin + 1
    while end < used and parts[order[end] + _START] == parts[order[begin] + _START]:
        end += 1
    return end


@spliced
def _write_tiles(code, words, parts, order, used, fates, out):
    """Writes the tiles behind the header, oldest start first; returns the place after them."""
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    hits = np.empty(used, np.int64)
    rows = np.empty(used, np.int64)
    table = empty_table(code, 0)
    at = HEADER_WORDS
    end = used
    while end > 0:
        begin = end - 1
        while begin > 0 and parts[order[begin - 1] + _START] == parts[order[end - 1] + _START]:
            begin -= 1
        records = 0
        kept = False
        for i in range(begin, end):
            part = order[i]
            if parts[part + _INDEX] != _IS_TILE:
                kept |= fates[parts[part + _INDEX]] == KEEP
                rows[records] = parts[part + _AT]
                records += 1
        if not kept:
            for i in range(code[TILE_WORDS]):
                out[at + i] = 0
            out[at + TILE_START] = parts[order[begin] + _START]
            out[at + TILE_SIZE] = parts[order[begin] + _SIZE]
            for i in range(code[REDUCERS]):
                red = code[REDUCERS_AT] + i * RED_ROW
                if code[red + RED_TILED]:
                    clear(code, red, acc)
                    for j in range(begin, end):
                        if parts[order[j] + _INDEX] == _IS_TILE:
                            merge_tile(code, red, words, parts[order[j] + _AT], acc, floats, code[red + RED_ACC])
                    taken = gather(code, red, words, rows, 0, records, hits)
                    if taken > 0:
                        lift(code, red, words, hits, taken, acc, floats, table)
                    store_partial(code, red, acc, out, at)
            at += code[TILE_WORDS]
        end = begin
    return at
