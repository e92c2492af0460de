"""Which names a project may give, and to what each name was given."""

import re
from collections.abc import Iterable

from diptych.declare.place import Place
from diptych.plan.findings import Findings
from diptych.plan.nodes import REQUEST_TIME

SEPARATOR = "__"
"""Stands between view and feature in the names of output columns, so no name holds it."""
RESERVED = frozenset({REQUEST_TIME, "event_timestamp"})
"""Names with a meaning of their own: the instant of a request, and a spine's column of such instants."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_FEATURE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,126}")


def check_name(findings: Findings, place: Place, what: str, name: str, *, reserved: bool = False) -> None:
    """Note a name that is no identifier, is too long, holds the separator, or (``reserved``) has its own meaning."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or SEPARATOR in name:
        hint = "letters, digits and single underscores, beginning with a letter, at most 63"
        findings.add(place, f"{what} has a name that cannot be used: {name!r}", hint=hint)
    elif reserved and name in RESERVED:
        findings.add(place, f"{what} has a reserved name: {name!r}", hint=f"reserved: {', '.join(sorted(RESERVED))}")


def check_feature_name(findings: Findings, place: Place, what: str, name: str) -> None:
    """Note a feature's name that cannot stand after ``view__``."""
    if not _FEATURE.fullmatch(name) or SEPARATOR in name:
        hint = 'letters, digits and single underscores, beginning with a letter; name="..." gives another'
        findings.add(place, f"{what} has a name that cannot be used: {name!r}", hint=hint)


def check_column(findings: Findings, place: Place, what: str, name: str) -> None:
    """Note a column name that is empty, holds a control character or a quote, or is longer than 128."""
    if not name or len(name) > 128 or not name.isprintable() or '"' in name or name in RESERVED - {"event_timestamp"}:
        findings.add(place, f"{what} has a name that cannot be used: {name!r}")


def repeated(names: Iterable[str]) -> list[str]:
    """The names that occur more than once, sorted."""
    seen: set[str] = set()
    twice: set[str] = set()
    for name in names:
        (twice if name in seen else seen).add(name)
    return sorted(twice)
