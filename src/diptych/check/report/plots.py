"""Plots of one feature as SVG text: the error over time, offline against online, how values are spread.

Each has one view box, is drawn with the page's own colours by class, and says what it shows to a screen reader.
Marks differ by shape and size, never by colour alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from diptych.check.findings import Point
from diptych.check.report import words
from diptych.check.report.axes import NumberAxis, Tick, TimeAxis
from diptych.check.report.features import differs, thinned
from diptych.ground.instants import SECOND

MOST = 300
"""Marks of one kind in one plot."""

Mark = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """Where in a picture the marks lie, in its own units; y grows downwards."""

    width: float = 400
    height: float = 268
    left: float = 58
    right: float = 14
    top: float = 14
    bottom: float = 46
    rail: float = 0
    """Room below (and, where both sides can be null, left of) the marks for values that are null."""

    @property
    def x(self) -> tuple[float, float]:
        """The first and last x."""
        return self.left, self.width - self.right

    @property
    def y(self) -> tuple[float, float]:
        """The lowest and highest place: the larger number is the lower one."""
        return self.height - self.bottom - self.rail, self.top

    def at(self, across: float, up: float) -> Mark:
        """The place of two shares of the way, each 0 to 1."""
        (x0, x1), (y0, y1) = self.x, self.y
        return x0 + across * (x1 - x0), y0 + up * (y1 - y0)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a plot draws: pairs that are equal, that differ, and that are null on one side."""

    equal: tuple[Mark, ...]
    wrong: tuple[Mark, ...]
    null: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class ErrorPlot:
    """The second side less the first, over the instants of the questions."""

    box: Box
    time: TimeAxis
    error: NumberAxis
    marks: Marks

    @classmethod
    def of(cls, points: Sequence[Point]) -> "ErrorPlot":
        """The plot of a sample of pairs."""
        equal, wrong, null = _parted(points)
        time = TimeAxis.of([point.at for point in (*equal, *wrong, *null)])
        error = NumberAxis.of([_error(point) for point in wrong], with_zero=True)
        box = Box(rail=_RAIL if null else 0)
        marks = Marks(
            tuple(box.at(time.place(point.at), error.place(0.0)) for point in equal),
            tuple(box.at(time.place(point.at), error.place(_error(point))) for point in wrong),
            tuple((box.at(time.place(point.at), 0)[0], _rail(box)) for point in null),
        )
        return cls(box, time, error, marks)

    def svg(self, name: str, sides: tuple[str, str]) -> Markup:
        """The picture of the feature called ``name``."""
        box = self.box
        zero = box.at(0, self.error.place(0.0))[1]
        parts = [
            _grid(box, (), self.error.ticks()),
            _labels(box, self.time.ticks(), self.error.ticks()),
            f'<path class="zero" d="M{box.x[0]:.1f} {zero:.1f}H{box.x[1]:.1f}"/>',
            _rail_label(box) if self.marks.null else "",
            _dots(self.marks),
            _titles(box, "time of the question (UTC)", f"{sides[1]} {words.MINUS} {sides[0]}{_scale(self.error)}"),
        ]
        wrong, null = len(self.marks.wrong), len(self.marks.null)
        said = f"Error of {name} over time: {wrong} pairs that differ, {null} null on one side"
        return _picture(box, said, parts)


@dataclass(frozen=True, slots=True)
class ScatterPlot:
    """The second side against the first, on the same axis, so that equal pairs lie on the diagonal."""

    box: Box
    axis: NumberAxis
    marks: Marks

    @classmethod
    def of(cls, points: Sequence[Point]) -> "ScatterPlot":
        """The plot of a sample of pairs."""
        equal, wrong, null = _parted(points)
        pairs = [*equal, *wrong, *null]
        sides = [side for point in pairs for side in (point.offline, point.online) if side is not None]
        axis = NumberAxis.of(sides)
        box = Box(rail=_RAIL if null else 0, left=58 + (_RAIL if null else 0))
        return cls(
            box,
            axis,
            Marks(
                tuple(_pair(box, axis, point) for point in equal),
                tuple(_pair(box, axis, point) for point in wrong),
                tuple(_pair(box, axis, point) for point in null),
            ),
        )

    def svg(self, name: str, sides: tuple[str, str]) -> Markup:
        """The picture of the feature called ``name``."""
        box, ticks = self.box, self.axis.ticks()
        (x0, y0), (x1, y1) = box.at(0, 0), box.at(1, 1)
        parts = [
            _grid(box, ticks, ticks),
            _labels(box, ticks, ticks),
            f'<path class="zero" d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"/>',
            _rail_label(box) if self.marks.null else "",
            _side_rail_label(box) if self.marks.null else "",
            _dots(self.marks),
            _titles(box, f"{sides[0]}{_scale(self.axis)}", f"{sides[1]}{_scale(self.axis)}"),
        ]
        said = f"{sides[0]} against {sides[1]} values of {name}; equal pairs lie on the diagonal"
        return _picture(box, said, parts)


