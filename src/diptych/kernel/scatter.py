"""Bringing the records of each entity together, batch by batch, in whatever order they are read."""

from diptych.kernel.jit import long_entry


@long_entry
def scatter(columns, entities, free, words):
    """Puts records at the next free places of their entities.

    ``columns`` (words of a record, n) int64: the records word by word; ``entities`` (n,): whose each is, -1: nobody's,
    which is left out; ``free``: the next free record of each entity, moved on; ``words``: the records of all entities.
    """
    width = columns.shape[0]
    for i in range(len(entities)):
        entity = entities[i]
        if entity >= 0:
            at = free[entity] * width
            free[entity] += 1
            for k in range(width):
                words[at + k] = columns[k, i]
