"""Cases about windows, instants, delays and calendars."""

from dataclasses import replace
from typing import Any

from diptych.ground.expression import Column, Expression, Literal, Op
from diptych.ground.instants import DAY, EARLIEST, HOUR, MINUTE, SECOND
from diptych.ground.values import Bool, Int64, String, Timestamp
from diptych.plan.nodes import Field, Kind, Source, View, Window
from diptych.testing.build import LIFETIME, Building, call, column, since, source
from diptych.testing.cases.case import Case, Row, at_instants

PLAIN = source({"user": String(8), "x": Int64()})
DELAYED = source({"user": String(8), "x": Int64()}, known_at=True)
USER = {"user": String(8)}
LEAP_DAY = 1_709_164_800 * SECOND  # 2024-02-29T00:00:00Z
SPRING = 1_710_054_000 * SECOND  # 2024-03-10T07:00:00Z: New York jumps from 02:00 to 03:00
AUTUMN = 1_730_613_600 * SECOND  # 2024-11-03T06:00:00Z: New York falls back from 02:00 to 01:00


def counted(window: Window, over: Source = PLAIN, where: Expression | None = None) -> View:
    """One feature that counts."""
    building = Building(over, USER)
    return building.feature("n", building.reduce(Kind.COUNT, window, None, where)).view()


def of_x(window: Window, *kinds: Kind, over: Source = PLAIN) -> View:
    """One feature for each reducer over ``x``."""
    building = Building(over, USER)
    for kind in kinds:
        building.feature(kind.value, building.reduce(kind, window, column(over, "x")))
    return building.view()


def rows(*pairs: tuple[int, int | None], **more: Any) -> list[Row]:
    """Events of the user ``a``: (at, x)."""
    return [{"user": "a", "at": at, "x": x, **more} for at, x in pairs]


def delayed(*triples: tuple[int, int, int]) -> list[Row]:
    """Events of the user ``a``: (at, known, x)."""
    return [{"user": "a", "at": at, "known": known, "x": x} for at, known, x in triples]


def calendar(op: Op, zone: str, value: int) -> View:
    """Counts the events whose time, on the clock of a zone, has a value."""
    at = call(op, Column("at", Timestamp()), Literal(zone, String(32)), type_=Int64())
    return counted(LIFETIME, where=call(Op.EQ, at, Literal(value, Int64()), type_=Bool()))


def _several_windows() -> Case:
    building = Building(PLAIN, USER)
    for name, window in (
        ("m", Window(2 * HOUR, MINUTE)),
        ("h", Window(3 * HOUR, HOUR)),
        ("shared", Window(HOUR, MINUTE)),
    ):
        building.feature(name, building.reduce(Kind.SUM, window, column(PLAIN, "x")))
    history = rows((0, 1), (HOUR - 1, 2), (HOUR, 4), (2 * HOUR, 8))
    # m from floor(t-2h, 1m), h from floor(t-3h, 1h), shared from floor(t-1h, 1m)
    answers = {
        2 * HOUR: (7, 7, 4),
        2 * HOUR + 1: (15, 15, 12),
        2 * HOUR + MINUTE: (14, 15, 8),
        3 * HOUR: (12, 15, 8),
        4 * HOUR - 1: (8, 15, 0),
        4 * HOUR: (8, 12, 0),
    }
    return at_instants("several windows and hops in one view", building.view(), history, answers)


def _recency() -> Case:
    building = Building(PLAIN, USER)
    building.feature("recency", since(building, Kind.MAX)).feature("since_first", since(building, Kind.MIN))
    building.feature("of_window", since(building, Kind.MAX, Window(HOUR)))
    history = rows((-5, 1), (0, 1), (1_500_000, 1))
    answers = {
        -5: (None, None, None),
        0: (5e-06, 5e-06, 5e-06),
        1: (1e-06, 6e-06, 1e-06),
        1_500_001: (1e-06, 1.500006, 1e-06),
        HOUR + 1_500_001: (3600.000001, 3601.500006, None),
    }
    return at_instants("recency", building.view(), history, answers)


