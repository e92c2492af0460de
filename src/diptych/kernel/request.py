"""Several views in one call: what an online request asks of the kernel, without the price of a call per view."""

import numpy as np

from diptych.kernel.jit import entry
from diptych.kernel.places import FEATURES, OUTPUT_WORDS, SOUND
from diptych.kernel.point import read_points


@entry
def read_views(codes, code_ends, words, lengths, counts, instant, out, marks):
    """Answers every feature of every view; whether all states are sound.

    ``codes``: the codes of the views joined, view i's up to ``code_ends[i]``; ``counts``: its number of entities.
    ``words`` and ``lengths`` are as in ``read_points``, view after view; ``instant`` is the query time of all. ``out``
    and ``marks`` are flat: the blocks that ``read_points`` writes for each view, one behind the other.
    """
    instants = np.full(len(lengths), instant, np.int64)
    code_begin, entity, begin, out_begin, marks_begin = 0, 0, 0, 0, 0
    sound = True
    for view in range(len(counts)):
        code, count = codes[code_begin : code_ends[view]], counts[view]
        outputs, rows = code[OUTPUT_WORDS], 2 * code[FEATURES] + 1
        size = 0
        for i in range(entity, entity + count):
            size += lengths[i]
        mine = marks[marks_begin : marks_begin + rows * count].reshape((rows, count))
        whole = read_points(
            code,
            words[begin : begin + size // 8],
            lengths[entity : entity + count],
            instants[entity : entity + count],
            out[out_begin : out_begin + outputs * count].reshape((outputs, count)),
            mine,
        )
        if not whole:
            return False
        for i in range(count):
            sound &= mine[rows - 1, i] == SOUND
        code_begin, entity, begin = code_ends[view], entity + count, begin + size // 8
        out_begin, marks_begin = out_begin + outputs * count, marks_begin + rows * count
    return sound
