"""The columns of a service's request log, and the definition that lies beside its files.

One row of the log is one entity row of a request. Columns that are the log's own begin with an underscore; then come
the request's keys and inputs, then each output with its status, typed as the service declares them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from diptych.ground.errors import DiptychError
from diptych.ground.values import ListOf, ResultType, ValueType
from diptych.plan import serial
from diptych.plan.fingerprint import service_fingerprint
from diptych.plan.nodes import Registry, Service
from diptych.rows.values import arrow_type

REQUEST_ID, ROW, AT, ASKED_AT, LATENCY = "_request_id", "_row", "_at", "_asked_at", "_latency_us"
HORIZONS, POSITIONS = "_horizons", "_positions"
STATUS = "__status"
DEFINITION = "definition.json"
METADATA = b"diptych"
"""The key of a file's own words in its Parquet metadata, one JSON object."""

INSTANT = pa.timestamp("us", tz="UTC")
POSITION = pa.struct(
    [("source", pa.string()), ("partition", pa.string()), ("offset", pa.int64()), ("committed_at", INSTANT)]
)
STATUSES = pa.dictionary(pa.int8(), pa.string())


class Unloggable(DiptychError):
    """A service whose columns cannot stand beside those of the log."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a service's log holds.

    ``definition`` has the service and the views, entities and sources that it needs; ``request`` the type of every key
    column and request input in order, ``outputs`` of every output and derived column.
    """

    definition: Registry
    request: Mapping[str, ValueType]
    outputs: Mapping[str, ResultType]

    @classmethod
    def of(cls, registry: Registry, service: Service) -> "Described":
        """The log of a service over a registry; raises Unloggable where two columns would have one name."""
        views = tuple(view for view in registry.views if view.name in {role.view for role in service.roles})
        stamped = replace(service, fingerprint=service_fingerprint(service, {view.name: view for view in views}))
        sources, entities = {view.source.name: view.source for view in views}, {v.entity.name: v.entity for v in views}
        definition = Registry(registry.project, (*sources.values(),), (*entities.values(),), views, (stamped,))
        request: dict[str, ValueType] = {}
        for role in service.roles:
            for column, key in zip(role.on, definition.view(role.view).entity.keys, strict=True):
                request.setdefault(column, key.type)
        request |= {field.name: field.type for field in service.request}
        outputs: dict[str, ResultType] = {output.name: output.type for output in service.outputs}
        outputs |= {derived.name: derived.type for derived in service.derived}
        described = cls(definition, request, outputs)
        described._refuse_collisions()
        return described

    @property
    def service(self) -> Service:
        """The service, with its fingerprint."""
        return self.definition.services[0]

    @property
    def roles(self) -> tuple[str, ...]:
        """The names of its roles, whose states have horizons."""
        return tuple(role.name for role in self.service.roles)

    @property
    def folder(self) -> str:
        """Where its files lie under the log's folder: one place for each set of columns and meanings."""
        version = f"{self.service.version}-" if self.service.version else ""
        name = self.service.name if self.service.version else "features"
        return f"{name}/{version}{self.service.fingerprint}"

    def schema(self, hashed: Sequence[str], words: Mapping[str, Any]) -> pa.Schema:
        """The schema of a file whose own words are these; ``hashed`` columns are text."""
        fields = [
            pa.field(REQUEST_ID, pa.string()),
            pa.field(ROW, pa.int32()),
            pa.field(AT, INSTANT),
            pa.field(ASKED_AT, INSTANT),
            pa.field(LATENCY, pa.int64()),
            pa.field(HORIZONS, pa.struct([(role, INSTANT) for role in self.roles])),
            pa.field(POSITIONS, pa.list_(POSITION)),
        ]
        fields += [
            pa.field(name, pa.string() if name in hashed else arrow_type(kind)) for name, kind in self.request.items()
        ]
        for name, kind in self.outputs.items():
            fields += [pa.field(name, arrow_of(kind)), pa.field(name + STATUS, STATUSES)]
        return pa.schema(fields, {METADATA: json.dumps(words, sort_keys=True).encode()})

    def words(self) -> dict[str, Any]:
        """Which definitions answered: the service, and of each view the fingerprint of its state and its meaning."""
        service = self.service
        views = {view.name: {"state": view.fingerprint, "meaning": view.meaning} for view in self.definition.views}
        return {"service": service.name, "version": service.version, "fingerprint": service.fingerprint, "views": views}

    def encode(self) -> bytes:
        """The definition, as manifests hold it."""
        return serial.encode(self.definition)

    def _refuse_collisions(self) -> None:
        names = self.schema((), {}).names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Unloggable(
                f"the request log of service {self.service.name!r} would have two columns {twice[0]!r}: rename the key or "
                "output of that name"
            )


def decode(raw: bytes) -> Described:
    """A definition read back; raises ManifestError."""
    definition = serial.decode(raw)
    return Described.of(definition, definition.services[0])


def arrow_of(kind: ResultType) -> pa.DataType:
    """The Arrow type of an output."""
    return pa.list_(arrow_type(kind.element)) if isinstance(kind, ListOf) else arrow_type(kind)