BARS = 24
_RAIL = 20.0
_SPARK = (96.0, 22.0)


def spread(points: Sequence[Point]) -> tuple[Markup, str] | None:
    """A histogram of the values of a sample in words' size, and its ends in words; None where there are no numbers."""
    numbers = [point.offline for point in points if point.offline is not None]
    if not numbers:
        return None
    axis = NumberAxis.of(numbers, linear=True)
    low, high = axis.place(min(numbers)), axis.place(max(numbers))
    counts = [0] * BARS
    for number in numbers:
        share = (axis.place(number) - low) / (high - low) if high > low else 0.5
        counts[min(int(share * BARS), BARS - 1)] += 1
    width, height = _SPARK
    step, top = width / BARS, max(counts)
    bars = "".join(
        f"M{(index + 0.5) * step:.0f} {height:.0f}v-{max(1.0, (height - 2) * filled / top):.1f}"
        for index, filled in enumerate(counts)
        if filled
    )
    ends = words.number(min(numbers)) if low == high else f"{words.number(min(numbers))} … {words.number(max(numbers))}"
    picture = Markup(
        f'<svg class="spark" viewBox="0 0 {width:.0f} {height:.0f}" aria-hidden="true" focusable="false">'
        f'<path d="{bars}"/></svg>'
    )
    return picture, ends


