from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from audit.statistics.variation.between_group_variance import between_group_interval, between_group_variance
from audit.statistics.variation.shrinkage import shrunken_rates

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


def test_shrinkage_maximises_the_profile_likelihood() -> None:
    x, n = np.array([1, 9, 20, 3, 55]), np.array([12, 30, 40, 50, 100])

    def negative(parameters: np.ndarray) -> float:
        mean, size = 1 / (1 + np.exp(-parameters[0])), np.exp(parameters[1])
        return -stats.betabinom.logpmf(x, n, mean * size, (1 - mean) * size).sum()

    best = optimize.minimize(
        negative, [-0.5, 1.5], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}
    )
    mean, size = 1 / (1 + np.exp(-best.x[0])), np.exp(best.x[1])
    # Our grid of prior sizes is coarse, and the mean is the weighted average: within a point or so.
    np.testing.assert_allclose(shrunken_rates(x, n), (x + size * mean) / (n + size), atol=0.01)


def test_shrunken_rates_are_nearer_to_the_truth_and_narrower() -> None:
    rng = np.random.default_rng(4)
    truth = rng.beta(8, 24, size=(200, 14))
    n = rng.integers(10, 60, size=(200, 14))
    x = rng.binomial(n, truth)
    shrunk = shrunken_rates(x, n)
    assert np.abs(shrunk - truth).mean() < 0.8 * np.abs(x / n - truth).mean()
    assert np.ptp(shrunk, axis=1).mean() < np.ptp(truth, axis=1).mean() < np.ptp(x / n, axis=1).mean()


def test_equal_rates_shrink_to_their_average_and_an_empty_group_gets_it() -> None:
    shrunk = shrunken_rates([[10, 20, 0], [0, 0, 0], [5, 0, 0]], [[100, 200, 0], [10, 20, 5], [5, 0, 0]])
    assert shrunk[0] == pytest.approx([0.1] * 3, abs=1e-6)
    assert shrunk[1].tolist() == [0, 0, 0]
    assert np.isnan(shrunk[2]).all()
