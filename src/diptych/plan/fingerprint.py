"""Hashes of what a definition means: of what stored state depends on, of all values, and of the words around them."""

import hashlib
from dataclasses import replace

from diptych.ground.expression import Expression, columns_of
from diptych.plan import nodes
from diptych.plan.serial import FORMAT, canonical

_DIGITS = 16


def stamped(view: nodes.View) -> nodes.View:
    """The view with its three hashes.

    ``fingerprint`` changes when stored state would: keys, the source's door, inputs, conditions, reductions.
    ``meaning`` also covers key names, features, finishes and defaults; ``metadata`` the owner, texts, tags, freshness
    and tolerances. No hash depends on the order in which features, columns or tags were declared.
    """
    state = _hash(_state(view))
    features = sorted(view.features, key=lambda feature: feature.name)
    meaning = [(feature.name, feature.type, feature.finish, feature.default) for feature in features]
    words = [
        (feature.name, feature.tolerance, feature.aggregate, feature.description, feature.tags) for feature in features
    ]
    source = view.source
    around = [
        [view.owner, view.description, view.tags, view.freshness],
        [source.owner, source.description, source.tags],
        [view.entity.name, view.entity.description],
        words,
    ]
    keys = [part.name for part in view.entity.keys]
    return replace(view, fingerprint=state, meaning=_hash([state, keys, meaning]), metadata=_hash(around))


def service_fingerprint(service: nodes.Service, views: dict[str, nodes.View]) -> str:
    """The hash of every value that a service answers with, its views' meanings included."""
    roles = [(role.name, role.on, views[role.view].meaning) for role in service.roles]
    return _hash([service.name, service.version, roles, service.outputs, service.request, service.derived])


def _state(view: nodes.View) -> object:
    """All that stored state depends on.

    Every column counts: a row with a bad value in any of them does not pass the door. A derived column counts only
    where it is read.
    """
    source = view.source
    return {
        "view": view.name,
        "keys": [part.type for part in view.entity.keys],
        "source": [source.name, source.columns, source.timestamp, source.known_at, source.event_id],
        "door": [source.dedup_window, source.lateness, source.max_skew, source.filter],
        "derive": _read_derivations(view),
        "on": view.on,
        "rows": [view.inputs, view.conditions],
        "reductions": view.reductions,
        "ttl": view.ttl,
    }


def _read_derivations(view: nodes.View) -> list[tuple[str, Expression]]:
    """The derived columns that the view reads, directly or through another one, by name."""
    source = view.source
    read = set(view.on)
    for expression in (*view.inputs, *view.conditions, *([source.filter] if source.filter else [])):
        read |= set(columns_of(expression))
    for name, expression in reversed(source.derive):
        if name in read:
            read |= set(columns_of(expression))
    return sorted((pair for pair in source.derive if pair[0] in read), key=lambda pair: pair[0])


def _hash(value: object) -> str:
    return hashlib.sha256(canonical([FORMAT, value]).encode()).hexdigest()[:_DIGITS]
