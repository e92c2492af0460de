"""Views as programs for the kernel: layout, packing, reading and folding of state; bytes in, bytes and arrays out.

The whole life of a view's state, without any store::

    program = Program.of(view)                      # once per view; pure, a few hundred microseconds
    warm_up()                                       # once per process: loads (or compiles) the loops

    records = pack(program.layout, ts, known_at, event_id, inputs, conditions)  # (n, layout.record_words) int64
    records[i].tobytes()                            # what APPEND adds to the state of row i's entity

    answers = read(program, states, instants)       # states: bytes or None per entity; instants: int64 per entity
    answers.lists()                                 # Python values per feature, per entity
    answers.to_values(feature)                      # or typed columns; lists: answers.to_lists(feature)
    answers.valid, answers.status                   # (answers, entities) uint8; rows as program.features

    settle(answers)                                 # finishes with text or calendars: program.open_features

    folded = fold(program, state, now=..., fold_lag=..., oldest_commit=..., generation=...)
    if folded is not None:                          # None: not shorter
        folded.state                                # to swap in for exactly ``state``; keep what was appended behind it

    seeds = fold_sorted(program, records, offsets, now=cut, ...)        # many entities at once, for a backfill

An instant before a state's horizon raises ``BeforeHorizon``, bytes that are no state raise ``CorruptState``. A read
never changes the bytes. What is left open holds no value until it is settled, and a feature that overflowed stays
null. A null key is a position in ``null_keys`` of ``read``, with None as its state.

The event id is any 64-bit hash; 0 has no special meaning. A source without ``event_id`` must be given a hash of the
stream's position: its copies are then one event however far apart they come, and ``oldest_commit`` alone decides
what a fold may take.
"""

from diptych.compile.online.answers import Answers, BeforeHorizon, CorruptState, Lists, horizon_of, read
from diptych.compile.online.folding import Folded, Seeds, fold, fold_sorted
from diptych.compile.online.layout import Layout
from diptych.compile.online.program import Program
from diptych.compile.online.records import pack
from diptych.compile.online.settle import settle
from diptych.compile.online.sweeping import Gathering, Sweep
from diptych.compile.online.warm import warm_up

__all__ = [
    "Answers",
    "BeforeHorizon",
    "CorruptState",
    "Folded",
    "Gathering",
    "Layout",
    "Lists",
    "Program",
    "Seeds",
    "Sweep",
    "fold",
    "fold_sorted",
    "horizon_of",
    "pack",
    "read",
    "settle",
    "warm_up",
]
