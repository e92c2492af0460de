"""What a boundary case is, and the rules of a feature's meaning that cases are about."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from diptych.testing.cases.case import Question

Row = Mapping[str, Any]


class Rule(StrEnum):
    """The parts of what a feature means; the value is what people read."""

    STRICTLY_BEFORE = "strictly before"
    TAIL = "window tail"
    HOP = "hop"
    KNOWN_AT = "known at"
    LATENESS = "lateness and skew"
    TIES = "ties"
    DUPLICATES = "duplicates"
    NULLS = "nulls"
    WHERE = "where"
    FILTER = "filter"
    DOOR = "types and ranges"
    NUMBERS = "numbers"
    TEXT = "text"
    KEYS = "keys"
    EMPTY = "empty window"
    CALENDAR = "calendar"
    SEVERAL = "several events"


@dataclass(frozen=True, slots=True)
class BoundaryCase:
    """A few rows and the questions at which an engine that bends one rule goes wrong.

    ``rule`` says in words what must hold. Rows are as a user has them, with instants as int microseconds. ``alone``:
    the case must be asked in a world of its own (see ``together``), for it is about keys themselves.
    """

    name: str
    about: Rule
    rule: str
    history: tuple[Row, ...]
    questions: tuple[Question, ...]
    alone: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Gap:
    """What no case of a view covers, and why."""

    about: Rule
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Boundaries:
    """All cases of a view, and what they leave open."""

    cases: tuple[BoundaryCase, ...]
    gaps: tuple[Gap, ...]
