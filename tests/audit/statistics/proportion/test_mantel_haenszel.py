from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from statsmodels.stats.contingency_tables import StratifiedTable

from audit.statistics.clusters.cluster_robust import shortened
from audit.statistics.proportion.mantel_haenszel import (
    mantel_haenszel_difference,
    mantel_haenszel_p,
    mantel_haenszel_ratio,
    share_compared,
    standardised_difference,
    stratified_effect,
)


def strata(
    rng: np.random.Generator, clusters: int, *, correlation: float, draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """[draws, K, 3] events and images of clusters whose six images lie in three strata of rates .1 to .4."""
    n = np.broadcast_to([3, 2, 1], (draws, clusters, 3))
    rates = np.array([0.1, 0.2, 0.4])
    if not correlation:
        return rng.binomial(n, rates).astype(float), n.astype(float)
    a = (1 - correlation) / correlation
    # One uniform a cluster: an image of it is likely to have the event in every stratum, or in none.
    u = rng.uniform(size=(draws, clusters, 1))
    own = special.betaincinv(rates * a, (1 - rates) * a, u)
    return rng.binomial(n, own).astype(float), n.astype(float)


@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_a_difference_over_strata_keeps_its_level_and_coverage_with_clusters(correlation: float) -> None:
    rng = np.random.default_rng(3)
    draws = 500
    (x1, n1), (x2, n2) = (strata(rng, k, correlation=correlation, draws=draws) for k in (30, 80))
    # One axis of clusters for both sides: those of the other side have no images.
    first, second = ((0, 0), (0, 80), (0, 0)), ((0, 0), (30, 0), (0, 0))
    x1, n1, x2, n2 = np.pad(x1, first), np.pad(n1, first), np.pad(x2, second), np.pad(n2, second)
    effect, freedom = stratified_effect(x1, n1, x2, n2, correlation=correlation)
    assert np.median(effect) == pytest.approx(1 + 4.2 * correlation, rel=0.25)
    assert np.median(freedom) > 25
    cells = [a.sum(axis=1) for a in (x1, n1, x2, n2)]
    inflation = effect / shortened(1.0, freedom)
    for estimate in (mantel_haenszel_difference, standardised_difference):
        _, low, high = estimate(*cells, inflation=inflation)
        assert 0.92 < np.mean((low <= 0) & (high >= 0)) < 0.985
    p = mantel_haenszel_p(*cells, design_effect=effect, freedom=freedom)
    assert np.mean(p < 0.05) < 0.08
    if correlation:
        assert np.mean(mantel_haenszel_p(*cells) < 0.05) > 0.15  # as if images were independent


def test_images_that_are_each_a_cluster_have_no_design_effect() -> None:
    one = np.eye(3)[np.arange(30) % 3]
    effect, freedom = stratified_effect(one * 0, one, one, one, correlation=0.5)
    # A cluster that is on both sides holds two images; these hold one image per side.
    assert effect >= 1
    alone = np.zeros((60, 3))
    first, second = np.vstack([one, 0 * one]), np.vstack([0 * one, one])
    effect, freedom = stratified_effect(alone, first, alone, second, correlation=0.5)
    assert (float(effect), float(freedom)) == (1, np.inf)


STRATA = np.array([[8, 40, 5, 50], [12, 30, 30, 90], [2, 10, 1, 12], [3, 9, 0, 0]]).T


def test_mantel_haenszel_equals_statsmodels() -> None:
    x1, n1, x2, n2 = STRATA[:, :3]
    table = StratifiedTable([np.array([[a, m - a], [c, k - c]]) for a, m, c, k in STRATA[:, :3].T])
    assert float(mantel_haenszel_ratio(x1, n1, x2, n2)[0]) == pytest.approx(table.riskratio_pooled, abs=1e-10)
    assert float(mantel_haenszel_p(x1, n1, x2, n2)) == pytest.approx(
        table.test_null_odds(correction=False).pvalue, abs=1e-10
    )


def test_mantel_haenszel_difference_by_hand() -> None:
    # Weights 40 50/90 and 30 90/120; differences .2 - .1 and .4 - 1/3.
    x1, n1, x2, n2 = STRATA[:, :2]
    weights = np.array([2000 / 90, 22.5])
    expected = (weights * [0.1, 0.4 - 1 / 3]).sum() / weights.sum()
    difference, low, high = mantel_haenszel_difference(x1, n1, x2, n2)
    assert float(difference) == pytest.approx(expected)
    # The variance is near that of the weighted differences.
    variance = (weights**2 * [0.16 / 40 + 0.09 / 50, 0.24 / 30 + (2 / 9) / 90]).sum() / weights.sum() ** 2
    assert float(high - low) == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.03)


@pytest.mark.parametrize("estimate", [mantel_haenszel_difference, standardised_difference])
def test_a_gap_made_by_the_make_up_alone_vanishes_and_is_covered(estimate) -> None:
    # Group 1 is mostly in the hard stratum; within the strata both err alike.
    rates, n1, n2 = np.array([0.1, 0.5]), np.array([40, 160]), np.array([300, 60])
    rng = np.random.default_rng(6)
    x1, x2 = rng.binomial(n1, rates, size=(4000, 2)), rng.binomial(n2, rates, size=(4000, 2))
    assert np.mean(x1.sum(axis=1) / 200 - x2.sum(axis=1) / 360) > 0.2
    difference, low, high = estimate(x1, n1, x2, n2)
    assert abs(difference.mean()) < 0.003
    assert 0.935 < np.mean((low <= 0) & (high >= 0)) < 0.98
    p = mantel_haenszel_p(x1, n1, x2, n2)
    assert 0.035 < np.mean(p < 0.05) < 0.065


def test_the_ratio_covers() -> None:
    rng = np.random.default_rng(7)
    n1, n2, base = np.array([80, 120, 60]), np.array([90, 50, 200]), np.array([0.1, 0.2, 0.3])
    x1, x2 = rng.binomial(n1, 1.5 * base, size=(4000, 3)), rng.binomial(n2, base, size=(4000, 3))
    _, low, high = mantel_haenszel_ratio(x1, n1, x2, n2)
    assert 0.935 < np.mean((low <= 1.5) & (high >= 1.5)) < 0.965


def test_strata_with_an_empty_side_take_no_part_and_none_left_is_nan() -> None:
    x1, n1, x2, n2 = STRATA
    for estimate in (mantel_haenszel_difference, mantel_haenszel_ratio, standardised_difference):
        np.testing.assert_array_equal(estimate(x1, n1, x2, n2), estimate(*STRATA[:, :3]))
        assert np.isnan(estimate([3], [9], [0], [0])).all()
    assert np.isnan(mantel_haenszel_p([3], [9], [0], [0]))
    assert float(share_compared(n1, n2)) == pytest.approx(80 / 89)
