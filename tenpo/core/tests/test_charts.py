from itertools import pairwise

import pytest

from tenpo.core.charts import BASE, LINE_GAP, TOP, Series, bar_chart, line_chart, parts_of, sparkline, ticks_up_to
from tenpo.core.colour import accent_hex


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, [0, 1]),
        (6, [0, 2, 4, 6]),
        (2040, [0, 1000, 2000, 3000]),
        (100, [0, 25, 50, 75, 100]),
        (0.4, [0, 0.1, 0.2, 0.3, 0.4]),
    ],
)
def test_ticks_are_round_and_start_at_zero(highest, ticks):
    assert ticks_up_to(highest) == pytest.approx(ticks)


def test_bars_stand_on_zero_and_stay_in_their_place():
    chart = bar_chart(["Oct", "Nov"], [Series("Company", [10, 20]), Series("People", [0, 5])])

    assert len(chart.bars) == 4
    assert [round(bar.y + bar.height, 2) for bar in chart.bars] == [BASE] * 4
    assert chart.bars[1].height == 0
    assert max(bar.x + bar.width for bar in chart.bars) <= 100
    assert min(bar.y for bar in chart.bars) >= TOP


def test_stacked_bars_add_up():
    chart = bar_chart(["Nov"], [Series("Company", [15]), Series("People", [5])], stacked=True)

    company, people = chart.bars
    assert people.y + people.height == pytest.approx(company.y)
    assert company.height == pytest.approx(3 * people.height)


def test_every_point_says_its_values():
    chart = line_chart(["Oct", "Nov"], [Series("Company", [10, 1200]), Series("People", [3, 4])])

    assert [point.words for point in chart.points] == ["Oct: Company 10, People 3", "Nov: Company 1,200, People 4"]
    assert chart.rows == [("Oct", ["10", "3"]), ("Nov", ["1,200", "4"])]
    assert [point.anchor for point in chart.points] == ["middle", "middle"]


def test_values_at_the_edges_stay_inside():
    chart = bar_chart([str(n) for n in range(12)], [Series("Sessions", list(range(12)))])

    assert (chart.points[0].anchor, chart.points[0].shown_at) == ("start", 0)
    assert (chart.points[-1].anchor, chart.points[-1].shown_at) == ("end", 100)
    assert chart.points[-1].is_minor is False


def test_names_of_lines_never_lie_on_each_other():
    chart = line_chart(["Nov"], [Series("Company", [10]), Series("People", [10]), Series("Credit", [9.9])])

    heights = sorted(name.y for name in chart.names)
    assert all(b - a >= LINE_GAP - 0.01 for a, b in pairwise(heights))
    assert heights[-1] <= BASE


def test_one_series_needs_no_name():
    assert bar_chart(["Nov"], [Series("Sessions", [4])]).names == []


def test_nothing_to_show_is_still_a_chart():
    chart = bar_chart([], [Series("Sessions", [])])

    assert (chart.bars, chart.points, chart.rows) == ([], [], [])
    assert line_chart(["Oct"], [Series("Sessions", [0])]).segments == []


def test_a_sparkline_ends_at_its_last_value():
    line = sparkline([0, 5, 10])

    assert (line.last.x, line.last.y) == (100, 2)
    assert len(line.segments) == 2
    assert sparkline([]).segments == []


def test_parts_of_a_whole_fill_it():
    company, you = parts_of([("company", 6000), ("credit", 0), ("you", 2000)])

    assert (company.name, company.x, company.width) == ("company", 0, 75)
    assert (you.name, you.x, you.width) == ("you", 75, 25)
    assert parts_of([("company", 0), ("you", 0)]) == []


def test_the_accent_in_hexadecimal_is_the_one_of_the_style_sheet():
    # What Chromium computes for oklch(50% 0.12 162) and oklch(50% 0.12 27), to the last digit or two.
    assert accent_hex(162)[1:3] == "00"
    assert accent_hex(27)[1:3] > "80"


@pytest.mark.parametrize(("count", "named"), [(12, 12), (14, 14), (30, 4)])
def test_names_below_a_chart_have_room_beside_each_other(count, named):
    chart = bar_chart([str(n) for n in range(count)], [Series("Moved", [1] * count)])

    assert sum(point.is_named for point in chart.points) == named
    assert chart.points[-1].is_named
    assert not chart.points[-1].is_minor
