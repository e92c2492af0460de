"""Axes: from numbers and instants to places between 0 and 1, with ticks at round places and readable labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from diptych.check.report import words
from diptych.ground.instants import DAY, EARLIEST, HOUR, LATEST, MINUTE, SECOND, instant, moment

DECADES = 2.5
"""An axis of numbers is logarithmic where their sizes span more powers of ten than this."""

_MOST_DECADES = 12
_SECONDS = (1, 2, 5, 10, 15, 30)
_STEPS = (
    *(step * SECOND for step in _SECONDS),
    *(step * MINUTE for step in _SECONDS),
    *(step * HOUR for step in (1, 2, 3, 6, 12)),
    *(step * DAY for step in (1, 2, 7, 14)),
)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 2_400, 6_000)


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, 0 to 1."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class NumberAxis:
    """An axis from ``low`` to ``high``; ``unit`` > 0 makes it logarithmic in both directions from zero.

    Between ``-unit`` and ``unit`` a logarithmic axis is close to linear, so that zero and both signs have a place.
    """

    low: float
    high: float
    unit: float = 0.0

    @classmethod
    def of(cls, numbers: Sequence[float], *, with_zero: bool = False, linear: bool = False) -> "NumberAxis":
        """An axis that holds all finite ``numbers``, with some room at either end; ``linear``: however far they span."""
        finite = [number for number in numbers if math.isfinite(number)]
        low, high = min(finite, default=0.0), max(finite, default=0.0)
        if with_zero:
            low, high = min(low, 0.0), max(high, 0.0)
        unit = 0.0 if linear else _unit(finite)
        if unit:
            room = 0.04 * (_bent(high, unit) - _bent(low, unit))
            return cls(_straight(_bent(low, unit) - room, unit), _straight(_bent(high, unit) + room, unit), unit)
        half_low, half_high = low / 2, high / 2  # halves, for the whole distance may leave float64
        room = 0.08 * (half_high - half_low) or max(abs(low) * 0.1, 1e-9 if low else 0.5)
        return cls(max(low - room, -_LARGEST), min(high + room, _LARGEST))

    @property
    def logarithmic(self) -> bool:
        """Whether equal distances are equal factors."""
        return self.unit > 0

    def place(self, number: float) -> float:
        """Where a number lies, 0 at ``low`` and 1 at ``high``; what is outside lies at the end."""
        low, high, at = (_bent(each, self.unit) for each in (self.low, self.high, number))
        if high <= low:
            return 0.5
        return min(max((at / 2 - low / 2) / (high / 2 - low / 2), 0.0), 1.0)

    def ticks(self, most: int = 6) -> tuple[Tick, ...]:
        """Up to about ``most`` round numbers on the axis."""
        numbers = self._decades(most) if self.logarithmic else self._round(most)
        labels = _labels(numbers)
        return tuple(Tick(self.place(number), label) for number, label in zip(numbers, labels, strict=True))

    def _round(self, most: int) -> list[float]:
        raw = (self.high / 2 - self.low / 2) / most * 2
        if raw <= 0 or not math.isfinite(raw):
            return [self.low]
        power = 10.0 ** math.floor(math.log10(raw))
        step = next((m * power for m in (1, 2, 5) if m * power >= raw), 10 * power)
        if not math.isfinite(step) or step <= 0:
            return [self.low, self.high]
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [index * step for index in range(first, min(last, first + 2 * most) + 1)]

    def _decades(self, most: int) -> list[float]:
        """Zero where it is inside, and powers of ten away from it, so many apart that not too many remain."""
        bottom = math.ceil(math.log10(self.unit) - 1e-9)
        up = _powers(bottom, self.high)
        down = _powers(bottom, -self.low)
        every = max(1, math.ceil((len(up) + len(down)) / most))
        found = [-(10.0**p) for p in down[::-1] if (p - bottom) % every == every - 1 or len(down) == 1]
        found += [0.0] if self.low <= 0 <= self.high else []
        found += [10.0**p for p in up if (p - bottom) % every == every - 1 or len(up) == 1]
        return [number for number in found if self.low <= number <= self.high] or [self.low, self.high]


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """An axis of instants in microseconds, UTC, from ``low`` to ``high``."""

    low: int
    high: int

    @classmethod
    def of(cls, instants: Sequence[int]) -> "TimeAxis":
        """An axis that holds all instants, with some room at either end."""
        low, high = min(instants, default=0), max(instants, default=0)
        room = (high - low) // 40 or HOUR
        return cls(low - room, high + room)

    def place(self, at: int) -> float:
        """Where an instant lies, 0 to 1."""
        return min(max((at - self.low) / (self.high - self.low), 0.0), 1.0)

    def ticks(self, most: int = 4) -> tuple[Tick, ...]:
        """Up to about ``most`` round instants, labelled with as much of the date as tells them apart."""
        low, high = max(self.low, EARLIEST), min(self.high, LATEST)
        if high <= low:
            return (Tick(0.0, words.instant(self.low)),)
        raw = (high - low) // most + 1
        step = next((each for each in _STEPS if each >= raw), None)
        found = _months(low, high, raw) if step is None else list(range(-(-low // step) * step, high + 1, step))
        return tuple(Tick(self.place(at), _date(at, step, at == found[0])) for at in found)


_LARGEST = 1.7e308


def _unit(numbers: Sequence[float]) -> float:
    """The size at which a logarithmic axis of these numbers begins; 0.0 where a linear one will do."""
    sizes = sorted(abs(number) for number in numbers if number)
    small = sizes[len(sizes) // 10] if sizes else 0.0  # a few that are tiny do not bend the axis for all
    if not sizes or math.log10(sizes[-1]) - math.log10(small) <= DECADES:
        return 0.0
    lowest = max(math.floor(math.log10(small)), math.floor(math.log10(sizes[-1])) - _MOST_DECADES, -300)
    return float(10.0**lowest)


def _bent(number: float, unit: float) -> float:
    if unit <= 0:
        return number
    size = abs(number) / unit
    bent = math.log10(1 + size) if math.isfinite(size) else math.log10(abs(number)) - math.log10(unit)
    return math.copysign(bent, number)


def _straight(bent: float, unit: float) -> float:
    size = min(abs(bent) + math.log10(unit), 308.0)
    return math.copysign(max(10.0**size - unit, 0.0), bent)


def _powers(bottom: int, end: float) -> list[int]:
    """The powers of ten from ``bottom`` that are at most ``end``."""
    return list(range(bottom, math.floor(math.log10(end) + 1e-9) + 1)) if end > 0 else []


def _labels(numbers: Sequence[float]) -> list[str]:
    """The numbers in few characters: thousands and millions as letters, what is beyond those as powers of ten."""
    if all(number == 0 or _is_power(number) for number in numbers) and len(numbers) > 1:
        return [_power(number) for number in numbers]
    largest = max((abs(number) for number in numbers), default=0.0)
    if largest >= 1e15 or 0 < largest < 1e-3:
        return [f"{number:.3g}".replace("e-0", "e-").replace("e+", "e").replace("-", words.MINUS) for number in numbers]
    size, letter = next(((size, letter) for least, size, letter in _LETTERS if largest >= least), (1.0, ""))
    steps = [abs(b - a) / size for a, b in pairwise(numbers)]
    decimals = max(0, 2 - math.floor(math.log10(min(steps)))) if steps and min(steps) > 0 else 2
    return [_decimal(number / size, min(decimals, 9), letter) for number in numbers]


_LETTERS = ((1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
"""From which size on a letter stands, for how much, and which."""


def _decimal(number: float, decimals: int, letter: str) -> str:
    text = f"{number:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "0") else text.replace("-", words.MINUS) + letter


def _is_power(number: float) -> bool:
    return number != 0 and abs(math.log10(abs(number)) - round(math.log10(abs(number)))) < 1e-9


def _power(number: float) -> str:
    if number == 0:
        return "0"
    power = round(math.log10(abs(number)))
    size = f"{10.0**power:,.{max(0, -power)}f}" if -3 <= power <= 3 else "10" + str(power).translate(words.RAISED)
    return (words.MINUS if number < 0 else "") + size


def _months(low: int, high: int, raw: int) -> list[int]:
    """The first of every so many months."""
    every = next((months for months in _MONTHS if months * 31 * DAY >= raw), _MONTHS[-1])
    begin, end = moment(low), moment(high)
    found = []
    for index in range(begin.year * 12 + begin.month - 1, end.year * 12 + end.month):
        if index % every == 0:
            first = moment(0).replace(year=index // 12, month=index % 12 + 1) if index >= 12 else None
            found += [instant(first)] if first is not None and low <= instant(first) <= high else []
    return found or [low + (high - low) // 2]


def _date(at: int, step: int | None, first: bool) -> str:
    """The label of a tick; the first one, and each that begins a day or a year, says which."""
    when = moment(at)
    if step is None:
        return f"{when:%b} {when.year}" if first or when.month == 1 or when.day != 1 else f"{when:%b}"
    if step >= DAY:
        return f"{when.day} {when:%b}" + (f" {when.year}" if first else "")
    clock = f"{when:%H:%M:%S}" if step < MINUTE else f"{when:%H:%M}"
    midnight = when - timedelta(hours=when.hour, minutes=when.minute, seconds=when.second) == when
    return f"{when.day} {when:%b} {clock}" if first else f"{when.day} {when:%b}" if midnight else clock
