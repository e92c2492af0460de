"""How a stored state is read: its header, its tiles, its raw records, and which copies of an event stand."""

import numpy as np

from diptych.kernel.jit import allocating, inner
from diptych.kernel.places import (
    CORRUPT,
    DISTINCTS,
    EVENT_ID,
    FORMAT,
    HEADER_HORIZON,
    HEADER_SHAPE,
    HEADER_WORDS,
    KNOWN_AT,
    NO_HEADER,
    RECORD_WORDS,
    REPEAT_GAP,
    SOUND,
    TILE_WORDS,
)
from diptych.kernel.words import compare_copies, mix


@inner
def open_state(code, words, begin, end):
    """(fault, horizon, number of tiles, place of the first tile, place of the first record) of ``words[begin:end]``."""
    if begin == end or words[begin] != NO_HEADER:
        fault = SOUND if (end - begin) % code[RECORD_WORDS] == 0 else CORRUPT
        return fault, np.int64(NO_HEADER), np.int64(0), begin, begin
    if end - begin < HEADER_WORDS:
        return CORRUPT, np.int64(NO_HEADER), np.int64(0), begin, begin
    shape = words[begin + HEADER_SHAPE]
    tiles = shape & np.int64(0xFFFFFFFF)
    first = begin + HEADER_WORDS
    raw = first + tiles * code[TILE_WORDS]
    sound = shape >> 32 == FORMAT and raw <= end and (end - raw) % code[RECORD_WORDS] == 0
    return (SOUND if sound else CORRUPT), words[begin + HEADER_HORIZON], tiles, first, raw


@inner
def chain_copies(words, rows, count, slots, earlier):
    """Links the records of one event id: ``slots`` holds the last of each chain (or -1), ``earlier`` the one before.

    Both hold indices into ``rows[:count]``; the length of ``slots`` is a power of two above ``count``. Returns
    whether any id occurs twice.
    """
    mask = len(slots) - 1
    for i in range(len(slots)):
        slots[i] = -1
    repeated = False
    for i in range(count):
        event = words[rows[i] + EVENT_ID]
        slot = np.int64(mix(event) & np.uint64(mask))
        while slots[slot] >= 0 and words[rows[slots[slot]] + EVENT_ID] != event:
            slot = (slot + 1) & mask
        earlier[i] = slots[slot]
        repeated |= slots[slot] >= 0
        slots[slot] = i
    return repeated


@inner
def table_size(count):
    """A power of two that leaves a hash table of ``count`` entries half empty."""
    size = 4
    while size < 2 * count:
        size *= 2
    return size


@allocating
def empty_table(code, count):
    """One empty set of values for every DISTINCT reducer, each large enough for ``count`` of them."""
    table = np.empty((code[DISTINCTS], table_size(count)), np.int64)
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            table[i, j] = -1
    return table


@inner
def sort_chain(code, words, rows, earlier, last, chain):
    """Puts the chain that ends in ``last`` into ``chain``, by (known_at, ts, payload); returns its length."""
    length = 0
    copy = last
    while copy >= 0:
        place = length
        while place > 0 and compare_copies(code, words, rows[copy], rows[chain[place - 1]]) < 0:
            chain[place] = chain[place - 1]
            place -= 1
        chain[place] = copy
        length += 1
        copy = earlier[copy]
    return length


@allocating
def drop_repeats(code, words, rows, count):
    """Keeps in ``rows[:count]`` the copies that stand, in their order; returns how many they are."""
    if count < 2:
        return count
    slots = np.empty(table_size(count), np.int64)
    earlier = np.empty(count, np.int64)
    if not chain_copies(words, rows, count, slots, earlier):
        return count
    falls = np.zeros(count, np.bool_)
    chain = np.empty(count, np.int64)
    for last in slots:
        if last >= 0 and earlier[last] >= 0:
            length = sort_chain(code, words, rows, earlier, last, chain)
            for i in range(1, length):
                falls[chain[i]] = not stands_after(code, words, rows[chain[i - 1]], rows[chain[i]])
    kept = 0
    for i in range(count):
        if not falls[i]:
            rows[kept] = rows[i]
            kept += 1
    return kept


@inner
def stands_after(code, words, previous, row):
    """Whether a copy known after the copy before it by more than the gap is an event of its own."""
    return words[row + KNOWN_AT] - words[previous + KNOWN_AT] > code[REPEAT_GAP]
