"""Sorting within an entity: a stable merge sort that costs little where records lie almost in order already."""

import numpy as np

from diptych.kernel.jit import allocating

_RUN = 16


@allocating
def ascending(keys):
    """The indices that sort ``keys`` (int64, which become sorted themselves), equal keys in their order."""
    count = len(keys)
    order = np.arange(count)
    for start in range(0, count, _RUN):
        for i in range(start + 1, min(start + _RUN, count)):
            key, index = keys[i], order[i]
            j = i - 1
            while j >= start and keys[j] > key:
                keys[j + 1], order[j + 1] = keys[j], order[j]
                j -= 1
            keys[j + 1], order[j + 1] = key, index
    spare = np.empty(count if count > _RUN else 0, np.int64)
    spare_order = np.empty(len(spare), np.int64)
    run = _RUN
    while run < count:
        for start in range(0, count - run, 2 * run):
            middle = start + run
            if keys[middle - 1] > keys[middle]:
                _merge(keys, order, start, middle, min(middle + run, count), spare, spare_order)
        run *= 2
    return order


@allocating
def _merge(keys, order, start, middle, end, spare, spare_order):
    """Merges two sorted stretches; what is in its place already, at either end, is not touched."""
    start = _place_after(keys, start, middle, keys[middle])
    end = _place_before(keys, middle, end, keys[middle - 1])
    left = middle - start
    for i in range(left):
        spare[i], spare_order[i] = keys[start + i], order[start + i]
    i, j, at = 0, middle, start
    while i < left and j < end:
        if spare[i] <= keys[j]:
            keys[at], order[at] = spare[i], spare_order[i]
            i += 1
        else:
            keys[at], order[at] = keys[j], order[j]
            j += 1
        at += 1
    while i < left:
        keys[at], order[at] = spare[i], spare_order[i]
        i += 1
        at += 1


@allocating
def _place_after(keys, begin, end, key):
    """The first index in [begin, end) whose key is greater than ``key``."""
    while begin < end:
        middle = (begin + end) // 2
        if keys[middle] <= key:
            begin = middle + 1
        else:
            end = middle
    return begin


@allocating
def _place_before(keys, begin, end, key):
    """The first index in [begin, end) whose key is not less than ``key``."""
    while begin < end:
        middle = (begin + end) // 2
        if keys[middle] < key:
            begin = middle + 1
        else:
            end = middle
    return begin
