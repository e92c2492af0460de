"""One example, as people write it into a test: rows, an entity, an instant, and the value that a feature must have."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from diptych.ground.errors import DiptychError
from diptych.ground.instants import EARLIEST, LATEST, instant, moment
from diptych.ground.values import ListOf, ResultType, Timestamp, ValueType
from diptych.plan.nodes import Feature, View
from diptych.testing.boundaries.cast import own_columns, read_columns
from diptych.testing.boundaries.pools import plain
from diptych.testing.cases.case import Question
from diptych.testing.narrow import only
from diptych.testing.oracle import Judged, differences
from diptych.testing.targets.target import Target

Row = dict[str, Any]


class BadExample(DiptychError):
    """An example that asks for what the view does not have, or that cannot be read."""


def check_example(
    view: View,
    feature: str,
    entity: Mapping[str, Any],
    at: str | int | datetime,
    history: Sequence[Mapping[str, Any]],
    expect: Any,
    targets: Sequence[Target],
) -> None:
    """Assert that every target gives ``expect`` for a feature of an entity at an instant over a history.

    Instants (``at``, and in rows, keys and ``expect``) are datetimes, texts like ``"2013-02-03T10:00:00.000001Z"``, or
    int microseconds. Rows may leave out columns that may be null, and those on which no answer of the view depends.
    Raises AssertionError that names the target, its answer and what was expected, and BadExample.
    """
    narrow = only(view, feature_of(view, feature).name)
    wanted = narrow.features[0]
    spine = [Question(key_of(view, entity), instant_of(at))]
    rows = rows_of(view, history)
    verdict = Judged.of(narrow, rows, spine)
    expected = {wanted.name: [value_of(expect, wanted.type)]}
    now = differences(narrow, spine, verdict.values, expected, verdict.magnitudes)
    beside = f"; as it is defined now it is {now[0].got!r}" if now else ""
    where = f"{view.name}:{feature} of {dict(entity)} at {spell(spine[0].t)}"
    wrong = []
    for target in targets:
        try:
            answers = target.answer(narrow, rows, spine)
        except Exception as error:
            raise AssertionError(f"{where}: {target.name} raised {type(error).__name__}: {error}") from error
        for difference in differences(narrow, spine, answers, expected, verdict.magnitudes):
            wrong.append(f"{where}: {target.name} answers {difference.got!r}, expected {expect!r}{beside}")
    assert not wrong, "\n".join(wrong)


def feature_of(view: View, name: str) -> Feature:
    """The feature of a view by its name. Raises BadExample."""
    for feature in view.features:
        if feature.name == name:
            return feature
    known = ", ".join(feature.name for feature in view.features)
    raise BadExample(f"view {view.name!r} has no feature {name!r}; it has {known}")


def key_of(view: View, entity: Mapping[str, Any]) -> tuple[Any, ...]:
    """The entity's key parts in order. Raises BadExample."""
    names = [field.name for field in view.entity.keys]
    if set(entity) != set(names):
        needs = ", ".join(names) or "no keys"
        raise BadExample(f"entity {view.entity.name!r} has the keys {needs}; the example gives {', '.join(entity)}")
    return tuple(value_of(entity[field.name], field.type) for field in view.entity.keys)


def rows_of(view: View, history: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Rows with instants as int microseconds, and with any value where a column that must not be null was left out and
    no answer depends on it."""
    types = {field.name: field.type for field in view.source.columns} | {"arrived_at": Timestamp()}
    free = set(types) - read_columns(view) - own_columns(view)
    filled = {
        field.name: plain(field.type, (), 0)[0]
        for field in view.source.columns
        if field.name in free and not field.type.nullable
    }
    return [
        {**filled, **{name: value_of(value, types[name]) if name in types else value for name, value in row.items()}}
        for row in history
    ]


def value_of(value: Any, type_: ResultType) -> Any:
    """A value as targets take it: instants as int microseconds."""
    if isinstance(type_, ListOf):
        return None if value is None else [value_of(element, type_.element) for element in value]
    return instant_of(value) if isinstance(type_, Timestamp) and value is not None else value


def instant_of(at: str | int | datetime) -> int:
    """Microseconds of an instant as people write it; without a zone it is UTC. Raises BadExample."""
    if isinstance(at, datetime):
        return instant(at)
    if not isinstance(at, str):
        return at
    try:
        return instant(datetime.fromisoformat(at))
    except ValueError as error:
        raise BadExample(f'{at!r} is no instant: write it like "2013-02-03T10:00:00.000001Z" ({error})') from error


def spell(at: int) -> str:
    """An instant as text that ``instant_of`` reads back; a number where the calendar ends."""
    if not EARLIEST <= at <= LATEST:
        return str(at)
    return moment(at).astimezone(UTC).isoformat().replace("+00:00", "Z")


def spelled(value: Any, type_: ValueType) -> Any:
    """A value of a row or key with an instant as text, where it has one."""
    if isinstance(type_, Timestamp) and isinstance(value, int) and EARLIEST <= value <= LATEST:
        return spell(value)
    return value
