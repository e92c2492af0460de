"""How a stored state is read: its header, its tiles, its raw records, and which copies of an event stand."""

import numpy as np

from diptych.kernel.code import (
    CORRUPT,
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
from diptych.kernel.jit import inner
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
def drop_repeats(code, words, rows, count):
    """Keeps in ``rows[:count]`` the copies that stand, in their order; returns how many they are."""
    if count < 2:
        return count
    size = 4
    while size < 2 * count:
        size *= 2
    slots = np.full(size, -1, np.int64)
    earlier = np.empty(count, np.int64)  # the copy before this one in the chain of its id, by index
    repeated = False
    for i in range(count):
        slot = np.int64(mix(words[rows[i] + EVENT_ID]) & np.uint64(size - 1))
        while slots[slot] >= 0 and words[rows[slots[slot]] + EVENT_ID] != words[rows[i] + EVENT_ID]:
            slot = (slot + 1) & (size - 1)
        earlier[i] = slots[slot]
        repeated |= slots[slot] >= 0
        slots[slot] = i
    if not repeated:
        return count
    return _keep_standing(code, words, rows, count, slots, earlier)


@inner
def _keep_standing(code, words, rows, count, slots, earlier):
    falls = np.zeros(count, np.bool_)
    chain = np.empty(count, np.int64)
    for last in slots:
        if last < 0 or earlier[last] < 0:
            continue
        length = 0
        copy = last
        while copy >= 0:  # an insertion sort of the copies, first known first
            place = length
            while place > 0 and compare_copies(code, words, rows[copy], rows[chain[place - 1]]) < 0:
                chain[place] = chain[place - 1]
                place -= 1
            chain[place] = copy
            length += 1
            copy = earlier[copy]
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