def _forever() -> Case:
    over = source({"user": String(8), "x": Int64()}, timestamp=False)
    view = of_x(LIFETIME, Kind.LAST, Kind.COUNT, over=over)
    history = [{"user": "a", "x": 3}, {"user": "b", "x": 9}, {"user": "a", "x": -3}]
    answers = {EARLIEST: (None, 0), EARLIEST + 1: (3, 2), 0: (3, 2)}
    return at_instants("a table without a timestamp is valid since always", view, history, answers)


def _arrivals() -> Case:
    """An expression that reads the known-at column reads when the store accepted the event, whoever says so."""
    known = Column("known", Timestamp(nullable=False))
    columns = (
        *(field for field in DELAYED.columns if field.name != "known"),
        Field("known", Timestamp(nullable=False)),
    )
    building = Building(replace(DELAYED, columns=columns), USER)
    late = call(Op.GT, known, Literal(50, Timestamp()), type_=Bool())
    building.feature("late", building.reduce(Kind.COUNT, LIFETIME, None, late))
    building.feature("last", building.reduce(Kind.MAX, LIFETIME, known))
    history = [
        {"user": "a", "at": 10, "known": 20, "x": 1, "arrived_at": 70},
        {"user": "a", "at": 10, "known": 60, "x": 1, "arrived_at": 40},
        {"user": "a", "at": 10, "known": None, "x": 1, "arrived_at": 80},
        {"user": "a", "at": 10, "known": 90, "x": 1, "arrived_at": None},
    ]
    answers = {41: (0, 40), 71: (1, 70), 81: (2, 80), 91: (3, 90)}
    return at_instants(
        "an expression that reads the known-at column reads the arrival", building.view(), history, answers
    )


_QUARANTINE = source({"user": String(8), "x": Int64()}, known_at=True, lateness=10, max_skew=5)

