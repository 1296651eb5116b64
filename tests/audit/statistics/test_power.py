from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    common_correlation,
    independent_precision,
    precision_of,
)
from audit.statistics.clusters.clustered_tests import difference_p
from audit.statistics.power import cautious_rate, smallest_detectable_gap
from audit.statistics.proportion.tests_of_proportions import two_sided_p


def independent(rate: float, n1: int, n2: int, **more: float) -> float:
    return float(
        smallest_detectable_gap([rate], independent_precision([n1]), independent_precision([n2]), **more)[0]
    )


@pytest.mark.parametrize(("n", "level", "expected"), [(780, 0.05, 0.057), (780, 0.05 / 91, 0.087)])
def test_large_groups_at_a_rate_of_one_fifth(n: int, level: float, expected: float) -> None:
    # (1.95996 + 0.84162) sqrt(0.2 x 0.8 x 2/780) = .057; at p = .2 + gap the variance is a little larger.
    assert expected < independent(0.2, n, n, level=level) < expected * 1.09


@pytest.mark.parametrize(("rate", "level"), [(0.05, 0.05), (0.2, 0.0002), (0.7, 0.01)])
def test_a_gap_of_this_size_is_found_in_four_of_five_simulations(rate: float, level: float) -> None:
    n1, n2 = 300, 2000
    gap = independent(rate, n1, n2, level=level)
    rng = np.random.default_rng(11)
    x1, x2 = rng.binomial(n1, rate + gap * (1 if rate < 0.5 else -1), 4000), rng.binomial(n2, rate, 4000)
    found = (two_sided_p(x1, np.full(4000, n1), x2, np.full(4000, n2)) < level).mean()
    assert found == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("clusters", [15, 60])
def test_with_clusters_too(clusters: int) -> None:
    rate, level, correlation, size = 0.2, 0.001, 0.3, 10
    other = precision_of(ClusterMoments.of(np.full((200, 1), 2), np.full((200, 1), size)), correlation)
    own = replace(
        other,
        effective=np.array([clusters * size / (1 + 9 * correlation)]),
        freedom=np.array([clusters - 1.0]),
    )
    # The clusters of `other` are all alike; what counts is their effective number.
    other = replace(
        other, effective=np.array([200 * size / (1 + 9 * correlation)]), freedom=np.array([199.0])
    )
    gap = float(smallest_detectable_gap([rate], own, other, level=level)[0])
    rng = np.random.default_rng(clusters)
    sides = []
    for k, p in ((clusters, rate + gap), (200, rate)):
        a = (1 - correlation) / correlation
        x = rng.binomial(size, rng.beta(p * a, (1 - p) * a, (1200, k)))
        moments = ClusterMoments.of(x[..., None], np.full((k, 1), size))
        sides += [moments.rate, precision_of(moments, common_correlation(moments))]
    found = difference_p(sides[0], sides[1], sides[2], sides[3]) < level
    assert found.mean() == pytest.approx(0.8, abs=0.07)


def test_empty_groups_are_nan_and_tiny_ones_find_no_gap() -> None:
    sides = independent_precision([0, 10, 10]), independent_precision([10, 0, 10])
    assert np.isnan(smallest_detectable_gap([0.2, 0.2, np.nan], *sides)).all()
    # One image per side never tells two rates apart.
    assert np.isnan(independent(0.5, 1, 1))


def test_a_rate_of_zero_claims_no_perfect_power() -> None:
    # z^2 / (n + z^2) = 3.841459 / 203.841459.
    assert float(cautious_rate(0, 200)) == pytest.approx(0.0188453, abs=1e-6)
    assert float(cautious_rate(200, 200)) == pytest.approx(1 - 0.0188453, abs=1e-6)
    assert float(cautious_rate(50, 200)) == 0.25
    assert float(cautious_rate(1, 1)) == 0.5
    assert np.isnan(cautious_rate(0, 0))


@pytest.mark.parametrize("wrong", [{"power": 1.0}, {"level": 0.0}, {"power": 80}])
def test_power_and_level_outside_0_1_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="power and level"):
        independent(0.2, 10, 10, **wrong)
