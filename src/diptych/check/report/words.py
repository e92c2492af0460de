"""Numbers, shares, durations, instants and values as people read them in a report."""

import math
from collections.abc import Mapping
from typing import Any

from diptych.check.findings import Cause
from diptych.ground.instants import DAY, EARLIEST, LATEST, SECOND, moment

MINUS, TIMES, NONE = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"
"""How numbers are set; the last stands where there is none."""

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
"""The digits of a power, as they are set."""

LONGEST_VALUE = 80
"""Characters of one value or key that a report shows."""

MEANING: Mapping[Cause, str] = {
    Cause.LATE_EVENT: "One side counted an event that was not known yet at the instant of the question.",
    Cause.DUPLICATE: "A repeated delivery was counted as an event of its own, or a new event was dropped as a repeat.",
    Cause.BOUNDARY: "One side puts an end of the window elsewhere: an event on the edge is in for one, out for the other.",
    Cause.TIE: "Several events share one instant, and one side let the order of arrival decide which is last.",
    Cause.EXPIRED_STATE: "Online state expired or was evicted while a window could still see into it.",
    Cause.STALE_INGESTION: "The newest events had not been applied when the question was asked.",
    Cause.MISSING_INGESTION: "Events that the history holds never reached the online state.",
    Cause.OTHER_DEFINITION: "The two sides computed different versions of the feature.",
    Cause.FILTER: "One side counted events that a filter or a condition leaves out.",
    Cause.ARITHMETIC: "The same events, but another formula: integer division, another deviation, an overflow.",
    Cause.FLOAT_ROUNDING: "The same events, summed in a way that loses more digits than the tolerance allows.",
    Cause.NULL_AGAINST_ZERO: "One side says null where the other says zero, or its default.",
    Cause.KEY_ENCODING: "One side looked up another entity: keys are joined, padded or written differently.",
    Cause.TIME_ZONE: "One side shifted instants by a time zone.",
    Cause.TIME_UNIT: "One side took seconds, milliseconds or microseconds for one another.",
    Cause.CLOCK_SKEW: "A clock that stamps events runs ahead of, or behind, the one that asks.",
    Cause.FOLD: "Folding raw records into tiles lost events, doubled them, or put them into the wrong tile.",
    Cause.UNEXPLAINED: "No single change to events, definition or instant explains it. Always refused.",
}
"""What each cause says happened, in one sentence."""


def count(number: int) -> str:
    """``1,204,311``."""
    return f"{number:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """``1 value``, ``2 values``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share(part: float) -> str:
    """A share of 0 to 1 in per cent; never rounded up to all or down to nothing."""
    percent = 100 * part
    if percent <= 0 or math.isnan(percent):
        return "0 %"
    if percent < 0.0001:
        return "< 0.0001 %"
    if percent < 0.995:
        return f"{percent:.2g} %" if percent >= 0.001 else f"{percent:.4f} %"
    if percent >= 100:
        return "100 %"
    return f"{percent:.1f} %" if percent <= 99.9 else "> 99.9 %"


def seconds(length: float) -> str:
    """A duration in seconds as its two largest units."""
    if length < 10:
        return f"{length:.2g} s" if length >= 0.001 else "< 0.001 s"
    whole = round(length)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def span(length_us: int) -> str:
    """A stretch of time in microseconds, as days or less."""
    if length_us >= 2 * DAY:
        return counted(round(length_us / DAY), "day")
    return seconds(length_us / SECOND)


def number(value: float | None) -> str:
    """Four digits of a number, with a power of ten where it is very large or small."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    size = abs(value)
    if value == int(value) and size < 1e12:
        return f"{int(value):,}".replace("-", MINUS)
    text = f"{value:,.4g}" if 1e-4 <= size < 1e4 else f"{value:,.1f}" if 1e4 <= size < 1e9 else f"{value:.3e}"
    mantissa, _, power = text.partition("e")
    if power:
        mantissa = f"{mantissa.rstrip('0').rstrip('.')} {TIMES} 10{str(int(power)).translate(RAISED)}"
    return mantissa.replace("-", MINUS)


def instant(at: int) -> str:
    """An instant in UTC to the digit that it needs, such as ``2013-07-01 12:30:00``."""
    if not EARLIEST <= at <= LATEST:
        return f"{at} µs"
    text = moment(at).replace(tzinfo=None).isoformat(sep=" ")
    return text.rstrip("0") if "." in text else text


def day(at: int) -> str:
    """The date in UTC."""
    return instant(at)[:10] if EARLIEST <= at <= LATEST else f"{at} µs"


def value(given: Any) -> str:
    """A feature's value; null is written so, text in quotes, and what is long is cut."""
    match given:
        case None:
            return "null"
        case bool():
            return "true" if given else "false"
        case float():
            return repr(given)
        case str():
            return shortened(f'"{given}"')
        case list() | tuple():
            return shortened(f"[{', '.join(value(item) for item in given)}]")
        case _:
            return shortened(str(given))


def key(by_name: Mapping[str, Any]) -> str:
    """An entity's key, such as ``origin = "JFK", dest = "LAX"``."""
    return ", ".join(f"{name} = {value(part)}" for name, part in by_name.items()) or "(one for all)"


def fact(given: Any) -> str:
    """What else a comparison said of itself: numbers grouped, names beside counts, the rest as it is."""
    match given:
        case bool() | None:
            return value(given)
        case int():
            return count(given)
        case float():
            return number(given)
        case dict():
            return ", ".join(f"{str(name).replace('_', ' ')} {fact(part)}" for name, part in given.items()) or "none"
        case list() | tuple():
            return ", ".join(fact(part) for part in given) or "none"
        case _:
            return shortened(str(given), 4 * LONGEST_VALUE)


def shortened(text: str, longest: int = LONGEST_VALUE) -> str:
    """The text, or its beginning and a mark that it was cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
