"""Cases about keys, duplicates, and which questions are asked beside which."""

from diptych.ground.expression import Literal, Op
from diptych.ground.instants import HOUR
from diptych.ground.values import Bool, Enum, Int64, String, Timestamp, ValueType
from diptych.plan.nodes import Kind, View, Window
from diptych.testing.build import LIFETIME, Building, call, column, source
from diptych.testing.cases.case import Case, Question, Row, at_instants
from diptych.testing.cases.times import DELAYED, PLAIN, counted, delayed, of_x, rows

REPEATED = source({"user": String(8), "x": Int64()}, known_at=True, event_id=True, dedup_window=10)


def copies(*quads: tuple[str | None, int, int, int | None]) -> list[Row]:
    """Events of the user ``a``: (id, at, known, x)."""
    return [{"user": "a", "id": id_, "at": at, "known": known, "x": x} for id_, at, known, x in quads]


def _composite() -> Case:
    over = source({"first": String(4), "second": String(4), "x": Int64()})
    building = Building(over, {"first": String(4), "second": String(4)})
    view = building.feature("n", building.reduce(Kind.SUM, LIFETIME, column(over, "x"))).view()
    pairs = [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", ""), (None, "abc"), ("a", None)]
    history = tuple({"first": a, "second": b, "at": 0, "x": 10**i} for i, (a, b) in enumerate(pairs))
    spine = tuple(Question(pair, 1) for pair in (*pairs, ("a", "b"), (None, None)))
    return Case("composite keys that concatenate alike", view, history, spine, {"n": (1, 10, 100, 1000, 0, 0, 0, 0)})


def _typed_keys() -> Case:
    keys: dict[str, ValueType] = {
        "n": Int64(), "s": String(4), "b": Bool(), "w": Timestamp(), "e": Enum("1", "é")
    }  # fmt: skip
    building = Building(source(keys), keys)
    view = building.feature("n", building.reduce(Kind.COUNT)).view()
    one, other = (1, "1", True, 1, "1"), (-1, "1", False, -1, "é")
    history = [dict(zip(keys, key, strict=True)) | {"at": 0} for key in (one, other, one)]
    spine = tuple(Question(key, 1) for key in (one, other, (1, "1", False, 1, "1"), (2**63 - 1, "", True, 1, "1")))
    return Case("keys of every type", view, tuple(history), spine, {"n": (2, 1, 0, 0)})


def _keyless() -> Case:
    building = Building(source({"x": Int64()}), {})
    view = building.feature("n", building.reduce(Kind.COUNT, Window(10))).view()
    history = ({"at": 0, "x": 1}, {"at": 5, "x": None})
    return Case("an entity without keys", view, history, (Question((), 6), Question((), 11)), {"n": (2, 1)})


def _spine() -> Case:
    history = [*rows((0, 1), (10, 2)), {"user": "b", "at": 5, "x": 1}]
    spine = (
        Question(("a",), 11),
        Question(("b",), 6),
        Question(("a",), 11),
        Question((None,), 11),
        Question(("c",), 11),
        Question(("a",), 1),
        Question(("a",), 11),
        Question(("b",), 5),
    )
    answers = (2, 1, 2, 0, 0, 1, 2, 0)
    return Case("a spine unsorted and with repeated rows", counted(LIFETIME), tuple(history), spine, {"n": answers})


def _nulls() -> Case:
    view = of_x(LIFETIME, Kind.COUNT, Kind.SUM, Kind.MIN, Kind.LAST, Kind.MOMENTS, Kind.DISTINCT, Kind.LATEST)
    history = (*rows((0, 1)), {"user": None, "at": 0, "x": 5})
    answers = {kind: (value, value) for kind, value in zip(
        [feature.name for feature in view.features], (0, 0, None, None, None, 0, ()), strict=True
    )}  # fmt: skip
    return Case(
        "null and unseen keys get an empty window", view, history, (Question((None,), 9), Question(("z",), 9)), answers
    )


def _door() -> View:
    over = source(
        {"user": String(8), "x": Int64(ge=-100, le=100)},
        derive=(
            ("twice", call(Op.ADD, column(PLAIN, "x"), column(PLAIN, "x"), type_=Int64())),
            ("who", call(Op.CONCAT, column(PLAIN, "user"), Literal("!", String(1)), type_=String(9))),
        ),
        filter=call(Op.GT, column(PLAIN, "x"), Literal(0, Int64()), type_=Bool()),
    )
    building = Building(over, {"who": String(9)})
    twice = column(source({"twice": Int64()}), "twice")
    return building.feature("twice", building.reduce(Kind.SUM, LIFETIME, twice)).view()


_ONE = (Question(("a",), 1),)

IDENTITY: tuple[Case, ...] = (
    _composite(),
    _typed_keys(),
    _keyless(),
    _spine(),
    _nulls(),
    Case("an empty spine", counted(LIFETIME), tuple(rows((0, 1))), (), {"n": ()}),
    Case("a spine of one row", counted(LIFETIME), tuple(rows((0, 1))), _ONE, {"n": (1,)}),
    Case("an empty history", of_x(Window(HOUR), Kind.SUM, Kind.MAX), (), _ONE, {"sum": (0,), "max": (None,)}),
    at_instants(
        "derive, then filter, then key; a null condition does not pass",
        _door(),
        rows((0, 3), (1, 0), (2, -3), (3, None), (4, 100), (5, 101)),
        {10: 206},
        key=("a!",),
    ),
    at_instants(
        "copies near: the one known first stands",
        of_x(LIFETIME, Kind.SUM, Kind.COUNT, over=REPEATED),
        copies(("i", 0, 5, 1), ("i", 0, 15, 2), ("i", 0, 5, 7), ("j", 0, 5, 16)),
        {5: (0, 0), 6: (17, 2), 100: (17, 2)},
    ),
    at_instants(
        "copies far apart are two events",
        of_x(LIFETIME, Kind.SUM, Kind.COUNT, over=REPEATED),
        copies(("i", 0, 5, 1), ("i", 0, 16, 2)),
        {16: (1, 1), 17: (3, 2)},
    ),
    at_instants(
        "a chain of copies renews the identity",
        of_x(LIFETIME, Kind.SUM, over=REPEATED),
        copies(("i", 0, 30, 8), ("i", 0, 20, 4), ("i", 0, 10, 2), ("i", 0, 0, 1), ("i", 0, 41, 16)),
        {41: 1, 42: 17},
    ),
    at_instants(
        "copies known at once: the earlier event stands, then the smaller payload, null first",
        of_x(LIFETIME, Kind.SUM, Kind.COUNT, over=REPEATED),
        copies(("i", 3, 9, 1), ("i", 2, 9, 50), ("j", 4, 9, 7), ("j", 4, 9, 6), ("k", 4, 9, -9), ("k", 4, 9, None)),
        {10: (56, 2)},
    ),
    at_instants(
        "the copy that stands is outside the window, and its repeat does not take its place",
        of_x(Window(10), Kind.COUNT, over=REPEATED),
        copies(("i", 0, 0, 1), ("i", 9, 9, 1)),
        {10: 1, 11: 0, 15: 0},
    ),
    Case(
        "one id under two keys is two events",
        of_x(LIFETIME, Kind.SUM, over=REPEATED),
        (*copies(("i", 0, 0, 1)), {"user": "b", "id": "i", "at": 0, "known": 0, "x": 2}),
        (Question(("a",), 1), Question(("b",), 1)),
        {"sum": (1, 2)},
    ),
    at_instants(
        "an event without its id is refused",
        of_x(LIFETIME, Kind.SUM, over=REPEATED),
        copies((None, 0, 0, 1), ("", 0, 0, 2)),
        {1: 2},
    ),
    at_instants(
        "rows that are alike are two events when the source has no id",
        counted(LIFETIME, DELAYED),
        delayed((0, 0, 1), (0, 0, 1)),
        {1: 2},
    ),
)
