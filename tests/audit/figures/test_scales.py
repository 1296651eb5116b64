from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.figures.scales import limits_around, nice_ticks, tick_words


@pytest.mark.parametrize(
    ("ends", "most", "ticks"),
    [
        ((-2.0, 108.0), 4, [0, 50, 100]),  # 110 / 4 = 27.5: the next step is 50
        ((0.0, 1.0), 9, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),  # 1 / 9 = 0.111: 0.2
        ((0.0, 0.25), 2, [0.0, 0.2]),  # 0.125: 0.2
        ((3.0, -3.0), 3, [-2, 0, 2]),  # an axis may run downwards
        ((5.0, 5.0), 3, [5.0]),
    ],
)
def test_ticks_by_hand(ends: tuple[float, float], most: int, ticks: list[float]) -> None:
    assert nice_ticks(*ends, most=most) == pytest.approx(ticks)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 9))
def test_ticks_lie_inside_and_are_not_too_many(low: float, length: float, most: int) -> None:
    ticks = nice_ticks(low, low + length, most=most)
    assert len(ticks) <= most + 1
    assert all(low - 1e-5 * length <= tick <= low + length * (1 + 1e-5) for tick in ticks)


def test_ticks_have_the_decimals_of_the_finest() -> None:
    assert tick_words([-5.0, 0.0, 2.5]) == ["\N{MINUS SIGN}5.0", "0.0", "2.5"]
    assert tick_words([0, 20, 100]) == ["0", "20", "100"]
    assert tick_words([]) == []


def test_limits_leave_a_margin_and_are_never_a_point() -> None:
    assert limits_around([math.nan]) == (0.0, 1.0)
    assert limits_around([2.0, 4.0], margin=0.5) == (1.0, 5.0)
    low, high = limits_around([0.0])
    assert low < 0 < high
    low, high = limits_around([40.0])
    assert (low, high) == pytest.approx((38.0, 42.0))
