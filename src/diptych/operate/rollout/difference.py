"""What changed from one registry to another: ``diff`` compares hashes, then says in words what they differ by."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Protocol, TypeVar

from diptych.describe.facts import (
    Fact,
    door_facts,
    entity_facts,
    feature_facts,
    metadata_facts,
    source_facts,
    view_facts,
)
from diptych.describe.service import service_facts, summary
from diptych.operate.rollout.steps import (
    Added,
    Backfill,
    Caution,
    Changed,
    Difference,
    FeatureChange,
    Plan,
    Removed,
    Retouched,
    Reuse,
    Step,
    Thing,
)
from diptych.plan.nodes import Entity, Feature, Registry, Service, Source, View

Version = tuple[str, str]
"""A view's name and fingerprint."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Item = TypeVar("Item", bound=_Named)


def diff(
    old: Registry | None,
    new: Registry,
    *,
    ready: Collection[Version] = (),
    rows: Mapping[str, int] | None = None,
) -> Plan:
    """The plan from ``old`` (None: nothing is published) to ``new``.

    ``ready`` are versions whose state is complete although ``old`` does not hold them; ``rows`` counts the history
    of sources by name. Steps come by kind, then by name: sources, entities, views, services, backfills, cautions.
    """
    before = old or Registry(new.project, (), (), (), ())
    steps: list[Step] = [
        *_sources(before, new),
        *_entities(before, new),
        *_views(before, new),
        *_services(before, new),
        *_states(before, new, ready, rows or {}),
        *_cautions(before, new),
    ]
    return Plan(new.project, tuple(steps))


def _sources(old: Registry, new: Registry) -> Iterable[Step]:
    for name, before, after in _paired(old.sources, new.sources):
        if before is None:
            yield Added(Thing.SOURCE, name)
        elif after is None:
            yield Removed(Thing.SOURCE, name)
        else:
            yield from _compared(Thing.SOURCE, name, _source_words(before), _source_words(after), before, after)


def _entities(old: Registry, new: Registry) -> Iterable[Step]:
    for name, before, after in _paired(old.entities, new.entities):
        if before is None:
            assert after is not None
            yield Added(Thing.ENTITY, name, tuple(fact.text for fact in entity_facts(after)))
        elif after is None:
            yield Removed(Thing.ENTITY, name)
        else:
            yield from _compared(Thing.ENTITY, name, entity_facts(before), entity_facts(after), before, after)


def _compared(
    thing: Thing,
    name: str,
    old_words: Sequence[Fact],
    new_words: Sequence[Fact],
    before: Source | Entity,
    after: Source | Entity,
) -> Iterable[Step]:
    meaning = differences(old_words, new_words)
    if meaning:
        yield Changed(thing, name, meaning)
    retouched = differences(metadata_facts(before), metadata_facts(after))
    if retouched:
        yield Retouched(thing, name, retouched)


def _source_words(source: Source) -> tuple[Fact, ...]:
    return (*source_facts(source), *door_facts(source))


def _views(old: Registry, new: Registry) -> Iterable[Step]:
    for name, before, after in _paired(old.views, new.views):
        if before is None:
            assert after is not None
            means = tuple(f"{feature.name} = {summary(after, feature)}" for feature in after.features)
            yield Added(Thing.VIEW, name, means)
        elif after is None:
            yield Removed(Thing.VIEW, name, tuple(feature.name for feature in before.features))
        else:
            yield from _view(before, after)


def _view(before: View, after: View) -> Iterable[Step]:
    if (before.fingerprint, before.meaning) != (after.fingerprint, after.meaning):
        words = differences(_view_words(before), _view_words(after))
        yield Changed(Thing.VIEW, after.name, words, tuple(_features(before, after)))
    kept = {feature.name for feature in before.features} & {feature.name for feature in after.features}
    retouched = differences(_people_words(before, kept), _people_words(after, kept))
    if retouched:
        yield Retouched(Thing.VIEW, after.name, retouched)


def _view_words(view: View) -> tuple[Fact, ...]:
    return (*view_facts(view), *door_facts(view.source))


def _people_words(view: View, names: Collection[str]) -> tuple[Fact, ...]:
    """What is said of a view and of the named features without any engine reading it; a feature's by its name."""
    own = [
        fact
        for feature in view.features
        if feature.name in names
        for fact in (
            Fact(f"description of {feature.name}", feature.description),
            Fact(f"tolerance of {feature.name}", f"{feature.tolerance:g}"),
            *(Fact(f"tag {key} of {feature.name}", value) for key, value in feature.tags),
        )
    ]
    return (*metadata_facts(view), *own)


