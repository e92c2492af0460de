"""How explanations spell things: instants to the microsecond, hashes, reductions, and values as users have them."""

from typing import Any

from diptych.compile.online.layout import Reducer
from diptych.describe.spelling import spell_expression
from diptych.ground.instants import DAY, EARLIEST, HOUR, LATEST, MINUTE, SECOND, moment, spell
from diptych.ground.values import Decimal, ListOf, ResultType, Timestamp
from diptych.plan.nodes import Kind, Reduction, View, Window
from diptych.reference import Result, spoken

PLAIN = "in the window"
"""Why something is counted, where there is no more to say."""


def said(instant: int) -> str:
    """An instant in UTC, as short as it is exact: ``2013-02-03 10:00:00Z``."""
    if instant == EARLIEST:
        return "always"
    if not EARLIEST <= instant <= LATEST:
        return f"{instant} us since 1970"
    at = moment(instant)
    return at.strftime("%Y-%m-%d %H:%M:%S" if at.microsecond == 0 else "%Y-%m-%d %H:%M:%S.%f") + "Z"


def spelled_length(length: int) -> str:
    """A duration to the microsecond, in the units that it has: ``19h 31m``."""
    parts = []
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("us", 1)):
        count, length = divmod(length, size)
        parts += [f"{count}{unit}"] if count else []
    return " ".join(parts) or "0us"


def spelled_hash(id_hash: int) -> str:
    """A 64-bit hash as sixteen hexadecimal digits."""
    return f"{id_hash % (1 << 64):016x}"


def spelled_window(window: Window) -> str:
    """``24h``, ``24h exact`` or ``lifetime``."""
    if window.length is None:
        return "lifetime"
    return spell(window.length) + (" exact" if window.exact else "")


def spelled_input(view: View, number: int | None) -> str:
    """An input of a view as its author might write it; empty for none."""
    return "" if number is None else spell_expression(view.inputs[number])


def spelled_condition(view: View, number: int | None) -> str:
    """A condition of a view likewise."""
    return "" if number is None else spell_expression(view.conditions[number])


def spelled_reducer(view: View, reducer: Reducer | Reduction) -> str:
    """``sum(arr_delay) where late``, as tiles hold it for every window."""
    kind = "last values" if reducer.kind is Kind.LATEST else reducer.kind.value
    where = spelled_condition(view, reducer.where)
    of = spelled_input(view, reducer.input)
    return f"{kind}({of})" + (f" where {where}" if where else "")


def shown(value: Result, type_: ResultType) -> Any:
    """A value that the judge holds, as users have it: decimals, and instants as datetimes in UTC."""
    if isinstance(type_, ListOf) and isinstance(value, tuple):
        return [shown(element, type_.element) for element in value]
    if isinstance(type_, Timestamp) and isinstance(value, int) and EARLIEST <= value <= LATEST:
        return moment(value)
    if isinstance(type_, Decimal) and value is None:
        return None
    return spoken(value, type_)


def shown_partial(view: View, reducer: Reducer, value: Any) -> Any:
    """What a tile holds for a reducer, as users have it: values of the input's type, with their instants."""
    if value is None or reducer.input is None:
        return value
    type_ = view.inputs[reducer.input].type
    assert type_ is not None
    match reducer.kind:
        case Kind.MIN | Kind.MAX:
            return shown(value, type_)
        case Kind.FIRST | Kind.LAST:
            ts, held = value
            return shown(ts, Timestamp()), shown(held, type_)
        case Kind.SUM if isinstance(type_, Decimal):
            return shown(value, type_)
        case _:
            return value
