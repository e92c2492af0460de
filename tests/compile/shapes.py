"""The interesting shapes of a view, each with a history and a spine small enough to read the answers off by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diptych.ground.expression import Call, Column, Literal, Op
from diptych.ground.instants import DAY, HOUR
from diptych.ground.values import Bool, Float64, Int64, String
from diptych.plan.nodes import Kind, View, Window
from diptych.testing.build import LIFETIME, Building, mean, since, source, std

ONE_DAY = Window(24 * HOUR, HOUR)
WEEK = Window(7 * DAY, HOUR)
X = Column("x", Int64(ge=-1000, le=1000))
F = Column("f", Float64())
WORD = Column("word", String(5))


@dataclass(frozen=True, slots=True)
class Shape:
    """A view with a history; the spine asks ``user`` at ``t``, and ``answers`` has one row of features for each."""

    view: View
    history: list[dict[str, Any]]
    spine: list[tuple[str | None, int]]
    answers: list[tuple[Any, ...]]


def _view(over: Any, fill: Callable[[Building], None]) -> View:
    building = Building(over, {"user": String(4)})
    fill(building)
    return building.view("v")


def _counts_and_sums() -> Shape:
    over = source({"user": String(4), "x": X.type, "late": Bool()})

    def fill(view: Building) -> None:
        late = Column("late", Bool())
        view.feature("n_1d", view.reduce(Kind.COUNT, ONE_DAY))
        view.feature("late_1d", view.reduce(Kind.COUNT, ONE_DAY, None, late))
        view.feature("sum_1w", view.reduce(Kind.SUM, WEEK, X))
        view.feature("mean_1w", mean(view, X, WEEK))

    history = [
        {"user": "a", "at": 0, "x": 3, "late": True},
        {"user": "a", "at": 2 * HOUR, "x": None, "late": None},
        {"user": "a", "at": 25 * HOUR, "x": -7, "late": False},
    ]
    spine = [
        ("a", 0),
        ("a", 1),
        ("a", 24 * HOUR + HOUR - 1),
        ("a", 25 * HOUR),
        ("a", 25 * HOUR + 1),
        ("b", 5),
        (None, 5),
    ]
    answers = [
        (0, 0, 0, None),
        (1, 1, 3, 3.0),
        (2, 1, 3, 3.0),
        (1, 0, 3, 3.0),
        (2, 0, -4, -2.0),
        (0, 0, 0, None),
        (0, 0, 0, None),
    ]
    return Shape(_view(over, fill), history, spine, answers)


def _known_later_and_twice() -> Shape:
    late = Call(Op.GT, (X, Literal(15, Int64())), Bool())
    over = source(
        {"user": String(4), "x": X.type},
        known_at=True,
        event_id=True,
        lateness=DAY,
        derive=(("late", late),),
        filter=Call(Op.GE, (X, Literal(0, Int64())), Bool()),
    )

    def fill(view: Building) -> None:
        view.feature("n", view.reduce(Kind.COUNT, ONE_DAY))
        view.feature("late", view.reduce(Kind.COUNT, ONE_DAY, None, Column("late", Bool())))

    history = [
        {"user": "a", "at": 0, "known": 10, "id": "e1", "x": 20},
        {"user": "a", "at": 0, "known": 11, "id": "e1", "x": 20},
        {"user": "a", "at": 0, "known": 11 + HOUR + 1, "id": "e1", "x": 1},
        {"user": "a", "at": 0, "known": DAY + 1, "id": "e2", "x": 20},
        {"user": "a", "at": 5, "known": 6, "id": "e3", "x": -1},
    ]
    spine = [("a", 10), ("a", 11), ("a", 11 + HOUR + 1), ("a", 11 + HOUR + 2), ("a", 25 * HOUR)]
    return Shape(_view(over, fill), history, spine, [(0, 0), (1, 1), (1, 1), (2, 1), (0, 0)])


def _extremes_and_lasts() -> Shape:
    over = source({"user": String(4), "x": X.type, "word": String(5)})

    def fill(view: Building) -> None:
        view.feature("max_1d", view.reduce(Kind.MAX, ONE_DAY, X))
        view.feature("first", view.reduce(Kind.FIRST, LIFETIME, WORD))
        view.feature("last", view.reduce(Kind.LAST, LIFETIME, WORD), default="none")
        view.feature("recency", since(view, Kind.MAX))

    history = [
        {"user": "a", "at": 0, "x": 9, "word": "z"},
        {"user": "a", "at": 0, "x": 1, "word": "é"},
        {"user": "a", "at": 3 * HOUR, "x": None, "word": None},
    ]
    spine = [("a", 1), ("a", 4 * HOUR), ("a", 26 * HOUR), ("b", 1)]
    answers = [(9, "z", "é", 1e-6), (9, "z", "é", 3600.0), (None, "z", "é", 23 * 3600.0), (None, None, "none", None)]
    return Shape(_view(over, fill), history, spine, answers)


def _floats() -> Shape:
    over = source({"user": String(4), "f": Float64(ge=-1e6, le=1e6)})

    def fill(view: Building) -> None:
        view.feature("sum_1d", view.reduce(Kind.SUM, ONE_DAY, F))
        view.feature("std_1d", std(view, F, ONE_DAY))

    history = [
        {"user": "a", "at": 0, "f": 1e5},
        {"user": "a", "at": 26 * HOUR, "f": 0.5},
        {"user": "a", "at": 26 * HOUR, "f": float("nan")},
        {"user": "a", "at": 26 * HOUR, "f": float("inf")},
        {"user": "a", "at": 27 * HOUR, "f": 2.5},
    ]
    spine = [("a", 1), ("a", 26 * HOUR + 1), ("a", 27 * HOUR + 1)]
    return Shape(_view(over, fill), history, spine, [(1e5, None), (0.5, None), (3.0, 2.0**0.5)])


def _exact_moments() -> Shape:
    over = source({"user": String(4), "x": X.type})
    history = [{"user": "a", "at": at, "x": x} for at, x in ((0, 2), (1, 4), (2, -5))]
    spine = [("a", 1), ("a", 2), ("a", 3)]
    view = _view(over, lambda view: _ignored(view.feature("std_1d", std(view, X, ONE_DAY))))
    return Shape(view, history, spine, [(None,), (2.0**0.5,), ((67 / 3) ** 0.5,)])


def _distinct_and_lists() -> Shape:
    over = source({"user": String(4), "word": String(5)})

    def fill(view: Building) -> None:
        exact = Window(10, None)
        view.feature("words", view.reduce(Kind.DISTINCT, exact, WORD))
        view.feature("latest", view.reduce(Kind.LATEST, exact, WORD, n=2))

    words = ((0, "a"), (4, "b"), (6, "a"), (6, "c"), (7, None))
    history = [{"user": "a", "at": at, "word": word} for at, word in words]
    spine = [("a", 0), ("a", 5), ("a", 7), ("a", 10), ("a", 15), ("a", 17)]
    answers = [
        (0, []),
        (2, ["a", "b"]),
        (3, ["a", "c"]),
        (3, ["a", "c"]),
        (2, ["a", "c"]),
        (0, []),
    ]
    return Shape(_view(over, fill), history, spine, answers)


def _nothing_to_group_by() -> Shape:
    over = source({"x": X.type}, timestamp=False)
    building = Building(over, {})
    building.feature("n", building.reduce(Kind.COUNT, LIFETIME))
    history: list[dict[str, Any]] = [{"x": 1}, {"x": 2}]
    return Shape(building.view("v"), history, [(None, 0)], [(2,)])


def _ignored(_: object) -> None:
    return None


SHAPES: dict[str, Shape] = {
    "counts_and_sums": _counts_and_sums(),
    "known_later_and_twice": _known_later_and_twice(),
    "extremes_and_lasts": _extremes_and_lasts(),
    "floats": _floats(),
    "exact_moments": _exact_moments(),
    "distinct_and_lists": _distinct_and_lists(),
    "nothing_to_group_by": _nothing_to_group_by(),
}
