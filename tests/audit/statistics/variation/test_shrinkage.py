from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from audit.statistics.variation.shrinkage import shrunken_rates


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
