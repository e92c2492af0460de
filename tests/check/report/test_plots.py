"""The geometry of plots: whatever the numbers are, every mark lies inside its box and every label says a number."""

import math
import re
import xml.etree.ElementTree as xml

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diptych.check.findings import Point
from diptych.check.report.axes import NumberAxis, TimeAxis
from diptych.check.report.features import Row, differs
from diptych.check.report.plots import MOST, Box, ErrorPlot, Marks, ScatterPlot, Timeline, spread
from diptych.ground.instants import DAY, EARLIEST, HOUR, LATEST, MINUTE, SECOND
from tests.check.report.samples import SINCE, output

SIDES = ("offline", "online")
ANYTHING = st.none() | st.floats() | st.integers(-5, 5).map(float) | st.sampled_from([5e-324, 1.8e308, -1.7e308])
INSTANTS = st.integers(-(2**63), 2**63 - 1) | st.integers(SINCE, SINCE + DAY)
POINTS = st.lists(st.builds(Point, INSTANTS, ANYTHING, ANYTHING, st.none() | st.booleans()), min_size=1, max_size=30)


def cleaned(points: list[Point]) -> tuple[Point, ...]:
    """As a row hands them to a plot."""
    found = output("view", "feature", points=tuple(points), mismatches=1)
    return Row(group="view", name="feature", sides=SIDES, anchor="a", outputs=(found,)).points


def inside(box: Box, marks: Marks, *, railed: bool) -> None:
    (x0, x1), (y0, y1) = box.x, box.y
    for x, y in (*marks.equal, *marks.wrong):
        assert x0 <= x <= x1
        assert y1 <= y <= y0
    for x, y in marks.null:
        assert railed
        assert 0 <= x <= x1
        assert y1 <= y <= box.height - box.bottom
        assert not (x >= x0 and y <= y0), "a null is not drawn as if it were a number"


def drawn(svg: str) -> xml.Element:
    """The picture as XML; every number in it is one."""
    root = xml.fromstring(svg)
    for element in root.iter():
        for name, value in element.attrib.items():
            if name != "aria-label":
                assert not re.search(r"nan|inf", value), f"{name}={value}"
        assert "nan" not in (element.text or "")
        assert "inf" not in (element.text or "")
    assert root.get("role") == "img"
    assert root.get("aria-label")
    return root


@given(POINTS)
@example([Point(0, -1.7e308, 1.7e308), Point(1, 5e-324, 0.0)])
@example([Point(2**63 - 1, 1.0, math.inf), Point(-(2**63), math.nan, 1.0)])
@example([Point(0, 1.0, None), Point(0, None, 1.0)])
def test_every_mark_of_the_error_plot_lies_in_its_box(points: list[Point]) -> None:
    plot = ErrorPlot.of(cleaned(points))
    inside(plot.box, plot.marks, railed=plot.box.rail > 0)
    drawn(plot.svg("<view>:feature", SIDES))


@given(POINTS)
@example([Point(0, -1.7e308, 1.7e308), Point(1, 5e-324, 0.0)])
@example([Point(0, 1.0, None), Point(0, None, 1.0)])
def test_every_mark_of_the_scatter_plot_lies_in_its_box(points: list[Point]) -> None:
    plot = ScatterPlot.of(cleaned(points))
    inside(plot.box, plot.marks, railed=plot.box.rail > 0)
    drawn(plot.svg("<view>:feature", SIDES))


@given(POINTS)
def test_a_timeline_counts_every_point_once(points: list[Point]) -> None:
    line = Timeline.of(cleaned(points))
    assert sum(line.counts) == len(points)
    assert all(wrong <= count for wrong, count in zip(line.wrong, line.counts, strict=True))
    drawn(line.svg)


@given(POINTS)
def test_a_spread_is_a_picture_of_numbers_or_nothing(points: list[Point]) -> None:
    found = spread(cleaned(points))
    if found is None:
        assert all(point.offline is None for point in cleaned(points))
    else:
        assert not re.search(r"nan|inf", found[0] + found[1])
        heights = [float(height) for height in re.findall(r"v-([\d.]+)", found[0])]
        assert heights
        assert max(heights) <= 22


def test_pairs_that_are_equal_lie_on_the_diagonal_and_the_others_on_their_side_of_it() -> None:
    plot = ScatterPlot.of([Point(0, 1.0, 1.0), Point(0, 5.0, 5.0), Point(0, 2.0, 4.0)])
    (x0, x1), (y0, y1) = plot.box.x, plot.box.y
    for x, y in plot.marks.equal:
        assert (x - x0) / (x1 - x0) == pytest.approx((y0 - y) / (y0 - y1))
    [(x, y)] = plot.marks.wrong
    assert (y0 - y) / (y0 - y1) > (x - x0) / (x1 - x0)


