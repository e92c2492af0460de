"""The evaluator of windows: compiled loops over 64-bit words, shared by online reads, folds and backfills.

The only package that imports numba. It knows nothing of views: what to do is written in a *code*, one int64 array
that ``diptych.compile.online`` builds and whose places ``diptych.kernel.places`` names.
"""
