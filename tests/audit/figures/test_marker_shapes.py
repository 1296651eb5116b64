from __future__ import annotations

import re

import pytest

from audit.figures.layout import MARKERS
from audit.figures.marker_shapes import SHAPES, shape_path


def test_every_marker_has_a_shape() -> None:
    assert set(MARKERS) <= set(SHAPES)


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"o"}))
def test_relative_steps_lead_to_the_corners(shape: str) -> None:
    numbers = [float(one) for one in re.findall(r"-?[\d.]+", shape_path(shape, 100.0))]
    x = y = 0.0
    corners = []
    for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
        x, y = x + dx, y + dy
        corners.append((x, y))
    assert corners == [pytest.approx((100 * a, 100 * b), abs=0.2) for a, b in SHAPES[shape]]


def test_a_circle_is_two_arcs() -> None:
    assert shape_path("o", 3.0) == "m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0z"
