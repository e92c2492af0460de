"""A logged request as something to explain: its entity, its service, its instant, and the value that was answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from diptych.check.explain.asking import near
from diptych.check.explain.explanation import Side
from diptych.check.explain.fetching import Panels
from diptych.check.explain.naming import Wanted, wanted
from diptych.check.explain.services import Explained, explain_named, feature_of
from diptych.ground.errors import DiptychError
from diptych.plan.nodes import Service, View
from diptych.plan.selection import UnknownFeatures
from diptych.rows.python import to_python
from diptych.serve.request import BadRequest
from diptych.serve.requestlog.reading import Found, find
from diptych.serve.requestlog.schema import AT, STATUS


class NotLogged(DiptychError):
    """A request that the log does not hold."""


@dataclass(frozen=True, slots=True)
class LoggedRow:
    """One entity row of a logged request: its keys and inputs, the instant it asked for, and the log's cells of it.

    ``service`` and ``views`` are as they were when it was answered.
    """

    service: Service
    views: Mapping[str, View]
    entity: Mapping[str, Any]
    at: int
    cells: Mapping[str, Any]


def logged_row(root: Path, request_id: str, entity: Mapping[str, Any]) -> LoggedRow:
    """The row of a logged request that agrees with ``entity``, which also says what is hashed in the log.

    Raises NotLogged, BadLog, and BadRequest where no row or a hashed key is left open.
    """
    found = find(root, request_id)
    if found is None:
        raise NotLogged(f"the request log at {root} has no request {request_id!r}: it was not sampled, or not here")
    described = found.service.described
    hashed = found.batch.hashed
    table = found.batch.table
    columns = {name: to_python(table[name]) for name in table.column_names if name != AT}
    at = table[AT].cast("int64").to_pylist()
    told = [name for name in described.request if name in entity and name not in hashed]
    rows = [row for row in range(table.num_rows) if all(columns[name][row] == entity[name] for name in told)]
    if not rows:
        raise BadRequest(f"no row of request {request_id!r} is about {dict(entity)}; it has {_rows(found, columns)}")
    missing = [name for name in described.request if name in hashed and name not in entity]
    if missing:
        raise BadRequest(f"{', '.join(missing)} is hashed in the request log: say it, like --entity {missing[0]}=...")
    row = rows[0]
    keys = {name: entity[name] if name in hashed else columns[name][row] for name in described.request}
    cells = {name: column[row] for name, column in columns.items()}
    return LoggedRow(described.service, {view.name: view for view in described.definition.views}, keys, at[row], cells)


def _rows(found: Found, columns: Mapping[str, list[Any]]) -> str:
    names = [name for name in found.service.described.request if name not in found.batch.hashed]
    spelled = [", ".join(f"{name}={columns[name][row]}" for name in names) for row in range(found.batch.table.num_rows)]
    return "; ".join(spelled[:5])


def explain_logged(panels: Panels, name: str, row: LoggedRow) -> Explained:
    """Explain a column of a logged request by the definitions as they are declared now, the answered value beside it.

    Raises as ``explain_named`` does.
    """
    asked = wanted(panels.registry, name, _declared(panels, row.service))
    explained = explain_named(panels, name, row.entity, row.at, asked.service)
    notes = (*explained.notes, *_versions(panels, asked, row))
    if asked.column not in row.cells:
        note = f"the request did not ask for {asked.column}: no value of it was logged"
        return msgspec.structs.replace(explained, notes=(*notes, note))
    value = row.cells[asked.column]
    right = near(feature_of(panels, asked), explained.law.value, value, explained.allowed_error)
    logged = Side(value=value, status=row.cells[asked.column + STATUS], agrees=right)
    return msgspec.structs.replace(explained, logged=logged, notes=notes)


def _declared(panels: Panels, logged: Service) -> Service:
    """The service of that name and version as it is declared now; the logged one where nobody declared it."""
    views = {view.name for view in panels.registry.views}
    gone = [role.view for role in logged.roles if role.view not in views]
    if gone:
        raise UnknownFeatures(f"the request was answered from the view {gone[0]!r}, which is not declared any more")
    same = (each for each in panels.registry.services if (each.name, each.version) == (logged.name, logged.version))
    return next(same, logged)


def _versions(panels: Panels, asked: Wanted, row: LoggedRow) -> tuple[str, ...]:
    """What a reader should know of the definitions and the state that answered."""
    roles = asked.service.roles if asked.role is None else (asked.role,)
    notes = []
    for role in roles:
        then, now = row.views.get(role.view), panels.registry.view(role.view)
        if then is not None and (then.fingerprint, then.meaning) != (now.fingerprint, now.meaning):
            notes.append(f"the request was answered by another definition of {now.name} ({then.fingerprint[:12]})")
    return tuple(dict.fromkeys(notes))