TIMES: tuple[Case, ...] = (
    at_instants("an event at exactly t is not seen", counted(Window(HOUR, MINUTE)), rows((7, 1)), {7: 0, 8: 1}),
    at_instants("an event at t minus an exact window", counted(Window(10)), rows((0, 1)), {10: 1, 11: 0}),
    at_instants(
        "an event at a hop edge",
        counted(Window(60, 10)),
        rows((9, 1), (10, 1)),
        {9: 0, 10: 1, 11: 2, 69: 2, 70: 1, 79: 1, 80: 0},
    ),
    at_instants(
        "hops before the epoch floor downwards",
        counted(Window(60, 10)),
        rows((-11, 1), (-10, 1), (-1, 1)),
        {-10: 1, 0: 3, 49: 3, 50: 2, 59: 2, 60: 0},
    ),
    at_instants(
        "a hop that does not divide the window",
        counted(Window(10, 4)),
        rows((7, 1), (8, 1)),
        {17: 2, 18: 1, 21: 1, 22: 0},
    ),
    at_instants("a lifetime has no tail", counted(LIFETIME), rows((-DAY, 1), (0, 1)), {-DAY: 0, 0: 1, 400 * DAY: 2}),
    _several_windows(),
    at_instants(
        "known at and after the question",
        counted(Window(100), DELAYED),
        delayed((10, 50, 1), (20, 20, 1)),
        {20: 0, 21: 1, 50: 1, 51: 2, 110: 2, 111: 1, 121: 0},
    ),
    at_instants("known before it happens", counted(Window(100), DELAYED), delayed((50, 10, 1)), {11: 0, 50: 0, 51: 1}),
    at_instants(
        "late by more than the window is never seen",
        counted(Window(30, 10), DELAYED),
        delayed((5, 39, 1), (6, 40, 1)),
        {39: 0, 40: 0, 41: 0, 100: 0},
    ),
    at_instants(
        "late by less than the window",
        counted(Window(30, 10), DELAYED),
        delayed((5, 38, 1)),
        {38: 0, 39: 1, 40: 0},
    ),
    at_instants(
        "two batches out of order",
        of_x(LIFETIME, Kind.LAST, Kind.FIRST, Kind.SUM, over=DELAYED),
        delayed((30, 40, 3), (10, 100, 1), (20, 99, 2)),
        {40: (None, None, 0), 41: (3, 3, 3), 99: (3, 3, 3), 100: (3, 2, 5), 101: (3, 1, 6)},
    ),
    at_instants(
        "outside lateness or max_skew",
        counted(LIFETIME, _QUARANTINE),
        delayed((0, 10, 1), (0, 11, 1), (25, 20, 1), (26, 20, 1)),
        {10: 0, 11: 1, 25: 1, 26: 2, 1000: 2},
    ),
    at_instants(
        "equal instants with equal and different values",
        of_x(LIFETIME, Kind.FIRST, Kind.LAST, Kind.COUNT, Kind.DISTINCT),
        rows((5, 2), (5, -1), (5, 7), (5, 7), (5, None)),
        {6: (-1, 7, 4, 2 + 1)},
    ),
    _recency(),
    _forever(),
    _arrivals(),
    at_instants(
        "midnight and month end of a leap year",
        counted(Window(DAY, HOUR)),
        rows((LEAP_DAY - 1, 1), (LEAP_DAY, 1), (LEAP_DAY + DAY - 1, 1), (LEAP_DAY + DAY, 1)),
        {LEAP_DAY: 1, LEAP_DAY + DAY: 2, LEAP_DAY + DAY + 1: 3, LEAP_DAY + 2 * DAY: 1, LEAP_DAY + 2 * DAY + HOUR: 0},
    ),
    at_instants(
        "the day of month on a leap day",
        calendar(Op.DAY_OF_MONTH, "UTC", 29),
        rows((LEAP_DAY - 1, 1), (LEAP_DAY, 1), (LEAP_DAY + DAY - 1, 1), (LEAP_DAY + DAY, 1)),
        {LEAP_DAY + 2 * DAY: 2},
    ),
    at_instants(
        "the hour that a clock change leaves out",
        calendar(Op.HOUR, "America/New_York", 2),
        rows((SPRING - 1, 1), (SPRING, 1), (SPRING + HOUR - 1, 1), (SPRING + DAY - HOUR, 1)),
        {SPRING + 2 * DAY: 1},
    ),
    at_instants(
        "the hour that a clock change repeats",
        calendar(Op.HOUR, "America/New_York", 1),
        rows((AUTUMN - HOUR - 1, 1), (AUTUMN - HOUR, 1), (AUTUMN - 1, 1), (AUTUMN, 1), (AUTUMN + HOUR, 1)),
        {AUTUMN + DAY: 3},
    ),
    at_instants(
        "a window across a clock change is as long as any",
        counted(Window(DAY)),
        rows((SPRING - DAY, 1), (SPRING, 1)),
        {SPRING: 1, SPRING + 1: 1, SPRING + DAY: 1, SPRING + DAY + 1: 0},
    ),
    at_instants(
        "weekdays count from Monday, on the clock of the zone",
        calendar(Op.DAY_OF_WEEK, "Asia/Kolkata", 4),
        # 2024-02-29 is a Thursday; in Kolkata it begins at 18:30 UTC of the day before
        rows((LEAP_DAY - 330 * MINUTE - 1, 1), (LEAP_DAY - 330 * MINUTE, 1), (LEAP_DAY + DAY - 330 * MINUTE, 1)),
        {LEAP_DAY + DAY: 1},
    ),
    at_instants("month before the epoch", calendar(Op.MONTH, "UTC", 12), rows((-1, 1), (0, 1)), {DAY: 1}),
    at_instants(
        "year before the epoch", calendar(Op.YEAR, "UTC", 1969), rows((-1, 1), (0, 1), (-365 * DAY - 1, 1)), {DAY: 1}
    ),
)
