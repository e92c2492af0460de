"""Mistakes in definitions: each with its place, what is wrong, what exists and a hint, all of them told at once."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from diptych.ground.errors import DiptychError

_SHOWN = 12


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing to mend: ``where`` is ``file:line``, ``exists`` the names that would have been right."""

    where: str
    what: str
    exists: tuple[str, ...] = ()
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}"]
        if self.exists:
            more = f", ... ({len(self.exists)} in all)" if len(self.exists) > _SHOWN else ""
            lines.append(f"    exists: {', '.join(self.exists[:_SHOWN])}{more}")
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)


class RegistryError(DiptychError):
    """Definitions that do not load; ``mistakes`` holds every one that was found, in order of place."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes), key=_reading_order))
        count = len(self.mistakes)
        title = f"the definitions do not load: {count} mistake{'s' if count != 1 else ''}"
        super().__init__("\n".join([title, *(str(mistake) for mistake in self.mistakes)]))


def _reading_order(mistake: Mistake) -> tuple[str, int, Mistake]:
    file, _, line = mistake.where.rpartition(":")
    return (file, int(line), mistake) if line.isdigit() else (mistake.where, 0, mistake)


class DeclarationError(DiptychError):
    """A declaration called with a Python value of the wrong kind."""


def did_you_mean(name: str, exists: Iterable[str]) -> str:
    """A hint that names the nearest of what exists, or the empty string where nothing is near."""
    near = difflib.get_close_matches(name, list(exists), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""
