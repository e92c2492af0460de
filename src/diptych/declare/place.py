"""Where a declaration was written, so that a mistake in it can say file and line."""

import sys
from dataclasses import dataclass
from types import FrameType


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file; never a part of a declaration's meaning or equality."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def here() -> Place:
    """The nearest line of the running call that is not Diptych's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module != "diptych" and not module.startswith("diptych."):
            return Place(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return Place("<diptych>", 0)
