"""The plan as canonical JSON and back: what fingerprints hash, and the manifest that serving processes read.

Every node is an object that says its class under ``is``; fields at their defaults are left out. Decoding builds
nothing but the classes listed here, so a manifest cannot run anything.
"""

import dataclasses
import decimal
import hashlib
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from diptych.ground.errors import DiptychError
from diptych.ground.expression import Call, Column, Literal, Op
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, ListOf, String, Timestamp
from diptych.plan import nodes

FORMAT = 1
"""The version of this encoding and of what fingerprints cover; another version is another world."""

_CLASSES: dict[str, Any] = {
    known.__name__: known
    for known in (
        Bool, Int64, Float64, Decimal, Timestamp, String, Enum, ListOf, Column, Literal, Call, nodes.Window,
        nodes.Reduction, nodes.Feature, nodes.Field, nodes.Source, nodes.Entity, nodes.View, nodes.Role,
        nodes.Output, nodes.Derived, nodes.Service, nodes.Registry,
    )
}  # fmt: skip
_WORDS: dict[tuple[str, str], Callable[[str], StrEnum]] = {
    ("Call", "op"): Op,
    ("Reduction", "kind"): nodes.Kind,
}
_BY_NAME = {"entity": "entities", "source": "sources"}
"""The fields of a view that a manifest holds by name."""


class ManifestError(DiptychError):
    """A manifest that this version cannot read."""


def canonical(value: object) -> str:
    """The one JSON text of a node, an expression, or lists and mappings of them: equal exactly when they are."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(data: bytes) -> str:
    """The address of a manifest by its content: 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def encode(registry: nodes.Registry) -> bytes:
    """The manifest of a registry, canonical: equal registries give equal bytes."""
    plain = _plain(registry)
    for view in plain["views"]:
        for name in _BY_NAME:
            view[name] = view[name]["name"]
    text = json.dumps({"format": FORMAT, "registry": plain}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def decode(data: bytes) -> nodes.Registry:
    """The registry of a manifest; ManifestError when it is of another format or no manifest at all."""
    try:
        manifest = json.loads(data)
        version, plain = manifest["format"], manifest["registry"]
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"this is no manifest: {error}") from error
    if version != FORMAT:
        raise ManifestError(f"the manifest has format {version}, this version of Diptych reads {FORMAT}: apply again")
    try:
        for view in plain["views"]:
            for name, many in _BY_NAME.items():
                view[name] = next(item for item in plain[many] if item["name"] == view[name])
        registry = _built(plain)
    except (ValueError, KeyError, TypeError, StopIteration, AttributeError, ArithmeticError) as error:
        raise ManifestError(f"the manifest is corrupt: {type(error).__name__} {error}") from error
    if not isinstance(registry, nodes.Registry):
        raise ManifestError("the manifest is corrupt: it holds no registry")
    return registry


def _plain(value: object) -> Any:
    match value:
        case StrEnum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case decimal.Decimal():
            return {"is": "decimal", "digits": str(value)}
        case tuple() | list():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(name): _plain(item) for name, item in value.items()}
        case _:
            return _plain_node(value)


def _plain_node(value: object) -> dict[str, Any]:
    name = type(value).__name__
    assert _CLASSES.get(name) is type(value), f"{name} is no node of the plan"
    fields = dataclasses.fields(value)  # type: ignore[arg-type]
    held = {field.name: getattr(value, field.name) for field in fields}
    return {"is": name} | {
        field.name: _plain(held[field.name]) for field in fields if not _is_default(field, held[field.name])
    }


def _is_default(field: "dataclasses.Field[Any]", value: object) -> bool:
    default = () if field.default_factory is tuple else field.default
    return type(default) is type(value) and bool(default == value)


def _built(plain: Any) -> Any:
    if isinstance(plain, list):
        return tuple(_built(item) for item in plain)
    if not isinstance(plain, dict):
        return plain
    name = plain["is"]
    if name == "decimal":
        return decimal.Decimal(plain["digits"])
    fields = {field: _built(item) for field, item in plain.items() if field != "is"}
    for field in fields:
        if (name, field) in _WORDS:
            fields[field] = _WORDS[name, field](fields[field])
    if name == "Enum":
        return Enum(*fields["values"], nullable=fields.get("nullable", True))
    return _CLASSES[name](**fields)
