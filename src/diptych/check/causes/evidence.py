"""What a diagnosis is made of: the questions that were answered in two ways, and everything they can be held against.

Values are as ``compare`` shows them: ``decimal.Decimal`` for a Decimal, aware datetimes for a Timestamp, a list for a
list, None for null. Keys are tuples in the order of the entity's own key parts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.check.findings import Cause
from diptych.plan.nodes import View

Key = tuple[Any, ...]
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answered:
    """One question to one feature (``at`` in microseconds), and what each side said."""

    feature: str
    key: Key
    at: int
    offline: Any
    online: Any
    offline_status: str | None = None
    online_status: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why one question was answered in two ways.

    ``wrong`` is the side that the judge contradicts: ``"offline"``, ``"online"`` or ``"both"``; empty where it was not
    asked. ``examined`` is False where there was no time to look.
    """

    cause: Cause = Cause.UNEXPLAINED
    detail: str = ""
    wrong: str = ""
    examined: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about the mismatches of one view.

    ``rows`` gives the raw rows of the view's source that belong to a key, as the judge takes them: dicts, timestamps as
    datetimes or int microseconds; it may be asked for keys that no mismatch names. ``agreements`` are a sample of the
    questions that both sides answered alike, of the features that differ. ``versions`` are other versions of the view.
    """

    view: View
    rows: Callable[[Key], Sequence[Row]]
    mismatches: Sequence[Answered]
    agreements: Sequence[Answered] = ()
    versions: Sequence[View] = ()
