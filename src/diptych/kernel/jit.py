"""How the loops of the kernel are compiled, and when what was compiled before may be used again."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

_INSIDE: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_UNCOUNTED: dict[str, Any] = {**_INSIDE, "_nrt": False}
allocating = njit(**_INSIDE)
"""A loop that only compiled loops call; division never checks for zero, so its callers do."""
spliced = njit(inline="always", **_INSIDE)
"""A part of one longer loop, which is compiled as if it stood there: nothing is compiled twice for it."""
inner = njit(**_UNCOUNTED, forceinline=True)
"""A loop that makes no array, so without the counting of references; and its code stands in its callers', for handing
over arrays would cost more than most of these loops do."""


def entry(loop: Callable[..., Any]) -> Any:
    """A short loop that Python calls, compiled once per machine and kept on disk beside this package.

    What is kept holds all inner loops too, so it is stale as soon as any source of this package changes; numba alone
    would look at the file of the entry only. It holds the interpreter's lock: taking that back would cost a request
    more than the loop does.
    """
    return _kept(njit(cache=True, error_model="numpy")(loop))


def long_entry(loop: Callable[..., Any]) -> Any:
    """A loop over many entities that Python calls, kept on disk too; other threads run meanwhile."""
    return _kept(njit(cache=True, nogil=True, error_model="numpy")(loop))


def _kept(dispatcher: Any) -> Any:
    dispatcher._cache._cache_file._source_stamp = _stamp()
    return dispatcher


def _stamp() -> str:
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
