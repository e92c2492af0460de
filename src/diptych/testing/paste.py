"""A difference as the text of a test, ready to paste: plain Python that needs nothing but the ``parity`` fixture."""

import decimal
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from diptych.ground.values import ListOf, ResultType
from diptych.plan.nodes import Field, View
from diptych.testing.boundaries.cast import own_columns, read_columns
from diptych.testing.boundaries.pools import fits
from diptych.testing.cases.case import Question
from diptych.testing.example import feature_of, spell, spelled, value_of

WIDTH = 100


def pasted(
    view: View,
    feature: str,
    history: Sequence[Mapping[str, Any]],
    question: Question,
    expect: Any,
    what: str = "example",
    why: str = "",
    *,
    all_columns: bool = False,
) -> str:
    """The text of one pytest test. ``expect`` is the judge's value as a user has it; ``what`` ends the test's name and
    ``why`` is its docstring. Rows show the columns that matter, or all that they have."""
    feature_of(view, feature)
    keys = {field.name: (part, field.type) for field, part in zip(view.entity.keys, question.key, strict=True)}
    entity = ", ".join(f"{literal(name)}: {literal(spelled(part, type_))}" for name, (part, type_) in keys.items())
    rows = [_row(view, row, all_columns) for row in history]
    lines = [
        f"def test_{_name(view.name)}_{_name(feature)}_{_name(what)}(parity):",
        *([f"    {_docstring(why)}"] if why else []),
        "    parity.example(",
        f"        {literal(f'{view.name}:{feature}')},",
        f"        entity={{{entity}}},",
        f"        at={literal(spelled_instant(question.t))},",
        *_listed(rows),
        f"        expect={literal(_answer(expect, feature_of(view, feature).type))},",
        "    )",
    ]
    text = "\n".join(lines) + "\n"
    return ("from decimal import Decimal\n\n\n" if "Decimal(" in _code(text) else "") + text


def literal(value: Any) -> str:
    """Python source of a value that a row may hold: evaluated where ``Decimal`` is known, it is the same value."""
    match value:
        case list() | tuple():
            return f"[{', '.join(map(literal, value))}]"
        case str():
            spelling = repr(value)
            return f'"{spelling[1:-1]}"' if spelling[0] == "'" and '"' not in value else spelling
        case float():
            return repr(value) if math.isfinite(value) else f'float("{value!r}")'
        case decimal.Decimal():
            return f'Decimal("{value}")'
        case datetime():
            return f'"{value.isoformat()}"'
        case _:
            return repr(value)


def spelled_instant(at: int) -> str | int:
    """An instant as text, where the calendar has it."""
    text = spell(at)
    return at if text.lstrip("-").isdigit() else text


def _row(view: View, row: Mapping[str, Any], all_columns: bool) -> str:
    matters = read_columns(view) | own_columns(view) | {"arrived_at"}
    declared = {field.name: field for field in view.source.columns}
    shown = {
        name: spelled(value, declared[name].type) if name in declared else value
        for name, value in row.items()
        if all_columns or name in matters or (name in declared and not _absent(declared[name], value))
    }
    if not all_columns:
        shown = {name: value for name, value in shown.items() if value is not None or not _may_lack(declared, name)}
    return "{" + ", ".join(f"{literal(name)}: {literal(value)}" for name, value in shown.items()) + "}"


def _absent(field: Field, value: Any) -> bool:
    """Whether a column on which no answer depends may be left out: its value does not get the row refused."""
    return fits(field.type, value)


def _may_lack(declared: Mapping[str, Field], name: str) -> bool:
    """Whether a null may be left out of a row, because it is what a missing column means."""
    return name in declared and declared[name].type.nullable


def _listed(rows: Sequence[str]) -> list[str]:
    if not rows:
        return ["        history=[],"]
    return ["        history=[", *(line for row in rows for line in _folded(row)), "        ],"]


def _folded(row: str) -> list[str]:
    """A row on one line, or one column a line where that is too long."""
    line = f"            {row},"
    if len(line) <= WIDTH:
        return [line]
    return ["            {", *(f"                {part}," for part in _parts(row)), "            },"]


def _parts(row: str) -> list[str]:
    """The entries of a dict's source, split at the commas between them."""
    parts, depth, quote, start = [], 0, "", 1
    place = 1
    while place < len(row) - 1:
        mark = row[place]
        if quote:
            if mark == "\\":
                place += 1
            elif mark == quote:
                quote = ""
        elif mark in "\"'":
            quote = mark
        elif mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
        elif mark == "," and depth == 0:
            parts.append(row[start:place].strip())
            start = place + 1
        place += 1
    return [*parts, row[start:-1].strip()]


def _answer(value: Any, type_: ResultType) -> Any:
    if isinstance(type_, ListOf):
        return None if value is None else [spelled(_held(element, type_.element), type_.element) for element in value]
    return spelled(_held(value, type_), type_)


def _held(value: Any, type_: ResultType) -> Any:
    return value_of(value, type_) if isinstance(value, datetime) else value


def _name(text: str) -> str:
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower() or "case"


def _docstring(why: str) -> str:
    plain = " ".join(why.replace("\\", "\\\\").replace('"', "'").split())
    return f'"""{plain[:1].upper()}{plain[1:]}."""'


def _code(text: str) -> str:
    """The text without what stands in quotes after an opening bracket of a call to Decimal."""
    return re.sub(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', '""', text)
