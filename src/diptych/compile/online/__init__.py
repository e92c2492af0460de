"""Views as programs for the kernel: the layout of state, packing, reading and folding; bytes in, bytes and arrays out."""

from diptych.compile.online.answers import Answers, BeforeHorizon, CorruptState, Lists, horizon_of, read
from diptych.compile.online.folding import Folded, Seeds, fold, fold_sorted
from diptych.compile.online.layout import Layout
from diptych.compile.online.program import Program
from diptych.compile.online.records import pack

__all__ = [
    "Answers",
    "BeforeHorizon",
    "CorruptState",
    "Folded",
    "Layout",
    "Lists",
    "Program",
    "Seeds",
    "fold",
    "fold_sorted",
    "horizon_of",
    "pack",
    "read",
]
