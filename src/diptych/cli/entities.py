"""Entities as people type them: ``origin=JFK`` pairs or JSON, to rows of the declared types."""

import decimal
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from diptych.cli.session import UsageError
from diptych.ground.values import Bool, Decimal, Float64, Int64, Timestamp, ValueType
from diptych.plan.nodes import Registry

_TRUTH = {"true": True, "false": False}


def entity_rows(registry: Registry, words: Sequence[str]) -> list[dict[str, Any]]:
    """One row out of ``key=value`` words, or the rows of one JSON object or list; raises UsageError."""
    text = " ".join(words).strip()
    rows = _json(text) if text.startswith(("{", "[")) else [dict(_pair(word) for word in words)]
    types = _types(registry)
    return [{name: _typed(name, value, types.get(name)) for name, value in row.items()} for row in rows]


def _json(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"the entity is not JSON: {error}") from error
    rows = found if isinstance(found, list) else [found]
    if not all(isinstance(row, dict) for row in rows):
        raise UsageError('entities in JSON are one object like {"airport": "JFK"}, or a list of such')
    return rows


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise UsageError(f"{word!r} is no key=value pair, like airport=JFK; an entity in JSON begins with {{")
    return name, value


def _types(registry: Registry) -> dict[str, ValueType]:
    """The type of each name that a request may hold: keys under the names of every role, and request inputs."""
    views = {view.name: view for view in registry.views}
    types = {key.name: key.type for view in registry.views for key in view.entity.keys}
    for service in registry.services:
        for role in service.roles:
            types.update(zip(role.on, (key.type for key in views[role.view].entity.keys), strict=True))
        types.update({field.name: field.type for field in service.request})
    return types


def _typed(name: str, value: Any, type_: ValueType | None) -> Any:
    """Text as the declared type; the empty text of a type that is not text is null. Anything else stays as it is."""
    if not isinstance(value, str) or type_ is None:
        return value
    try:
        return _parsed(value, type_)
    except (ValueError, KeyError, decimal.InvalidOperation) as error:
        raise UsageError(f"{name}={value} is not a {type(type_).__name__}") from error


def _parsed(value: str, type_: ValueType) -> Any:
    if isinstance(type_, Int64 | Float64 | Decimal | Bool | Timestamp) and value == "":
        return None
    match type_:
        case Int64():
            return int(value)
        case Float64():
            return float(value)
        case Decimal():
            return decimal.Decimal(value)
        case Bool():
            return _TRUTH[value.lower()]
        case Timestamp():
            return datetime.fromisoformat(value)
        case _:
            return value
