"""Cases about what rows hold: nulls, conditions, the filter, edges of types, what the door refuses, and keys."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from diptych.describe.spelling import spell_expression
from diptych.ground.values import Decimal, Float64, Int64, String
from diptych.plan.nodes import Field
from diptych.testing.boundaries import pools
from diptych.testing.boundaries.case import BoundaryCase, Gap, Rule
from diptych.testing.boundaries.cast import Reading, Row, own_columns, read_columns, timed_row
from diptych.testing.boundaries.nullable import never_null
from diptych.testing.boundaries.stage import Stage

TRUTHS = ((True, "true"), (False, "false"), (None, "null"))
NOT_DRAWN = "none of the rows that were drawn makes it so"


def nulls(stage: Stage) -> Iterator[BoundaryCase | Gap]:
    """Each input null, and NaN where it is a float."""
    rule = "a null is skipped by every aggregate of it, and NaN is a null"
    for number, tree in enumerate(stage.view.inputs):
        if never_null(stage.view, tree):
            continue
        name = f"{spell_expression(tree)} is null"
        found = stage.cast.find(lambda r, n=number: r.event is not None and r.inputs[n] is None)  # type: ignore[misc]
        yield _played(stage, found, name, Rule.NULLS, rule)
    floats = [field for field in _columns(stage) if isinstance(field.type, Float64) and field.type.nullable]
    if floats:
        row = {**stage.cast.hero.row, **{field.name: float("nan") for field in floats}}
        yield _with_telling(stage, row, "NaN in every float", Rule.NULLS, rule)


def conditions(stage: Stage) -> Iterator[BoundaryCase | Gap]:
    """Each condition true, false and null, and the filter too."""
    rule = "an event counts where the condition is true; null is false"
    for number, tree in enumerate(stage.view.conditions):
        for truth, word in TRUTHS[: 2 if never_null(stage.view, tree) else 3]:
            found = stage.cast.find(
                lambda r, n=number, t=truth: r.event is not None and r.conditions[n] is t  # type: ignore[misc]
            )
            yield _played(stage, found, f"where {spell_expression(tree)} is {word}", Rule.WHERE, rule)
    kept = stage.view.source.filter
    if kept is not None:
        rule = "an event that the filter does not keep never counts; null does not keep"
        for truth, word in TRUTHS[: 2 if never_null(stage.view, kept) else 3]:
            found = stage.cast.find(lambda r, t=truth: r.fits and r.kept is t)  # type: ignore[misc]
            yield _played(stage, found, f"filter {spell_expression(kept)} is {word}", Rule.FILTER, rule)


def extremes(stage: Stage) -> Iterator[BoundaryCase]:
    """The outermost values of each column that an answer depends on."""
    for field in _columns(stage):
        ends = [value for value in pools.edges(field.type) if field.name not in stage.view.on]
        numeric = isinstance(field.type, Int64 | Float64 | Decimal)
        rule = "values at the ends of their declared type are values like any other"
        script = stage.script()
        for place, value in enumerate(ends):
            ts = stage.now - 10 + place
            script.add(ts, rows=[{**stage.cast.hero.row, field.name: value}])
        instants = [stage.now - 9 + place for place in range(len(ends))]
        if ends:
            about = Rule.NUMBERS if numeric else Rule.TEXT
            yield script.case(f"{field.name} at the ends of its type", about, rule, [*instants, stage.now])


def refusals(stage: Stage) -> Iterator[BoundaryCase]:
    """What does not fit its declared type, column by column, and rows without a time or an id."""
    source = stage.view.source
    hero = stage.cast.hero.row
    for field in source.columns:
        own = field.name in own_columns(stage.view)
        wrong = pools.refused(field.type)
        if own and field.type.nullable and (field.name != source.known_at or source.timestamp is not None):
            wrong = [*wrong, ("a null", None)]
        if wrong:
            script = stage.script()
            for place, (_, value) in enumerate(wrong):
                script.exactly({**timed_row(stage.view, hero, stage.now - 1, stage.now - 1, place), field.name: value})
            said = ", ".join(what for what, _ in wrong)
            rule = f"a row that does not fit its declaration is refused whole: {said}"
            yield script.case(f"{field.name} does not fit", Rule.DOOR, rule, (stage.now,))


def keys(stage: Stage) -> Iterator[BoundaryCase | Gap]:
    """Two entities, parts that are null, and parts that read alike when they are written one after the other."""
    cast, now = stage.cast, stage.now
    script = stage.script().add(now - 3)
    asked = [cast.key]
    if cast.other is not None:
        script.add(now - 2, rows=[cast.other.row])
        asked.append(cast.key_of(cast.other))
    elif stage.view.entity.keys:
        yield Gap(Rule.KEYS, "a second entity", NOT_DRAWN)
    for place, (row, key) in enumerate(_alike(stage)):
        script.add(now - 2, rows=[row], first=90 + place)
        asked.append(key)
    for name in dict.fromkeys(stage.view.on):
        field = _declared(stage, name)
        if field is not None and field.name not in own_columns(stage.view):
            odd = [None, "z" * field.type.max_bytes] if isinstance(field.type, String) else [None]
            script.add(now - 1, rows=[{**cast.hero.row, name: value} for value in odd])
    count = len(stage.view.entity.keys)
    asked += [tuple(None if i == place else part for i, part in enumerate(cast.key)) for place in range(count)]
    rule = "an event counts for its own entity only; a null in any part of a key belongs to nobody"
    yield script.case("keys", Rule.KEYS, rule, (now - 2, now), list(dict.fromkeys(asked)), alone=True)


def _alike(stage: Stage) -> Iterator[tuple[Row, tuple[Any, ...]]]:
    """Rows of two entities whose keys have the same text when their parts are joined: ("a", "bc") and ("ab", "c")."""
    view, hero = stage.view, stage.cast.hero.row
    fields = [_declared(stage, name) for name in view.on]
    for left, (one, two) in enumerate(pairwise(fields)):
        if one is None or two is None or one == two or {type(one.type), type(two.type)} != {String}:
            continue
        for first, second in (("a", "bc"), ("ab", "c"), ("", "b"), ("b", "")):
            row = {**hero, one.name: first, two.name: second}
            key = (*stage.cast.key[:left], first, second, *stage.cast.key[left + 2 :])
            if all(pools.fits(field.type, part) for field, part in zip(view.entity.keys, key, strict=True)):
                yield row, key
        return
    groups: dict[str, dict[tuple[Any, ...], Row]] = {}
    for reading in stage.cast.drawn:
        if reading.event is not None and len(view.on) > 1:
            key = stage.cast.key_of(reading)
            groups.setdefault("".join(map(str, key)), {})[key] = reading.row
    found = max(groups.values(), key=len, default={})
    if len(found) > 1:
        yield from ((row, key) for key, row in found.items())


def _columns(stage: Stage) -> list[Field]:
    """Declared columns on which answers depend."""
    names = read_columns(stage.view)
    return [field for field in stage.view.source.columns if field.name in names]


def _declared(stage: Stage, name: str) -> Field | None:
    return next((field for field in stage.view.source.columns if field.name == name), None)


def _played(stage: Stage, found: Reading | None, name: str, about: Rule, rule: str) -> BoundaryCase | Gap:
    if found is None:
        return Gap(about, name, NOT_DRAWN)
    if stage.cast.timed:
        source = stage.view.source
        own = [found.row[column] for column in (source.timestamp, source.known_at) if column is not None]
        return stage.script().exactly(found.row).case(name, about, rule, (max(own) + 1,))
    return _with_telling(stage, found.row, name, about, rule)


def _with_telling(stage: Stage, row: Row, name: str, about: Rule, rule: str) -> BoundaryCase:
    """A row alone, and then with the telling ones beside it, where they can come later."""
    now = stage.now
    script = stage.script().add(now - 1, rows=[row])
    if stage.view.source.timestamp is not None:
        script.add(now)
    return script.case(name, about, rule, (now, now + 1))
