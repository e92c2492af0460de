"""Suspects about keys: two entities that one side takes for one, or one that it takes for two."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from diptych.check.causes.bench import Case, Entity
from diptych.check.causes.evidence import Key, Row
from diptych.check.causes.suspect import Suspect
from diptych.check.findings import Cause
from diptych.ground.values import Enum, Int64, String
from diptych.plan.nodes import View
from diptych.reference import Answer, Event, Unfit
from diptych.reference.door import standing

RowsOf = Callable[[Key], Sequence[Row]]
Norm = Callable[[Any], Any]

_NORMS: dict[str, Norm] = {
    "lower case": str.lower,
    "upper case": str.upper,
    "trimmed": str.strip,
    "without leading zeros": lambda text: text.lstrip("0") or "0",
    "as ASCII": lambda text: text.encode("ascii", "ignore").decode(),
}


def keys(view: View, rows: RowsOf) -> Iterator[Suspect]:
    """All suspects about how keys are written."""
    if not view.on or any(each not in {field.name for field in view.source.columns} for each in view.on):
        return
    texts = [isinstance(field.type, String | Enum) for field in view.entity.keys]
    if len(view.on) > 1:
        yield _merging(view, rows, "as if keys whose parts read alike in a row were one", _alike, 3)
    if any(texts):
        for words, norm in _NORMS.items():
            variants = _normed(norm, texts)
            yield _merging(view, rows, f"as if keys were {words} on both ways", variants, 4)
            yield _reading(view, rows, f"as if keys were {words} when they are read", norm, texts, 5)
            yield _writing(view, rows, f"as if keys were {words} when they are written", norm, texts, 6)
    if any(isinstance(field.type, Int64) for field in view.entity.keys):
        whole = [isinstance(field.type, Int64) for field in view.entity.keys]
        yield _reading(view, rows, "as if negative numbers in keys lost their sign", abs, whole, 7)
        yield _reading(view, rows, "as if numbers in keys went through floats", _through_float, whole, 7)


def _through_float(number: int) -> int:
    return int(float(number))


def _alike(key: Key) -> Iterable[Key]:
    """Other keys of as many parts whose texts, written one after the other, are the same."""
    if not all(isinstance(part, str) for part in key):
        return
    text = "".join(key)
    yield from _splits(text, len(key))


def _splits(text: str, parts: int) -> Iterator[Key]:
    if parts == 1:
        yield (text,)
        return
    for place in range(len(text) + 1):
        for rest in _splits(text[place:], parts - 1):
            yield (text[:place], *rest)


def _variants(text: str) -> set[str]:
    padded = {text.zfill(width) for width in range(len(text), len(text) + 6)}
    spaced = {f"{text} ", f" {text}"}
    return {text, text.lower(), text.upper(), text.title(), text.strip(), text.lstrip("0") or "0", *padded, *spaced}


def _changed(key: Key, norm: Norm, texts: Sequence[bool]) -> Key:
    return tuple(norm(part) if able and part is not None else part for part, able in zip(key, texts, strict=True))


def _normed(norm: Norm, texts: Sequence[bool]) -> Callable[[Key], Iterable[Key]]:
    """The keys near a key that become the same by a norm."""

    def variants(key: Key) -> Iterable[Key]:
        return [other for other in _near(key, texts) if _changed(other, norm, texts) == _changed(key, norm, texts)]

    return variants


def _near(key: Key, texts: Sequence[bool]) -> list[Key]:
    found: list[Key] = [()]
    for part, able in zip(key, texts, strict=True):
        options = sorted(_variants(part)) if able and isinstance(part, str) else [part]
        found = [(*head, option) for head in found for option in options]
    return found


def _merging(view: View, rows: RowsOf, detail: str, others: Callable[[Key], Iterable[Key]], rank: int) -> Suspect:
    def keys_of(key: Key) -> list[Key]:
        return list(dict.fromkeys((key, *others(key))))

    return _over(view, rows, detail, keys_of, rank)


def _reading(view: View, rows: RowsOf, detail: str, norm: Norm, texts: Sequence[bool], rank: int) -> Suspect:
    return _over(view, rows, detail, lambda key: [_changed(key, norm, texts)], rank)


def _writing(view: View, rows: RowsOf, detail: str, norm: Norm, texts: Sequence[bool], rank: int) -> Suspect:
    def keys_of(key: Key) -> list[Key]:
        return [other for other in _near(key, texts) if _changed(other, norm, texts) == key]

    return _over(view, rows, detail, keys_of, rank)


def _over(view: View, rows: RowsOf, detail: str, keys_of: Callable[[Key], list[Key]], rank: int) -> Suspect:
    """The events of other keys in place of the key's own; no answer where they are the key's own."""

    def compute(case: Case) -> Answer | None:
        key = case.asked.key
        if None in key:
            return None
        chosen = keys_of(key)
        if chosen == [key]:
            return None

        def events() -> Sequence[Event]:
            mine: list[Event] = []
            for other in chosen:
                mine += case.entity.passed() if other == key else _events(view, rows, other)
            if view.source.event_id is None:
                return mine
            return standing([replace(event, key=()) for event in mine], view.source)

        return case.recomputed(case.entity.changed(detail, events))

    return Suspect(Cause.KEY_ENCODING, detail, compute, rank, 2.0)


def _events(view: View, rows: RowsOf, key: Key) -> Sequence[Event]:
    """What passes the door of another key, repeats included; none where it does not fit the key's type."""
    try:
        found = rows(key)
        return [replace(event, row=-1 - event.row) for event in Entity(view, key, found).passed()] if found else []
    except (Unfit, ValueError, TypeError):
        return []
