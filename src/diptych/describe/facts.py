"""The semantics contract of one feature or view as short facts, each a topic and a sentence with its own numbers.

Two definitions that mean different things differ in at least one of these facts, so they also say what has changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from diptych.describe.empty import empty_answer
from diptych.describe.spelling import spell_expression, spell_type
from diptych.ground.expression import Expression, columns_of
from diptych.ground.instants import spell
from diptych.ground.values import Decimal, Int64
from diptych.plan.nodes import REQUEST_TIME, Entity, Feature, Kind, Reduction, Service, Source, View, Window

_ORDERED = {Kind.FIRST, Kind.LAST, Kind.LATEST}


@dataclass(frozen=True, slots=True)
class Fact:
    """A topic and what is so; ``value`` is the number that the text speaks of, where it speaks of one."""

    topic: str
    text: str
    value: int | float | None = None


def feature_facts(view: View, feature: Feature) -> tuple[Fact, ...]:
    """What one feature answers, over which events, and what it says when there is nothing to say."""
    used = reductions_of(view, feature)
    facts = [
        Fact("answers", formula(view, feature)),
        Fact("type", spell_type(feature.type)),
        *_reads(view, used),
        *(Fact("window", window_words(window, view.source)) for window in _distinct_windows(used)),
        Fact("nulls", _nulls(view, used)),
        Fact("empty window", empty_answer(view, feature)),
        Fact("order", _order(view.source, used)),
        Fact("comparison", _comparison(feature)),
    ]
    if any(_may_overflow(view, reduction) for reduction in used):
        words = "judged on the window's final sum: in training an error that names the feature, online null, OVERFLOW"
        facts.append(Fact("overflow", words))
    return tuple(facts)


def view_facts(view: View) -> tuple[Fact, ...]:
    """What holds for every feature of a view: about whom, out of which events, when those are seen."""
    facts = [Fact("about", _about(view)), *source_facts(view.source)]
    if view.ttl is not None:
        facts.append(Fact("time to live", f"{spell(view.ttl)}: what would be a lifetime is a window of that length"))
    return tuple(facts)


def source_facts(source: Source) -> tuple[Fact, ...]:
    """When events of a source happen and are seen, which are one event, and which come too late."""
    when = f"at {source.timestamp}" if source.timestamp else "true since always"
    return (
        Fact("events", f"{source.name}, {when}"),
        Fact("seen when", _seen(source)),
        *_filter(source),
        Fact("duplicates", _duplicates(source)),
        Fact("late events", _late(source)),
    )


def door_facts(source: Source) -> tuple[Fact, ...]:
    """What an event must be to be let in: each declared column with its type, each derived one with its definition."""
    columns = [Fact("column", f"{column.name}: {spell_type(column.type)}") for column in source.columns]
    derived = [Fact("derived", f"{name} = {spell_expression(expression)}") for name, expression in source.derive]
    return (*columns, *derived)


def entity_facts(entity: Entity) -> tuple[Fact, ...]:
    """What one entity is known by."""
    keys = [Fact("key", f"{key.name}: {spell_type(key.type)}") for key in entity.keys]
    return tuple(keys) or (Fact("key", "none: one state for all"),)


def metadata_facts(item: View | Source | Entity | Service) -> tuple[Fact, ...]:
    """What people should know and no engine reads."""
    facts = [Fact("description", item.description)]
    if isinstance(item, Entity):
        return tuple(fact for fact in facts if fact.text)
    facts.insert(0, Fact("owner", item.owner))
    if isinstance(item, View) and item.freshness is not None:
        facts.append(
            Fact("freshness", f"an online value should be at most {spell(item.freshness)} old", item.freshness)
        )
    facts += [Fact(f"tag {name}", value) for name, value in item.tags]
    return tuple(fact for fact in facts if fact.text)


def formula(view: View, feature: Feature) -> str:
    """The finish with each reduction written out, as SQL."""
    names = {f"r{index}": spell_reduction(view, reduction) for index, reduction in enumerate(view.reductions)}
    names[REQUEST_TIME] = "t"
    return spell_expression(feature.finish, names)


def spell_reduction(view: View, reduction: Reduction) -> str:
    """A reduction as an SQL aggregate."""
    of = "*" if reduction.input is None else spell_expression(view.inputs[reduction.input])
    match reduction.kind:
        case Kind.COUNT | Kind.SUM | Kind.MIN | Kind.MAX | Kind.FIRST | Kind.LAST:
            text = f"{reduction.kind}({of})"
        case Kind.MOMENTS:
            text = f"var_samp({of})"
        case Kind.DISTINCT:
            text = f"count(distinct {of})"
        case Kind.LATEST:
            text = f"last_n({of}, {reduction.n})"
    if reduction.where is None:
        return text
    return f"{text} filter (where {spell_expression(view.conditions[reduction.where])})"


def window_words(window: Window, source: Source) -> str:
    """Which events a window holds at ``t``, both ends exact."""
    at = source.timestamp
    if at is None:
        return "lifetime: every row, since rows without a time are true since always"
    if window.length is None:
        return f"lifetime: {at} < t, without a tail"
    length = spell(window.length)
    if window.hop is None:
        return f"{length}, exact: t - {length} <= {at} < t"
    hop = spell(window.hop)
    longest = spell(window.length + window.hop)
    return (
        f"{length}, tail in hops of {hop}: floor(t - {length}, {hop}) <= {at} < t, in UTC; "
        f"so from {length} to less than {longest}"
    )


def reductions_of(view: View, feature: Feature) -> tuple[Reduction, ...]:
    """The reductions that a feature reads, in their order."""
    indexes = sorted({int(name[1:]) for name in columns_of(feature.finish) if name != REQUEST_TIME})
    return tuple(view.reductions[index] for index in indexes)


def _distinct_windows(reductions: Iterable[Reduction]) -> list[Window]:
    return list(dict.fromkeys(reduction.window for reduction in reductions))


def _expressions(view: View, used: tuple[Reduction, ...]) -> list[Expression]:
    inputs = [view.inputs[reduction.input] for reduction in used if reduction.input is not None]
    conditions = [view.conditions[reduction.where] for reduction in used if reduction.where is not None]
    return list(dict.fromkeys([*inputs, *conditions]))


def _reads(view: View, used: tuple[Reduction, ...]) -> list[Fact]:
    """The columns behind a feature, with their types; derived ones with their definition, down to what arrives."""
    declared = {column.name: column.type for column in view.source.columns}
    derived = dict(view.source.derive)
    waiting = [name for expression in _expressions(view, used) for name in columns_of(expression)]
    lines: dict[str, str] = {}
    while waiting:
        name = waiting.pop(0)
        if name in lines:
            continue
        if name in derived:
            lines[name] = f"{name} = {spell_expression(derived[name])}"
            waiting += columns_of(derived[name])
        elif name in declared and name != view.source.timestamp:
            lines[name] = f"{name}: {spell_type(declared[name])}"
    return [Fact("reads", line) for line in lines.values()]


def _about(view: View) -> str:
    if not view.entity.keys:
        return f"{view.entity.name}: one state for all"
    pairs = zip(view.entity.keys, view.on, strict=True)
    parts = ", ".join(f"{key.name} ({spell_type(key.type)}) from column {column}" for key, column in pairs)
    return f"one {view.entity.name}, known by {parts}; an event with a null there belongs to none"


def _seen(source: Source) -> str:
    at = source.timestamp
    if at is None:
        return "strictly before t; a row is known since always in history, online since the store accepted it"
    known = "at its own timestamp" if source.known_at is None else f"at {source.known_at}"
    return (
        f"strictly before t, by both clocks: {at} < t and known < t; "
        f"an event is known {known} in history, online when the store accepted it"
    )


def _filter(source: Source) -> tuple[Fact, ...]:
    if source.filter is None:
        return ()
    return (Fact("filter", f"only events for which {spell_expression(source.filter)} is true"),)


def _duplicates(source: Source) -> str:
    window = spell(source.dedup_window)
    if source.event_id is None:
        return (
            "no event id: every row of history is an event of its own; online its place in the stream is its id, "
            f"by which a redelivery at most {window} later is known again"
        )
    return (
        f"one event is one {source.event_id} of one entity: a copy known at most {window} after the copy before it is "
        "the same event, and the first by (known at, timestamp, values) stands; a later copy is a new event"
    )


def _late(source: Source) -> str:
    late = (
        "however late an event becomes known, it counts from then on in every window that holds its timestamp"
        if source.lateness is None
        else f"an event known more than {spell(source.lateness)} after its timestamp goes to quarantine"
    )
    if source.max_skew is None:
        return f"{late}; one from the future is kept, and counts when its time has come"
    return f"{late}; one more than {spell(source.max_skew)} ahead of when it is known goes to quarantine"


def _nulls(view: View, used: tuple[Reduction, ...]) -> str:
    words = []
    inputs = list(dict.fromkeys(spell_expression(view.inputs[r.input]) for r in used if r.input is not None))
    conditions = list(dict.fromkeys(spell_expression(view.conditions[r.where]) for r in used if r.where is not None))
    if inputs:
        words.append(f"an event whose {' or '.join(inputs)} is null is skipped")
    if conditions:
        words.append(f"an event for which {' or '.join(conditions)} is null does not match")
    if not words:
        words.append("every event counts, whatever its columns hold")
    return "; ".join([*words, "a request with a null key gets the answer of an empty window"])


def _order(source: Source, used: tuple[Reduction, ...]) -> str:
    if not any(reduction.kind in _ORDERED for reduction in used):
        return "the order in which events arrive never matters"
    at = source.timestamp or "timestamp"
    return f"by ({at}, value): of two at one instant the larger value is the later; text by its UTF-8 bytes"


def _comparison(feature: Feature) -> str:
    if feature.tolerance == 0.0:
        return "offline and online agree to the bit"
    return f"offline and online agree within {feature.tolerance:g} of the magnitudes inside the window"


def _may_overflow(view: View, reduction: Reduction) -> bool:
    if reduction.kind is not Kind.SUM or reduction.input is None:
        return False
    return isinstance(view.inputs[reduction.input].type, Int64 | Decimal)
