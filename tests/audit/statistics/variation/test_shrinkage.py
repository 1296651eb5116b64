from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from audit.statistics.variation.shrinkage import _PRIOR_SIZES, beta_binomial_log, shrunken_rates


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


def test_families_are_what_they_are_alone_and_prior_sizes_are_taken_one_by_one() -> None:
    rng = np.random.default_rng(5)
    n = rng.integers(0, 50, size=(300, 9)) * rng.uniform(0.5, 1, size=(300, 9))
    x = n * rng.random((300, 9)) * (rng.random((300, 1)) < 0.8)  # a fifth of the families without an event
    n[0] = x[0] = 0
    together = shrunken_rates(x, n)
    for row in (0, 1, 17, 299):
        np.testing.assert_array_equal(together[row], shrunken_rates(x[row], n[row]))
        best, mean, prior = -np.inf, 0.0, _PRIOR_SIZES[-1]
        for candidate in _PRIOR_SIZES if n[row].any() else []:
            weight = n[row] / (1 + (n[row] - 1) / (candidate + 1))
            centre = (
                weight * np.divide(x[row], n[row], out=np.zeros(9), where=n[row] > 0)
            ).sum() / weight.sum()
            likelihood = beta_binomial_log(x[row], n[row], centre, candidate).sum()
            if likelihood > best:
                best, mean, prior = likelihood, centre, candidate
        expected = (x[row] + prior * mean) / (n[row] + prior) if n[row].any() else np.full(9, np.nan)
        np.testing.assert_allclose(together[row], expected, rtol=1e-12)
    assert shrunken_rates(np.zeros((2, 0)), np.zeros((2, 0))).shape == (2, 0)
