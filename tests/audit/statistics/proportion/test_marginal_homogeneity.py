"""Equal rates under several specifications: McNemar's test, statsmodels' Q, and the level if Q fails."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import cochrans_q

from audit.statistics.proportion.marginal_homogeneity import equal_rates_p
from audit.statistics.proportion.paired import mcnemar_p


@pytest.mark.parametrize(("fell", "rose"), [(1, 7), (4, 4), (0, 5)])
def test_two_specifications_of_single_images_are_mcnemars_exact_test(fell: int, rose: int) -> None:
    events = np.array([[1, 0]] * fell + [[0, 1]] * rose + [[1, 1]] * 6 + [[0, 0]] * 9)
    assert equal_rates_p(events, np.arange(len(events))) == pytest.approx(float(mcnemar_p(fell, rose)))


def test_with_equal_correlations_it_agrees_with_cochrans_q() -> None:
    rng = np.random.default_rng(1)
    level = rng.random((300, 1))
    events = (rng.random((300, 4)) < level + np.array([0, 0, 0.02, 0.06])).astype(int)
    assert equal_rates_p(events, np.arange(300)) == pytest.approx(cochrans_q(events).pvalue, abs=0.03)


def test_clusters_count_once() -> None:
    """Eight persons of ten photos each, of which six change from the one answer to the other: p of 6 to 2."""
    change = np.repeat([[0, 1]] * 6 + [[1, 0]] * 2, 10, axis=0)
    p = equal_rates_p(change, np.repeat(np.arange(8), 10))
    assert p == pytest.approx(float(mcnemar_p(6, 2)))


def test_without_a_change_or_a_second_specification() -> None:
    assert equal_rates_p(np.array([[1, 1, 1], [0, 0, 0]]), np.arange(2)) == 1
    assert np.isnan(equal_rates_p(np.ones((5, 1)), np.arange(5)))
    assert np.isnan(equal_rates_p(np.zeros((0, 3)), np.zeros(0)))


def correlated(rng: np.random.Generator, n: int) -> np.ndarray:
    """Four specifications of equal rates: three are nearly one, the fourth has nothing to do with them."""
    first = rng.random(n) < 0.3
    events = [np.where(rng.random(n) < 0.02, rng.random(n) < 0.3, first) for _ in range(3)]
    return np.column_stack([*events, rng.random(n) < 0.3]).astype(int)


def test_unequal_correlations_keep_the_level() -> None:
    """400 samples of 150 images: three standard errors above .05 are .083; Q rejects in about .13."""
    own, q = [], []
    for seed in range(400):
        events = correlated(np.random.default_rng(seed), 150)
        own.append(equal_rates_p(events, np.arange(150), seed=seed, draws=399) <= 0.05)
        q.append(cochrans_q(events).pvalue <= 0.05)
    assert np.mean(own) <= 0.083
    assert np.mean(q) > 0.1


def test_weights_are_copies_in_the_same_cluster() -> None:
    rng = np.random.default_rng(3)
    happened, cluster = rng.random((50, 3)) < [0.3, 0.4, 0.5], rng.integers(0, 20, 50)
    weight = rng.integers(1, 4, 50)
    found = equal_rates_p(happened, cluster, weights=weight)
    assert found == equal_rates_p(np.repeat(happened, weight, axis=0), np.repeat(cluster, weight))
