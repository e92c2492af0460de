"""Checks and copies that make the arguments of a declaration frozen values."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from diptych.declare.mistakes import DeclarationError
from diptych.ground.values import ValueType

VALUE_TYPES = ValueType.__args__


def frozen_types(types: object, what: str) -> Mapping[str, ValueType]:
    """A read-only copy of a mapping of names to types; DeclarationError where it is not one."""
    copy: Mapping[str, Any] = frozen_mapping(types, what)
    for name, type_ in copy.items():
        if not isinstance(type_, VALUE_TYPES):
            known = ", ".join(known.__name__ for known in VALUE_TYPES)
            raise DeclarationError(f"{what}: {name!r} must be a type such as dt.Int64(), not {type_!r}; types: {known}")
    return copy


def frozen_mapping(mapping: object, what: str) -> Mapping[str, Any]:
    """A read-only copy of a mapping with text keys, in its order; DeclarationError where it is not one."""
    if not isinstance(mapping, Mapping) or not all(isinstance(name, str) for name in mapping):
        raise DeclarationError(f"{what} must be a mapping of names, not {mapping!r}")
    return MappingProxyType(dict(mapping))


def frozen_items(items: object, kinds: tuple[type, ...], what: str) -> tuple[Any, ...]:
    """A tuple of values of the given kinds; DeclarationError where one is of another."""
    if isinstance(items, (str, bytes)) or not isinstance(items, Iterable):
        raise DeclarationError(f"{what} must be a list, not {items!r}")
    copy = tuple(items)
    for item in copy:
        if not isinstance(item, kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise DeclarationError(f"{what}: expected {wanted}, not {item!r}")
    return copy
