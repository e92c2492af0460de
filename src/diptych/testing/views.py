"""Random resolved views: every reducer and type, all kinds of windows, conditions, keys, and rules of the source."""

from collections.abc import Collection
from decimal import Decimal as Number
from typing import Any

from hypothesis import strategies as st

from diptych.ground.expression import Column, Expression, Literal, Op
from diptych.ground.instants import DAY, HOUR, MINUTE, SECOND
from diptych.ground.values import (
    Bool,
    Decimal,
    Enum,
    Float64,
    Int64,
    Scalar,
    String,
    Timestamp,
    ValueType,
)
from diptych.plan.nodes import REQUEST_TIME, Kind, Source, View, Window
from diptych.testing.build import LIFETIME, Building, call, column, mean, rate, since, source, std, type_of, var

COLUMNS: dict[str, ValueType] = {
    "i": Int64(),
    "j": Int64(ge=-100, le=100),
    "k": Int64(ge=-(2**53), le=2**53),
    "m": Int64(ge=-3, le=3, nullable=False),
    "f": Float64(),
    "g": Float64(ge=-1000.0, le=1000.0),
    "d": Decimal(18),
    "p": Decimal(2, ge=Number("-99.99"), le=Number("99.99")),
    "b": Bool(),
    "s": String(9),
    "e": Enum("x", "né", "y", "zz"),
    "w": Timestamp(),
}
KEYS: dict[str, ValueType] = {"user": String(6), "shop": Int64()}
NUMBERS = (Int64, Decimal, Float64)
TAKES: dict[Kind, tuple[type[Any], ...]] = {
    Kind.COUNT: (object,),
    Kind.SUM: NUMBERS,
    Kind.MIN: (*NUMBERS, Timestamp),
    Kind.MAX: (*NUMBERS, Timestamp),
    Kind.FIRST: (object,),
    Kind.LAST: (object,),
    Kind.MOMENTS: NUMBERS,
    Kind.DISTINCT: (object,),
    Kind.LATEST: (object,),
}
"""What each reducer can take in; its keys are the strategies' column of the table of reducers."""

HOPS = ((1,), (SECOND, 10 * SECOND), (MINUTE, HOUR), (5 * MINUTE, HOUR, DAY))
"""Hops that one view may mix: each divides the next."""
ZONES = ("UTC", "America/New_York", "Asia/Kolkata")


@st.composite
def sources(draw: st.DrawFn) -> Source:
    """A source with some of COLUMNS, two columns for keys, and any of the rules that a source may have."""
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True))
    columns = KEYS | {name: COLUMNS[name] for name in names}
    timed = draw(st.integers(0, 9)) > 0
    known_at = timed and draw(st.booleans())
    limit = st.sampled_from((None, None, None, 1, HOUR, 30 * DAY))
    plain = source(columns, timestamp=timed)
    return source(
        columns,
        timestamp=timed,
        known_at=known_at,
        event_id=timed and draw(st.booleans()),
        dedup_window=draw(st.sampled_from((1, 10, HOUR, DAY))),
        lateness=draw(limit) if known_at else None,
        max_skew=draw(limit) if known_at else None,
        derive=(("twice", draw(numbers(plain))),) if "j" in names and draw(st.booleans()) else (),
        filter=draw(conditions(plain)) if draw(st.integers(0, 4)) == 0 else None,
    )


def windows(hops: tuple[int, ...]) -> st.SearchStrategy[Window]:
    """Lifetime, exact, and hopping windows, lengths that a hop divides and that it does not."""
    lengths = [hop * k + e for hop in hops for k, e in ((1, 1), (3, 0), (12, 0), (12, 1))]
    hopping = st.sampled_from([Window(length, hop) for length in lengths for hop in hops if hop < length])
    return st.one_of(st.just(LIFETIME), st.builds(Window, st.sampled_from(lengths)), hopping, hopping)


def literals(type_: ValueType) -> st.SearchStrategy[Literal]:
    """A constant of a type."""
    values: dict[type[Any], tuple[Scalar, ...]] = {
        Bool: (True, False),
        Int64: (0, 1, -3, 2**53),
        Float64: (0.0, 2.5, -0.1),
        Decimal: (Number(0), Number(1)),
        String: ("", "a", "é"),
        Timestamp: (0, -1),
    }
    chosen = type_.values if isinstance(type_, Enum) else values[type(type_)]
    plain = Decimal(type_.scale) if isinstance(type_, Decimal) else type_ if isinstance(type_, Enum) else None
    return st.sampled_from(chosen).map(lambda value: Literal(value, plain or _literal_type(type_)))


def _literal_type(type_: ValueType) -> ValueType:
    return String(type_.max_bytes) if isinstance(type_, String) else type(type_)()  # type: ignore[call-arg]


@st.composite
def conditions(draw: st.DrawFn, over: Source, depth: int = 2) -> Expression:
    """A condition over the columns of a source."""
    if depth and draw(st.integers(0, 2)) == 0:
        op = draw(st.sampled_from((Op.AND, Op.OR, Op.NOT)))
        count = 1 if op is Op.NOT else 2
        return call(op, *(draw(conditions(over, depth - 1)) for _ in range(count)), type_=Bool())
    x = column(over, draw(st.sampled_from([field.name for field in over.columns])))
    type_ = type_of(x)
    shape = draw(st.integers(0, 4))
    if isinstance(type_, Bool) and shape < 2:
        return x
    if isinstance(type_, Timestamp) and shape < 2:
        zone = Literal(draw(st.sampled_from(ZONES)), String(32))
        op = draw(st.sampled_from((Op.HOUR, Op.DAY_OF_WEEK, Op.DAY_OF_MONTH, Op.MONTH)))
        # only where zone rules are the same in every engine's tables
        recent = call(Op.GE, x, Literal(0, Timestamp()), type_=Bool())
        early = call(Op.LT, x, Literal(60 * 365 * DAY, Timestamp()), type_=Bool())
        met = call(Op.LE, call(op, x, zone, type_=Int64()), Literal(draw(st.integers(1, 12)), Int64()), type_=Bool())
        return call(Op.AND, recent, early, met, type_=Bool())
    if isinstance(type_, String) and shape < 2:
        return call(Op.STARTS_WITH, x, draw(literals(type_)), type_=Bool())
    if shape == 2:
        return call(Op.IS_NULL, x, type_=Bool())
    if shape == 3:
        return call(Op.IN, x, draw(literals(type_)), draw(literals(type_)), type_=Bool())
    op = draw(st.sampled_from((Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)))
    return call(op, x, draw(literals(type_)), type_=Bool())


