"""Skews of entity keys: one side finds an entity under another name."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from diptych.admit import keys
from diptych.check.findings import Cause
from diptych.ground.values import Int64, String
from diptych.plan.nodes import Service
from diptych.serve import request
from diptych.serve.plans import prepare
from tests.power.faults.fault import Plant, everywhere, fault, swapped

KEY = {Cause.KEY_ENCODING}


def _written(spell: Callable[[bytes], bytes], *, length: bool = True) -> Plant:
    """Parts of keys are written otherwise, by ingestion and by requests."""

    def texts(values: Iterable[bytes]) -> list[bytes]:
        spelled = [spell(value) for value in values]
        return [b"%d:%b" % (len(value), value) for value in spelled] if length else spelled

    return lambda: swapped(keys, "_texts", texts)


def _asked(kind: type, change: Callable[[Any], Any]) -> Plant:
    """Requests ask for keys of a type in another spelling than ingestion wrote."""
    real = request._part

    def part(column: str, entity: Any, key: Any) -> Any:
        encode = real(column, entity, key)
        if not isinstance(key.type, kind):
            return encode

        def changed(items: Sequence[Any]) -> Any:
            return encode([item if item is None else change(item) for item in items])

        return changed

    return lambda: swapped(request, "_part", part)


def _padded() -> AbstractContextManager[None]:
    """Requests spell integers in at least four digits."""
    real = request._part

    def part(column: str, entity: Any, key: Any) -> Any:
        encode = real(column, entity, key)
        if not isinstance(key.type, Int64):
            return encode
        return lambda items: [
            None if item is None else b"%d:%b" % (len(b"%04d" % item), b"%04d" % item) for item in items
        ]

    return swapped(request, "_part", part)


def _roles_swapped() -> AbstractContextManager[None]:
    def prepared(service: Service, *rest: Any) -> Any:
        on = {"customer_visits": ("referrer",), "referrer_visits": ("customer",)}
        if {role.name for role in service.roles} < set(on) or len(service.roles) < 2:
            return prepare(service, *rest)
        roles = tuple(replace(role, on=on.get(role.name, role.on)) for role in service.roles)
        return prepare(replace(service, roles=roles), *rest)

    return everywhere(prepare, prepared)


FAULTS = (
    fault(
        "keys run together", "online", "Composite keys are joined without a separator: ('a', 'b1') is ('ab', '1').", KEY,
        _written(lambda value: value, length=False),
        shows="till_sales",
    ),
    fault(
        "keys in lower case", "online", "The serving layer lower-cases names, and two entities share a state.", KEY,
        _written(bytes.lower),
    ),
    fault(
        "keys trimmed in requests", "online", "A web form strips blanks that are part of the key.", KEY,
        _asked(String, str.strip),
        shows="till_sales",
    ),
    fault(
        "integers through floats", "online", "JSON reads large customer numbers as floats, and they lose their last digit.",
        KEY, _asked(Int64, lambda item: int(float(item))),
        shows="customer_visits",
    ),
    fault(
        "integers padded", "online", "The request spells customer 12 as '0012', the stream as '12'.", KEY, _padded,
        shows="customer_visits",
    ),
    fault(
        "roles swapped", "online", "The service looks up the customer as the referrer, and the other way round.",
        KEY | {Cause.OTHER_DEFINITION}, _roles_swapped,
        shows="checkout:1",
    ),
)  # fmt: skip
