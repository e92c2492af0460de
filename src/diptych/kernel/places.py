"""The places of the code array that drives the kernel, and the numbers that it may hold: plain constants.

A code is one int64 array: a head of named cells, then tables of fixed-width rows whose offsets the head gives.
Compiled loops read these names as constants.
"""

NO_HEADER = -(2**63)
"""First word of a state that has a header; as a ``ts`` it cannot occur."""
FORMAT = 1
HEADER_WORDS = 5
HEADER_GENERATION = 1
HEADER_HORIZON = 2
HEADER_SHAPE = 3  # format << 32 | number of tiles
HEADER_SEED = 4

# A raw record: these four places, further flag words, then the words of the inputs.
TS = 0
KNOWN_AT = 1
EVENT_ID = 2
FLAGS = 3
COUNTED = 1
"""The bit of the first flag word that says: tiles hold this record already."""

# A tile: these places, further words of seen bits, then the partials of the tiled reducers.
TILE_START = 0
TILE_SIZE = 1
TILE_SEEN = 2

# The head.
(
    RECORD_WORDS,
    TILE_WORDS,
    SEEN_WORDS,
    PAYLOAD_ROWS,
    PAYLOAD_AT,
    REDUCERS,
    REDUCERS_AT,
    WINDOWS,
    WINDOWS_AT,
    REDUCTIONS,
    REDUCTIONS_AT,
    FEATURES,
    FEATURES_AT,
    OUTPUT_WORDS,
    RESULT_WORDS,
    ACC_WORDS,
    STACK_WORDS,
    DISTINCTS,
    REPEAT_GAP,
    FOLD_AGE,
    HOPS,
    HOPS_AT,
    SIZES,
    SIZES_AT,
    LIFETIME,
    HEAD_WORDS,
) = range(26)

# A row of the payload table: how copies of one event compare after (known_at, ts).
PAYLOAD_FLAG, PAYLOAD_BIT, PAYLOAD_VALUE, PAYLOAD_VALUE_WORDS, PAYLOAD_ROW = range(5)

# A row of the reducer table: one accumulator over (kind, input, where), over tiles or over raw records alone.
(
    RED_OP,
    RED_VALUE,  # place of the input in a record
    RED_WORDS,  # words of one value
    RED_MASK,  # bits of the first flag word that matter
    RED_EXPECT,  # and what they must be
    RED_FLAG_1,  # two more flag words, for views of more than 63 flags
    RED_MASK_1,
    RED_FLAG_2,
    RED_MASK_2,
    RED_TILED,  # 1: reads tiles and records that are not counted; 0: reads all records
    RED_ACC,  # place of its accumulator
    RED_ACC_WORDS,
    RED_TILE,  # place of its partial in a tile
    RED_TILE_FLAG,  # word and bit of its seen bit in a tile
    RED_TILE_BIT,
    RED_LENGTH,  # n of a list
    RED_TABLE,  # which hash table, for distinct
    RED_USES,  # how many reductions read it
    RED_FILTER,  # reducers that take the same records have the same number
    RED_ROW,
) = range(20)

# Operations of reducers.
(
    COUNT,
    SUM_NARROW,
    SUM_WIDE,
    SUM_FLOAT,
    MIN,
    MAX,
    FIRST,
    LAST,
    MOMENTS_EXACT,
    MOMENTS_FLOAT,
    DISTINCT,
    LATEST,
) = range(12)

# A row of the window table, its reductions being consecutive rows of the reduction table.
WIN_LENGTH, WIN_HOP, WIN_FIRST, WIN_REDUCTIONS, WIN_ROW = range(5)
ENDLESS = -1
"""The length of a lifetime window in the tables."""

# A row of the reduction table.
RDN_REDUCER, RDN_INDEX, RDN_RESULT, RDN_FORM, RDN_ROW = range(5)
WHOLE, FLOATING, TEXT = range(3)
"""How a sortable word becomes a word of a result: as it is, the float's bits, or the text's bytes."""

# A row of the feature table.
(
    FEA_OUT,
    FEA_WORDS,
    FEA_MODE,
    FEA_SOURCE,  # DIRECT: the reduction; COMPUTED: offset of the instructions
    FEA_STEPS,  # COMPUTED: number of instructions
    FEA_FLOAT,
    FEA_DEFAULT,  # offset of the default's words, or -1
    FEA_USES_AT,
    FEA_USES,
    FEA_ROW,
) = range(10)
DIRECT, COMPUTED, LEFT_OPEN = range(3)
"""A feature copies one reduction, or runs instructions, or is left to the caller (text, calendars)."""

# Bits of a reduction's state.
VALID = 1
SEEN = 2
OVERFLOWED = 4

# Status of a value.
PRESENT, EMPTY_WINDOW, UNSEEN_ENTITY, NULL_KEY, OVERFLOW, NULL = range(6)

# Faults of an entity's state.
SOUND, BEFORE_HORIZON, CORRUPT = range(3)

# What becomes of a raw record in a fold.
KEEP, TAKE, GONE, IN_TILES = range(4)
"""Stays raw; goes into a tile (or out of every window); a copy that falls with its event; was counted before."""
NOWHERE = -1
"""The size of the tile of a record that no window can reach."""
