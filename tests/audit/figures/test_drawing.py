from __future__ import annotations

import math

import pytest

from audit.figures.drawing import Area, Drawing, Label, Line, Marks, Panel


def plot() -> Panel:
    """Ten points a unit across, five points a unit down; y counts upwards."""
    drawing = Drawing(width=200, height=100)
    return Panel(drawing=drawing, left=20, top=10, width=100, height=50, x=(0.0, 10.0), y=(0.0, 10.0))


def test_values_have_places_and_missing_ones_none() -> None:
    panel = plot()
    assert (panel.across(0), panel.across(10), panel.down(0), panel.down(10)) == (20, 120, 60, 10)
    assert panel.places([1, math.nan, 2, 3], [1, 1, math.inf, 2]) == [(30, 55), (50, 50)]


def test_an_axis_may_run_downwards() -> None:
    panel = Panel(
        drawing=Drawing(width=9, height=9), left=0, top=0, width=9, height=8, x=(0, 1), y=(3.6, -0.4)
    )
    assert panel.down(-0.4) == 0 and panel.down(3.6) == 8


def test_intervals_are_parts_of_one_line_and_those_without_ends_are_left_out() -> None:
    panel = plot()
    panel.spans([1, 2, 3], [4, math.nan, 5], [6, 7, 8], role="ink", width=1)
    panel.spans([1], [4], [6], role="ink", width=1, upright=True)
    panel.spans([1], [math.nan], [6], role="ink", width=1)
    level, upright = panel.drawing.items
    assert isinstance(level, Line) and isinstance(upright, Line)
    assert level.parts == [[(60, 55), (80, 55)], [(70, 45), (100, 45)]]
    assert upright.parts == [[(30, 40), (30, 30)]]


def test_a_band_goes_out_below_and_back_above() -> None:
    panel = plot()
    panel.band([0, 1], [0, 1], [2, 3], role="accent", opacity=0.2)
    panel.band([0], [0], [1], role="accent")  # one point has no area
    (area,) = panel.drawing.items
    assert isinstance(area, Area) and area.clipped
    assert area.outline == [(20, 60), (30, 55), (30, 45), (20, 50)]


def test_lines_across_the_panel_are_left_out_outside_of_it() -> None:
    panel = plot()
    for value in (-1, 5, 11):
        panel.upright(value, role="grid", width=1)
        panel.level(value, role="grid", width=1)
    upright, level = panel.drawing.items
    assert isinstance(upright, Line) and isinstance(level, Line)
    assert upright.parts == [[(70, 60), (70, 10)]] and level.parts == [[(20, 35), (120, 35)]]


def test_nothing_is_drawn_of_nothing_and_labels_are_on_top() -> None:
    panel = plot()
    panel.line([1], [1], role="ink", width=1)
    panel.marks([math.nan], [1], shape="o", size=5, role="ink")
    assert panel.drawing.items == []
    panel.drawing.add(Label(place=(0, 0), text="x"))
    panel.marks([1], [1], shape="o", size=5, role="ink")
    mark, label = panel.drawing.in_order()
    assert isinstance(mark, Marks) and mark.fill == "ink" and isinstance(label, Label)


def test_items_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Label(place=(0, 0), text="x").text = "y"  # type: ignore[misc]
