"""Intervals and a margin to a verdict, case by case."""

from __future__ import annotations

import numpy as np
import pytest

from audit.conclusions.verdict import FAIL, INCONCLUSIVE, PASS, verdict_of

NAN = float("nan")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ([-0.02, 0.01], [0.03, 0.04], PASS),
        ([-0.02, 0.06], [0.03, 0.09], FAIL),
        ([-0.09, 0.01], [-0.06, 0.04], FAIL),
        ([-0.02, 0.04], [0.03, 0.09], INCONCLUSIVE),
        ([-0.02, NAN], [0.03, NAN], INCONCLUSIVE),
        ([0.06, NAN], [0.09, NAN], FAIL),
        ([], [], INCONCLUSIVE),
    ],
)
def test_verdict_of_intervals(low: list[float], high: list[float], expected: str) -> None:
    assert verdict_of(low, high, allowed=(-0.05, 0.05)) == expected


def test_limits_that_touch_the_margin_are_inside() -> None:
    assert verdict_of([-0.05], [0.05], allowed=(-0.05, 0.05)) == PASS
    assert verdict_of([0.05], [0.2], allowed=(-0.05, 0.05)) == INCONCLUSIVE


def test_a_pass_may_rest_on_shorter_intervals_and_a_fail_never_does() -> None:
    shorter = {"low_to_pass": [-0.04], "high_to_pass": [0.04]}
    assert verdict_of([-0.06], [0.06], allowed=(-0.05, 0.05)) == INCONCLUSIVE
    assert verdict_of([-0.06], [0.06], allowed=(-0.05, 0.05), **shorter) == PASS
    assert verdict_of([0.04], [0.3], allowed=(-0.05, 0.05), low_to_pass=[0.1], high_to_pass=[0.2]) == (
        INCONCLUSIVE
    )


def test_one_side_may_be_open() -> None:
    assert verdict_of([0.7], [np.inf], allowed=(0.6, np.inf)) == PASS
    assert verdict_of([0.1], [0.5], allowed=(0.6, np.inf)) == FAIL