@dataclass(frozen=True, slots=True)
class Timeline:
    """When the questions of a comparison lay: a histogram over time, with those that differ at its foot."""

    time: TimeAxis
    counts: tuple[int, ...]
    wrong: tuple[int, ...]

    @classmethod
    def of(cls, points: Sequence[Point], bins: int = 72) -> "Timeline":
        """The timeline of a sample of at least one pair."""
        first, last = min(point.at for point in points), max(point.at for point in points)
        time = TimeAxis(first, max(last, first + SECOND))
        counts, wrong = [0] * bins, [0] * bins
        for point in points:
            index = min(int(time.place(point.at) * bins), bins - 1)
            counts[index] += 1
            wrong[index] += differs(point)
        return cls(time, tuple(counts), tuple(wrong))

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The instants to be written below the picture, which is stretched to any width and so holds no text."""
        return self.time.ticks(5)

    @property
    def svg(self) -> Markup:
        """The bars."""
        width, height = 10 * len(self.counts), 100
        top = max(self.counts)

        def bars(counts: Sequence[int]) -> str:
            filled = ((index, count) for index, count in enumerate(counts) if count)
            return "".join(
                f"M{10 * index + 5} {height}v-{max(1.0, height * count / top):.1f}" for index, count in filled
            )

        said = f"When the questions lay, in a sample of {sum(self.counts):,}, of which {sum(self.wrong):,} differ"
        return Markup(
            f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{escape(said)}">'
            f'<path class="bars" d="{bars(self.counts)}"/><path class="bars wrong" d="{bars(self.wrong)}"/></svg>'
        )


def _parted(points: Sequence[Point]) -> tuple[list[Point], list[Point], list[Point]]:
    """The pairs that are equal, that differ as numbers, and that are null on one side; few enough to draw."""
    numbers = [point for point in points if point.offline is not None and point.online is not None]
    null = [point for point in points if (point.offline is None) != (point.online is None)]
    wrong = [point for point in numbers if differs(point)]
    kept = thinned(wrong, MOST)
    if len(kept) < len(wrong):
        kept.append(max(wrong, key=lambda point: abs(_error(point))))
    return thinned([point for point in numbers if not differs(point)], MOST), kept, thinned(null, MOST)


_LARGEST = 1.7e308


def _error(point: Point) -> float:
    assert point.offline is not None
    assert point.online is not None
    return min(max(point.online - point.offline, -_LARGEST), _LARGEST)


def _pair(box: Box, axis: NumberAxis, point: Point) -> Mark:
    x = box.left - _RAIL / 2 if point.offline is None else box.at(axis.place(point.offline), 0)[0]
    y = _rail(box) if point.online is None else box.at(0, axis.place(point.online))[1]
    return x, y


def _rail(box: Box) -> float:
    return box.height - box.bottom - _RAIL / 2


def _scale(axis: NumberAxis) -> str:
    return " (log scale)" if axis.logarithmic else ""


def _dots(marks: Marks) -> str:
    paths = (
        ("equal", "h.01", marks.equal),
        ("wrong", "h.01", marks.wrong),
        ("null", "m0-4v8", marks.null),
    )
    return "".join(
        f'<path class="{name}" d="{"".join(f"M{x:.1f} {y:.1f}{stroke}" for x, y in places)}"/>'
        for name, stroke, places in paths
        if places
    )


def _grid(box: Box, across: Sequence[Tick], up: Sequence[Tick]) -> str:
    (x0, x1), (y0, y1) = box.x, box.y
    lines = "".join(f"M{x0:.1f} {box.at(0, tick.place)[1]:.1f}H{x1:.1f}" for tick in up)
    lines += "".join(f"M{box.at(tick.place, 0)[0]:.1f} {y0:.1f}V{y1:.1f}" for tick in across)
    return f'<path class="grid" d="{lines}"/><path class="axis" d="M{x0:.1f} {y1:.1f}V{y0:.1f}H{x1:.1f}"/>'


def _labels(box: Box, across: Sequence[Tick], up: Sequence[Tick]) -> str:
    foot, left = box.height - box.bottom + 16, box.left - (box.rail if box.left > 60 else 0) - 7
    said = []
    for tick, middle in _apart(
        [(tick, box.at(tick.place, 0)[0]) for tick in across], lambda label: 6.2 * len(label) + 6
    ):
        half = 3.1 * len(tick.label) + 1
        x = min(max(middle, half), box.width - half)
        said.append(f'<text x="{x:.1f}" y="{foot:.1f}" text-anchor="middle">{escape(tick.label)}</text>')
    for tick, middle in _apart([(tick, box.at(0, tick.place)[1]) for tick in up], lambda _: 12):
        said.append(f'<text x="{left:.1f}" y="{middle + 3.8:.1f}" text-anchor="end">{escape(tick.label)}</text>')
    return "".join(said)


def _apart(ticks: Sequence[tuple[Tick, float]], size: Callable[[str], float]) -> list[tuple[Tick, float]]:
    """The ticks whose labels do not run into one another; zero before all others."""
    kept: list[tuple[Tick, float]] = []
    for tick, place in sorted(ticks, key=lambda each: (each[0].label != "0", each[0].place)):
        if all(abs(place - other) >= (size(tick.label) + size(said.label)) / 2 for said, other in kept):
            kept.append((tick, place))
    return kept


def _titles(box: Box, across: str, up: str) -> str:
    (x0, x1), (y0, y1) = box.x, box.y
    middle, half = (x0 + x1) / 2, (y0 + y1) / 2
    return (
        f'<text class="name" x="{middle:.1f}" y="{box.height - 8:.1f}" text-anchor="middle">{escape(across)}</text>'
        f'<text class="name" transform="translate(11 {half:.1f}) rotate(-90)" text-anchor="middle">{escape(up)}</text>'
    )


def _rail_label(box: Box) -> str:
    x0, x1 = box.x
    y = box.y[0] + 2
    return (
        f'<rect class="rail" x="{x0:.1f}" y="{y:.1f}" width="{x1 - x0:.1f}" height="{_RAIL - 4:.1f}"/>'
        f'<text x="{x0 - 7:.1f}" y="{_rail(box) + 3.8:.1f}" text-anchor="end">null</text>'
    )


def _side_rail_label(box: Box) -> str:
    y0, y1 = box.y
    x, width = box.left - _RAIL + 2, _RAIL - 4
    return f'<rect class="rail" x="{x:.1f}" y="{y1:.1f}" width="{width:.1f}" height="{y0 - y1:.1f}"/>'


def _picture(box: Box, said: str, parts: Sequence[str]) -> Markup:
    head = f'<svg viewBox="0 0 {box.width:.0f} {box.height:.0f}" role="img" aria-label="{escape(said)}">'
    return Markup(head + "".join(parts) + "</svg>")
