"""Compiling ahead: the first call of the kernel on a machine takes seconds, every later one microseconds."""

import numpy as np

from diptych.compile.online.answers import read
from diptych.compile.online.folding import fold
from diptych.compile.online.program import Program
from diptych.compile.online.together import Together
from diptych.ground.expression import Column
from diptych.ground.values import Int64
from diptych.plan.nodes import Entity, Feature, Kind, Reduction, Source, View, Window


def warm_up() -> None:
    """Compiles what reads and folds call, or loads it from the cache beside the package; the same for every view.

    To be called before a process takes its first request. On a new machine (or after an upgrade) it takes 20 to 30
    seconds of one core, otherwise a fraction of a second.
    """
    source = Source("warm", (), None, None, None, 0)
    reduction = Reduction(Kind.COUNT, None, None, Window())
    feature = Feature("count", Int64(), Column("r0", Int64()))
    view = View("warm", Entity("warm", ()), source, (), (), (), (reduction,), (feature,))
    program = Program.of(view)
    record = bytes(program.layout.record_bytes)
    read(program, [record], np.ones(1, dtype=np.int64))
    Together.of([program]).read([record], [1], 1)
    fold(program, record, now=0, fold_lag=0, oldest_commit=None, generation=0)
