from __future__ import annotations

import numpy as np
import pytest

from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    Precision,
    common_correlation,
    independent_precision,
    precision_of,
    shortened,
)
from audit.statistics.clusters.clustered_tests import difference_p
from audit.statistics.proportion.intervals import joined_difference, newcombe, wilson


def side(effective: float, freedom: float) -> Precision:
    return Precision(
        effective=np.array([effective]), freedom=np.array([freedom]), clusters=np.array([20.0]),
        enough=np.array([True]),
    )  # fmt: skip


def test_independent_images_have_the_p_that_inverts_newcombes_interval() -> None:
    n1, n2 = 80, 120
    p = difference_p([20 / n1], independent_precision([n1]), [50 / n2], independent_precision([n2]))[0]
    low, high = newcombe(20, n1, 50, n2, confidence=1 - p)
    assert float(high) == pytest.approx(0, abs=1e-6)
    assert float(low) < 0


def test_p_is_below_the_level_just_where_the_interval_excludes_zero() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        rates, freedom = rng.uniform(0.02, 0.6, 2), rng.uniform(4, 60, 2)
        sizes, r = rng.uniform(10, 200, 2), rng.uniform(0, 0.8)
        sides = [side(n, f) for n, f in zip(sizes, freedom, strict=True)]
        p = difference_p(rates[:1], sides[0], rates[1:], sides[1], correlation=r)[0]
        limits = [
            wilson(rate * m, m)
            for rate, n, f in zip(rates, sizes, freedom, strict=True)
            for m in [shortened(n, f)]
        ]
        low, high = joined_difference(rates[0], limits[0], rates[1], limits[1], correlation=r)
        assert (p < 0.05) == bool((low > 0) | (high < 0))


def test_equal_rates_and_missing_ones() -> None:
    both = independent_precision([50.0, 50.0])
    p = difference_p([0.2, np.nan], both, [0.2, 0.1], both)
    assert p[0] == 1
    assert np.isnan(p[1])


def test_tails_are_told_apart() -> None:
    one = independent_precision([5000.0])
    p = [difference_p([0.5 + d], one, [0.5], one)[0] for d in (0.05, 0.1, 0.2)]
    assert p[0] > p[1] > p[2] > 0
    assert p[2] < 1e-15


@pytest.mark.parametrize(("clusters", "correlation"), [(12, 0.4), (40, 0.0), (40, 0.4)])
def test_few_clusters_against_many_reject_no_more_than_they_should(clusters: int, correlation: float) -> None:
    rng = np.random.default_rng(clusters)
    draws, rate = 1500, 0.2
    groups = []
    for count, size in ((clusters, 10), (150, 5)):
        a = (1 - correlation) / max(correlation, 1e-9)
        own = (
            rng.beta(rate * a, (1 - rate) * a, (draws, count))
            if correlation
            else np.full((draws, count), rate)
        )
        groups.append(ClusterMoments.of(rng.binomial(size, own)[..., None], np.full((count, 1), size)))
    precision = [precision_of(one, common_correlation(one)) for one in groups]
    p = difference_p(groups[0].rate, precision[0], groups[1].rate, precision[1])
    # .05, and three standard errors of 1,500 draws.
    assert np.mean(p < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