def test_the_sign_of_an_error_is_that_of_online_less_offline() -> None:
    plot = ErrorPlot.of([Point(0, 5.0, 3.0), Point(1, 5.0, 9.0), Point(2, 5.0, 5.0)])
    (_, low), (_, high) = plot.marks.wrong
    [(_, zero)] = plot.marks.equal
    assert high < zero < low


def test_a_plot_of_very_many_pairs_keeps_the_largest_error() -> None:
    many = [Point(at, 1.0, 2.0) for at in range(5_000)]
    many[1_234] = Point(1_234, 1.0, 500.0)
    plot = ErrorPlot.of([*many, *(Point(at, 1.0, 1.0) for at in range(5_000))])
    assert len(plot.marks.wrong) == MOST + 1
    assert len(plot.marks.equal) == MOST
    assert plot.error.high > 499


def test_an_axis_is_logarithmic_where_sizes_span_decades_and_says_so() -> None:
    near = ErrorPlot.of([Point(at, 0.0, float(at)) for at in range(1, 100)])
    far = ErrorPlot.of([Point(at, 0.0, 10.0 ** (at % 7)) for at in range(1, 100)])
    assert not near.error.logarithmic
    assert far.error.logarithmic
    assert "log scale" not in near.svg("f", SIDES)
    assert "log scale" in far.svg("f", SIDES)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (Point(0, 1.0, 1.0), False),
        (Point(0, 1.0, 1.0 + 1e-12), False),
        (Point(0, 1.0, 1.0 + 1e-6), True),
        (Point(0, 1.0, 1.0 + 1e-6, False), False),
        (Point(0, 1.0, 1.0, True), True),
        (Point(0, None, 0.0), True),
        (Point(0, None, None), False),
    ],
)
def test_what_the_comparison_said_goes_before_nine_digits(point: Point, expected: bool) -> None:
    assert differs(point) is expected


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20), st.booleans())
@example([1e-320, 1e308], True)
@example([0.1 + 0.2, 0.3], False)
@example([1e15, 1e15 + 1], False)
def test_ticks_lie_in_order_inside_the_axis_and_places_follow_the_numbers(numbers: list[float], zero: bool) -> None:
    axis = NumberAxis.of(numbers, with_zero=zero)
    places = [axis.place(number) for number in sorted(numbers)]
    assert places == sorted(places)
    assert all(0 <= place <= 1 for place in places)
    ticks = [tick.place for tick in axis.ticks()]
    assert ticks
    assert ticks == sorted(ticks)
    assert all(0 <= tick <= 1 for tick in ticks)
    assert len(ticks) <= 13


@pytest.mark.parametrize(
    ("numbers", "labels"),
    [
        ([0.0, 10.0], ["0", "2", "4", "6", "8", "10"]),
        ([0.0, 1.0], ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ([-40.0, 0.0], ["−40", "−30", "−20", "−10", "0"]),  # noqa: RUF001
        ([0.0, 4_000.0], ["0", "1,000", "2,000", "3,000", "4,000"]),
        ([0.0, 2_000_000.0], ["0", "0.5M", "1M", "1.5M", "2M"]),
        ([0.0, 40_000.0], ["0", "10k", "20k", "30k", "40k"]),
        ([100.0, 100.5], ["100", "100.1", "100.2", "100.3", "100.4", "100.5"]),
    ],
)
def test_labels_of_numbers_are_round_and_short(numbers: list[float], labels: list[str]) -> None:
    assert [tick.label for tick in NumberAxis.of(numbers).ticks()] == labels


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (4 * SECOND, ["1 Sep 00:00:00", "00:00:02", "00:00:04"]),
        (3 * MINUTE, ["1 Sep 00:00", "00:01", "00:02", "00:03"]),
        (20 * HOUR, ["1 Sep 00:00", "06:00", "12:00", "18:00"]),
        (3 * DAY, ["1 Sep 2013", "2 Sep", "3 Sep", "4 Sep"]),
        (121 * DAY, ["Sep 2013", "Oct", "Nov", "Dec"]),
        (900 * DAY, ["Jan 2014", "Jan 2015", "Jan 2016"]),
    ],
)
def test_labels_of_instants_say_as_much_of_the_date_as_is_needed(length: int, labels: list[str]) -> None:
    ticks = TimeAxis(SINCE, SINCE + length).ticks()
    assert [tick.label for tick in ticks][-len(labels) :] == labels


@given(INSTANTS, INSTANTS)
@example(EARLIEST, LATEST)
@example(LATEST, LATEST)
def test_ticks_of_time_lie_inside_the_axis(one: int, other: int) -> None:
    axis = TimeAxis.of([one, other])
    ticks = axis.ticks()
    assert ticks
    assert all(0 <= tick.place <= 1 for tick in ticks)
    assert [tick.place for tick in ticks] == sorted(tick.place for tick in ticks)
