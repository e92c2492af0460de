"""One instant per entity, many entities: the read of an online request in one fused call."""

import numpy as np

from diptych.kernel.accumulate import clear, conclude, gather, lift, merge_tile
from diptych.kernel.finish import run
from diptych.kernel.jit import entry, inner, spliced
from diptych.kernel.places import (
    ACC_WORDS,
    BEFORE_HORIZON,
    COMPUTED,
    DIRECT,
    DISTINCTS,
    EMPTY_WINDOW,
    ENDLESS,
    FEA_DEFAULT,
    FEA_FLOAT,
    FEA_MODE,
    FEA_OUT,
    FEA_ROW,
    FEA_SOURCE,
    FEA_STEPS,
    FEA_USES,
    FEA_USES_AT,
    FEA_WORDS,
    FEATURES,
    FEATURES_AT,
    KNOWN_AT,
    NO_HEADER,
    NULL,
    OVERFLOW,
    OVERFLOWED,
    PRESENT,
    RDN_INDEX,
    RDN_REDUCER,
    RDN_RESULT,
    RDN_ROW,
    RECORD_WORDS,
    RED_ACC,
    RED_FILTER,
    RED_ROW,
    RED_TILED,
    RED_USES,
    REDUCERS,
    REDUCERS_AT,
    REDUCTIONS,
    REDUCTIONS_AT,
    RESULT_WORDS,
    SEEN,
    SOUND,
    STACK_WORDS,
    TILE_START,
    TILE_WORDS,
    TS,
    UNSEEN_ENTITY,
    VALID,
    WIN_FIRST,
    WIN_HOP,
    WIN_LENGTH,
    WIN_REDUCTIONS,
    WIN_ROW,
    WINDOWS,
    WINDOWS_AT,
)
from diptych.kernel.state import drop_repeats, empty_table, open_state
from diptych.kernel.words import as_float, as_word, floor_to, sort_rows


