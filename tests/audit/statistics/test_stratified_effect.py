from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from audit.statistics.clusters.cluster_robust import shortened
from audit.statistics.proportion.mantel_haenszel import (
    mantel_haenszel_difference,
    mantel_haenszel_p,
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
    # A cluster that is on both sides holds two images; these hold one image a side.
    assert effect >= 1
    alone = np.zeros((60, 3))
    first, second = np.vstack([one, 0 * one]), np.vstack([0 * one, one])
    effect, freedom = stratified_effect(alone, first, alone, second, correlation=0.5)
    assert (float(effect), float(freedom)) == (1, np.inf)
