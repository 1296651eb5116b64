from __future__ import annotations

import numpy as np
import pytest

from audit.statistics.variation.between_group_variance import between_group_interval, between_group_variance

SIZES = np.array([30, 60, 100, 300])


def test_the_correction_by_hand() -> None:
    # Rates .2 and .5 of 10 and 20: S^2 = .045; .16/9 and .25/19 of sampling, mean .0154678.
    expected = 0.045 - (0.16 / 9 + 0.25 / 19) / 2
    assert float(between_group_variance([2, 10], [10, 20])) == pytest.approx(expected)
    # In a replicate s^2 is .16 10/81 and .25 20/361, and 2 - 1/n of it goes.
    doubly = 0.045 - (1.9 * 1.6 / 81 + 1.95 * 5 / 361) / 2
    assert float(between_group_variance([2, 10], [10, 20], resampled=True)) == pytest.approx(doubly)


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_estimates_are_unbiased_also_in_replicates(spread: float) -> None:
    rates = 0.4 + spread * np.array([-1, -0.5, 0.5, 1])
    truth = np.var(rates, ddof=1)
    rng = np.random.default_rng(1)
    drawn = rng.binomial(SIZES, rates, size=(40_000, 4))
    again = rng.binomial(SIZES, drawn / SIZES)
    plain = np.var(drawn / SIZES, ddof=1, axis=1).mean()
    assert between_group_variance(drawn, SIZES).mean() == pytest.approx(truth, abs=6e-5)
    assert between_group_variance(again, SIZES, resampled=True).mean() == pytest.approx(truth, abs=2e-4)
    assert plain > truth + 0.002


def test_the_interval_covers_and_has_no_width_zero() -> None:
    rng = np.random.default_rng(2)
    rates = np.array([0.2, 0.35, 0.4, 0.5, 0.3, 0.25])
    n = np.full(6, 200)
    low, high = between_group_interval(rng.binomial(n, rates, size=(300, 6)), n, seed=3, replicates=200)
    truth = np.var(rates, ddof=1)
    assert 0.88 < np.mean((low <= truth) & (truth <= high)) <= 1
    low, high = between_group_interval([[0, 0], [9, 9], [4, 0]], [[5, 8], [9, 9], [9, 0]], seed=1)
    assert np.isnan([low, high]).all()


def test_one_group_has_no_variation() -> None:
    assert np.isnan(between_group_variance([[3, 0], [0, 0]], [[9, 0], [0, 0]])).all()
