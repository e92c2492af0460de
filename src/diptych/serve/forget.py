"""Forgetting an entity: its state in every version of every view goes, and a tombstone keeps it from coming back.

The tombstone covers all that happened or was known before its instant: a consumer that is delivered such an event
again, or a backfill that finds it in history, leaves it out. A batch that an ingestor is appending at this very moment
may still land after the deletion; forget again to be sure of it. History itself is the team's own to erase.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.admit.keys import BadKey, key_of
from diptych.ground.errors import DiptychError
from diptych.plan.nodes import View
from diptych.serve.clock import Clock
from diptych.serve.manifest import Manifests
from diptych.serve.tombstones import Graveyard


class UnknownEntity(DiptychError):
    """An entity that no published view is about."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many entities were forgotten, how many states of theirs there were, in how many versions of views."""

    entities: int
    states: int
    versions: int


def forget(
    manifests: Manifests, entity: str, keys: Mapping[str, Any] | Sequence[Mapping[str, Any]], clock: Clock | None = None
) -> Forgotten:
    """Forget one entity, ``{"tailnum": "N123"}``, or several of one kind, in every version ever published.

    ``clock`` must be the one that stamps ``known_at``; None is the server's. Raises UnknownEntity, BadKey for a key
    that does not fit (a null part included), and the store's errors, after which it may be called again.
    """
    rows = [keys] if isinstance(keys, Mapping) else list(keys)
    versions = [view for view in manifests.all_views() if view.entity.name == entity]
    if not versions:
        known = ", ".join(sorted({view.entity.name for view in manifests.all_views()})) or "none"
        raise UnknownEntity(f"no published view is about an entity {entity!r}; there are {known}")
    current = {(view.name, view.fingerprint) for view in manifests.current().registry.views}
    found = [(view, _keys(view, rows, strict=(view.name, view.fingerprint) in current)) for view in versions]
    instant = manifests.store.now_us() if clock is None else clock()
    buried = list(dict.fromkeys(key for _, each in found for key in each))
    Graveyard(manifests.store, manifests.addresses).bury(entity, buried, instant)
    states = [manifests.addresses.states(view) + key for view, each in found for key in each]
    return Forgotten(len(rows), manifests.store.delete_many(states), len(versions))


def _keys(view: View, rows: Sequence[Mapping[str, Any]], strict: bool) -> list[bytes]:
    """The key bytes of the rows in one version; an older version may have had other keys, which no row can name."""
    found = []
    for row in rows:
        try:
            key = key_of(view.entity, row)
        except BadKey:
            if strict:
                raise
            continue
        if key is None:
            raise BadKey(f"entity {view.entity.name!r} cannot be forgotten by a key with a null part: {dict(row)!r}")
        found.append(key)
    return found