@entry
def read_points(code, words, lengths, instants, out, marks):
    """Answers every feature of a view for every entity.

    ``words``: all states joined; ``lengths``: bytes of each; ``instants``: the query time of each entity.
    ``out`` (OUTPUT_WORDS, entities) int64 and ``marks`` (2 * FEATURES + 1, entities) uint8 are written: the words of
    each feature; its rows of validity, then its rows of status, and one row of faults. Where there is a fault, the
    entity's answers mean nothing. Returns False, having written nothing, if a length is no multiple of 8.
    """
    for length in lengths:
        if length % 8 != 0:
            return False
    acc = np.zeros(code[ACC_WORDS], np.int64)
    floats = acc.view(np.float64)
    results = np.zeros(code[RESULT_WORDS], np.int64)
    states = np.zeros(code[REDUCTIONS], np.int64)
    stack = np.zeros(code[STACK_WORDS], np.int64)
    stack_floats = stack.view(np.float64)
    known = np.zeros(code[STACK_WORDS], np.bool_)
    edges = np.empty(code[WINDOWS], np.int64)
    turns = np.empty(code[WINDOWS], np.int64)
    left = np.empty(code[REDUCERS], np.int64)
    most = 0
    for length in lengths:
        most = max(most, length // (8 * code[RECORD_WORDS]))
    rows, hits, no_table = np.empty(most, np.int64), np.empty(most, np.int64), empty_table(code, 0)
    begin = 0  # what each entity needs is made once: making it costs as much as a short state
    for entity in range(len(lengths)):
        end = begin + lengths[entity] // 8
        t = instants[entity]
        fault, horizon, tiles, first_tile, first_row = open_state(code, words, begin, end)
        if fault == SOUND and horizon > t:
            fault = BEFORE_HORIZON
        marks[2 * code[FEATURES], entity] = fault
        if fault == SOUND:
            count = visible_rows(code, words, first_row, end, t, rows)
            unseen = count == 0 and horizon == NO_HEADER
            order_windows(code, t, edges, turns)
            table = no_table if code[DISTINCTS] == 0 else empty_table(code, count)
            reduce_windows(
                code,
                words,
                first_tile,
                tiles,
                rows,
                count,
                edges,
                turns,
                left,
                hits,
                table,
                acc,
                floats,
                results,
                states,
            )
            write_features(
                code, results, states, t, unseen, stack, stack_floats, known, out[:, entity], marks[:, entity]
            )
        begin = end
    return True


@spliced
def visible_rows(code, words, first_row, end, t, rows):
    """Puts into ``rows`` the records that count at ``t``, newest ts first; returns how many they are."""
    width = code[RECORD_WORDS]
    count = 0
    for row in range(end - width, first_row - 1, -width):
        if words[row + KNOWN_AT] < t:
            rows[count] = row
            count += 1
    standing = drop_repeats(code, words, rows, count)
    count = 0
    for i in range(standing):
        if words[rows[i] + TS] < t:
            rows[count] = rows[i]
            count += 1
    sort_rows(words, rows, count)
    return count


@inner
def order_windows(code, t, edges, turns):
    """Writes the tail of every window at ``t``, and the order of the windows from the newest tail to the oldest."""
    for i in range(code[WINDOWS]):
        window = code[WINDOWS_AT] + i * WIN_ROW
        length = code[window + WIN_LENGTH]
        edge = np.int64(NO_HEADER) if length == ENDLESS else floor_to(t - length, code[window + WIN_HOP])
        place = i
        while place > 0 and edges[turns[place - 1]] < edge:
            turns[place] = turns[place - 1]
            place -= 1
        turns[place] = i
        edges[i] = edge


@spliced
def reduce_windows(
    code, words, first_tile, tiles, rows, count, edges, turns, left, hits, table, acc, floats, results, states
):
    """Writes the result and the state of every reduction: one pass from the newest record to the oldest.

    Between two tails every reducer takes the stretch of records and tiles in; at a tail, the reductions whose window
    ends there read their reducer as it stands.
    """
    for i in range(code[REDUCERS]):
        red = code[REDUCERS_AT] + i * RED_ROW
        clear(code, red, acc)
        left[i] = code[red + RED_USES]
    begin, tile_end = 0, tiles
    for turn in range(code[WINDOWS]):
        window = code[WINDOWS_AT] + turns[turn] * WIN_ROW
        edge = edges[turns[turn]]
        stop = begin
        while stop < count and words[rows[stop] + TS] >= edge:
            stop += 1
        tile_stop = tile_end
        while tile_stop > 0 and words[first_tile + (tile_stop - 1) * code[TILE_WORDS] + TILE_START] >= edge:
            tile_stop -= 1
        chosen, taken = -1, 0
        for i in range(code[REDUCERS] if begin < stop or tile_stop < tile_end else 0):
            red = code[REDUCERS_AT] + i * RED_ROW
            if left[i] > 0:
                if code[red + RED_TILED] and tile_stop < tile_end:
                    for tile in range(tile_stop, tile_end):
                        at = first_tile + tile * code[TILE_WORDS]
                        merge_tile(code, red, words, at, acc, floats, code[red + RED_ACC])
                if code[red + RED_FILTER] != chosen and begin < stop:
                    chosen = code[red + RED_FILTER]
                    taken = gather(code, red, words, rows, begin, stop, hits)
                if taken > 0:
                    lift(code, red, words, hits, taken, acc, floats, table)
        begin, tile_end = stop, tile_stop
        for i in range(code[window + WIN_FIRST], code[window + WIN_FIRST] + code[window + WIN_REDUCTIONS]):
            reduction = code[REDUCTIONS_AT] + i * RDN_ROW
            reducer = code[reduction + RDN_REDUCER]
            left[reducer] -= 1
            states[code[reduction + RDN_INDEX]] = conclude(
                code,
                code[REDUCERS_AT] + reducer * RED_ROW,
                reduction,
                words,
                acc,
                floats,
                results,
                code[reduction + RDN_RESULT],
            )


@inner
def write_features(code, results, states, t, unseen, stack, floats, known, out, marks):
    """Writes the words, the validity and the status of every feature of one entity out of its reductions."""
    features = code[FEATURES]
    for i in range(features):  # what is left open counts as present until the caller settles it
        feature = code[FEATURES_AT] + i * FEA_ROW
        seen, overflowed = _summarise(code, feature, states)
        at, size = code[feature + FEA_OUT], code[feature + FEA_WORDS]
        valid = False
        if code[feature + FEA_MODE] == DIRECT:
            reduction = code[feature + FEA_SOURCE]
            source = code[code[feature + FEA_USES_AT] + 1]
            valid = (states[reduction] & VALID) != 0
            for k in range(size):
                out[at + k] = results[source + k]
        elif code[feature + FEA_MODE] == COMPUTED:
            run(code, code[feature + FEA_SOURCE], code[feature + FEA_STEPS], results, states, t, stack, floats, known)
            valid = known[0]
            out[at] = stack[0]
        else:
            valid = True
            for k in range(size):
                out[at + k] = 0
        if valid and code[feature + FEA_FLOAT]:
            out[at] = as_word(as_float(out[at]) + 0.0)  # -0.0 becomes 0.0
        marks[features + i] = _status(unseen, overflowed, seen, valid)
        default = code[feature + FEA_DEFAULT]
        if overflowed or not valid:
            valid = default >= 0 and not overflowed
            for k in range(size):
                out[at + k] = code[default + k] if valid else 0
        marks[i] = valid


@inner
def _summarise(code, feature, states):
    """Whether any reduction of the feature saw an event, and whether any overflowed."""
    seen, overflowed = code[feature + FEA_USES] == 0, False
    for i in range(code[feature + FEA_USES]):
        state = states[code[code[feature + FEA_USES_AT] + 2 * i]]
        seen |= (state & SEEN) != 0
        overflowed |= (state & OVERFLOWED) != 0
    return seen, overflowed


@inner
def _status(unseen, overflowed, seen, valid):
    if unseen:
        return UNSEEN_ENTITY
    if overflowed:
        return OVERFLOW
    if not seen:
        return EMPTY_WINDOW
    return PRESENT if valid else NULL