@st.composite
def numbers(draw: st.DrawFn, over: Source) -> Expression:
    """An Int64 or Float64 expression whose range cannot leave its type; the source has the column ``j``."""
    j = column(over, "j")
    others: tuple[Expression, ...] = (j, Literal(3, Int64()), Literal(0, Int64()))
    other = draw(st.sampled_from(others))
    op = draw(st.sampled_from((Op.ADD, Op.SUB, Op.MUL, Op.MOD, Op.NEG, Op.ABS, Op.COALESCE, Op.CASE, Op.DIV, Op.SQRT)))
    x, y = (call(Op.TO_FLOAT, side, type_=Float64()) for side in (j, other))
    match op:
        case Op.NEG | Op.ABS:
            return call(op, j, type_=Int64())
        case Op.CASE:
            return call(op, draw(conditions(over, 0)), j, other, type_=Int64())
        case Op.DIV:
            return call(op, x, y, type_=Float64())
        case Op.SQRT:
            return call(op, x, type_=Float64())
        case _:
            return call(op, j, other, type_=Int64())


@st.composite
def views(draw: st.DrawFn, kinds: Collection[Kind] = frozenset(Kind), max_features: int = 5) -> View:
    """A resolved view with features over the given reducers only."""
    over = draw(sources())
    keys = draw(st.sampled_from(((), ("user",), ("shop",), ("user", "shop"), ("shop", "user"))))
    building = Building(over, {name: KEYS[name] for name in keys})
    hops = draw(st.sampled_from(HOPS))
    for number in range(draw(st.integers(1, max_features))):
        window = LIFETIME if over.timestamp is None else draw(windows(hops))
        where = draw(st.none() | conditions(over))
        _feature(draw, building, f"f{number}", window, where, kinds)
    return building.view()


def _feature(
    draw: st.DrawFn, view: Building, name: str, window: Window, where: Expression | None, kinds: Collection[Kind]
) -> None:
    shape = draw(st.integers(0, 9))
    x = draw(_inputs(view.source))
    if shape == 0 and {Kind.SUM, Kind.COUNT} <= set(kinds) and isinstance(type_of(x), NUMBERS):
        view.feature(name, mean(view, x, window, where), default=draw(st.sampled_from((None, -1.5))))
    elif shape == 1 and Kind.MOMENTS in kinds and _narrow(type_of(x)):
        view.feature(name, draw(st.sampled_from((std, var)))(view, x, window, where))
    elif shape == 2 and where is not None and Kind.COUNT in kinds:
        view.feature(name, rate(view, where, window))
    elif shape == 3 and {Kind.MIN, Kind.MAX} <= set(kinds) and view.source.timestamp is not None:
        view.feature(name, since(view, draw(st.sampled_from((Kind.MIN, Kind.MAX))), window, where))
    elif shape == 4 and Kind.COUNT in kinds:
        hour = call(Op.HOUR, Column(REQUEST_TIME, Timestamp()), Literal("UTC", String(8)), type_=Int64())
        zero = Literal(0, Int64())
        empty = call(Op.EQ, view.reduce(Kind.COUNT, window, None, where), zero, type_=Bool())
        view.feature(name, call(Op.CASE, empty, hour, zero, type_=Int64()))
    else:
        _plain(draw, view, name, window, where, kinds, x)


def _plain(
    draw: st.DrawFn,
    view: Building,
    name: str,
    window: Window,
    where: Expression | None,
    kinds: Collection[Kind],
    x: Expression,
) -> None:
    """One reduction as it is."""
    type_ = type_of(x)
    able = [kind for kind in Kind if kind in kinds and isinstance(type_, TAKES[kind])]
    able = [kind for kind in able if kind is not Kind.MOMENTS or _narrow(type_)]
    kind = draw(st.sampled_from(able))
    input_ = None if kind is Kind.COUNT and draw(st.booleans()) else x
    view.feature(name, view.reduce(kind, window, input_, where, draw(st.integers(1, 4)) if kind is Kind.LATEST else 0))


def _inputs(over: Source) -> st.SearchStrategy[Expression]:
    names = [field.name for field in over.columns]
    plain: st.SearchStrategy[Expression] = st.sampled_from([column(over, name) for name in names])
    derived: list[Expression] = [Column(name, type_of(expression)) for name, expression in over.derive]
    if derived:
        plain = plain | st.sampled_from(derived)
    return plain | numbers(over) if "j" in names else plain


def _narrow(type_: ValueType) -> bool:
    """Whether a variance of the type is defined: floats, and exact numbers within 2^53."""
    match type_:
        case Float64():
            return True
        case Int64():
            return type_.ge is not None and type_.le is not None and type_.ge >= -(2**53) and type_.le <= 2**53
        case Decimal():
            return type_.ge is not None and type_.le is not None
        case _:
            return False