def _features(before: View, after: View) -> Iterable[FeatureChange]:
    for name, old, new in _paired(before.features, after.features):
        old_words = None if old is None else summary(before, old)
        new_words = None if new is None else summary(after, new)
        if old is None or new is None:
            yield FeatureChange(name, old_words, new_words)
            continue
        changed = differences(_valued(before, old), _valued(after, new))
        if changed:
            yield FeatureChange(name, old_words, new_words, changed)


def _valued(view: View, feature: Feature) -> tuple[Fact, ...]:
    """What a feature's values depend on; how closely they are compared is for people."""
    return tuple(fact for fact in feature_facts(view, feature) if fact.topic != "comparison")


def _services(old: Registry, new: Registry) -> Iterable[Step]:
    for key, before, after in _paired_by(_versioned(old.services), _versioned(new.services)):
        if before is None:
            assert after is not None
            columns = (*(output.name for output in after.outputs), *(column.name for column in after.derived))
            yield Added(Thing.SERVICE, key, (f"{len(columns)} columns",))
        elif after is None:
            yield Removed(Thing.SERVICE, key)
        else:
            yield from _service(key, _service_words(old, before), _service_words(new, after), before, after)


def _service(
    key: str, old_words: tuple[Fact, ...], new_words: tuple[Fact, ...], before: Service, after: Service
) -> Iterable[Step]:
    if before.fingerprint != after.fingerprint:
        yield Changed(Thing.SERVICE, key, differences(old_words, new_words))
    retouched = differences(metadata_facts(before), metadata_facts(after))
    if retouched:
        yield Retouched(Thing.SERVICE, key, retouched)


def _service_words(registry: Registry, service: Service) -> tuple[Fact, ...]:
    return tuple(fact for facts in service_facts(registry, service).values() for fact in facts)


def _versioned(services: Iterable[Service]) -> dict[str, Service]:
    return {f"{service.name}:{service.version}": service for service in services}


def _states(old: Registry, new: Registry, ready: Collection[Version], rows: Mapping[str, int]) -> Iterable[Step]:
    served = {view.name: view.fingerprint for view in old.views}
    for view in sorted(new.views, key=lambda view: view.name):
        if served.get(view.name) == view.fingerprint:
            continue
        if (view.name, view.fingerprint) in ready:
            yield Reuse(view.name, view.fingerprint)
        else:
            known = rows.get(view.source.name)
            yield Backfill(view.name, view.fingerprint, served.get(view.name), view.source.name, known)


def _cautions(old: Registry, new: Registry) -> Iterable[Step]:
    after = _versioned(new.services)
    for key, service in sorted(_versioned(old.services).items()):
        now = after.get(key)
        if now is None:
            yield Caution(f"service {key}", "whoever still asks for it gets an error from the moment of the flip")
        elif now.fingerprint != service.fingerprint:
            text = (
                "its values change under the same version, so a model trained on it sees other values than "
                f"in training: declare version={service.version + 1} beside it"
            )
            yield Caution(f"service {key}", text)


def differences(old: Iterable[Fact], new: Iterable[Fact]) -> tuple[Difference, ...]:
    """The facts that are not in both, paired by topic in order of appearance."""
    before, after = _by_topic(old), _by_topic(new)
    found = []
    for topic in dict.fromkeys([*before, *after]):
        gone = [text for text in before.get(topic, []) if text not in after.get(topic, [])]
        come = [text for text in after.get(topic, []) if text not in before.get(topic, [])]
        found += [Difference(topic, was, now) for was, now in zip_longest(gone, come)]
    return tuple(found)


def _by_topic(facts: Iterable[Fact]) -> dict[str, list[str]]:
    topics: dict[str, list[str]] = {}
    for fact in facts:
        topics.setdefault(fact.topic, []).append(fact.text)
    return topics


def _paired(old: Iterable[Item], new: Iterable[Item]) -> Iterable[tuple[str, Item | None, Item | None]]:
    return _paired_by({item.name: item for item in old}, {item.name: item for item in new})


def _paired_by(old: Mapping[str, Item], new: Mapping[str, Item]) -> Iterable[tuple[str, Item | None, Item | None]]:
    """Every name of either, sorted, with what it names in each."""
    return [(name, old.get(name), new.get(name)) for name in sorted({*old, *new})]
