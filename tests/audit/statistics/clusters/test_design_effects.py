from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import StratifiedTable

from audit.statistics.clusters.design_effects import difference_design_effect, rate_design_effect
from audit.statistics.proportion.intervals import newcombe, wilson
from audit.statistics.proportion.mantel_haenszel import (
    mantel_haenszel_difference,
    mantel_haenszel_p,
    mantel_haenszel_ratio,
    share_compared,
    standardised_difference,
)

STRATA = np.array([[8, 40, 5, 50], [12, 30, 30, 90], [2, 10, 1, 12], [3, 9, 0, 0]]).T


def clustered(
    k: int, *, size: int, rng: np.random.Generator, rate: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Clusters whose images mostly agree."""
    own = rng.beta(0.5 * rate, 0.5 * (1 - rate), size=k)
    return rng.binomial(size, own), np.full(k, size)


def test_the_design_effect_by_hand() -> None:
    # Three clusters of two, two of them all events: rate 2/3, robust (2/3)^2 + (2/3)^2 + (4/3)^2 = 8/3 times
    # 3/2, over 6 (2/3) (1/3) = 4/3: 3. With two degrees of freedom it grows by (4.3027 / 1.9600)^2.
    effect = float(rate_design_effect([2, 2, 0], [2, 2, 2]))
    assert effect == pytest.approx(3 * (4.302652730 / 1.959963985) ** 2, rel=1e-8)


def test_a_cluster_without_variance_to_see_counts_as_one_image() -> None:
    # sum n^2 / sum n = (4 + 16) / 6.
    for events in ([0, 0], [2, 4], [2, 0]):
        assert float(rate_design_effect(events, [2, 4])) == pytest.approx(20 / 6)
    assert np.isnan(rate_design_effect([0, 0], [0, 0]))


def test_single_images_have_a_design_effect_near_one() -> None:
    events = np.random.default_rng(1).random(5000) < 0.2
    assert float(rate_design_effect(events, np.ones(5000))) == pytest.approx(1, abs=0.002)


def test_effective_counts_cover_where_plain_ones_do_not() -> None:
    rng = np.random.default_rng(2)
    plain, aware, gaps = [], [], []
    for _ in range(400):
        x, n = clustered(60, size=5, rng=rng)
        y, m = clustered(80, size=5, rng=rng)
        effect = rate_design_effect(x, n)
        plain.append(wilson(x.sum(), n.sum()))
        aware.append(wilson(x.sum() / effect, n.sum() / effect))
        sides = [np.concatenate(pair) for pair in ((x, 0 * y), (n, 0 * m), (0 * x, y), (0 * n, m))]
        effect = difference_design_effect(*sides)
        gaps.append(newcombe(x.sum() / effect, n.sum() / effect, y.sum() / effect, m.sum() / effect))

    def coverage(intervals: list, truth: float) -> float:
        low, high = np.array(intervals).T
        return float(np.mean((low <= truth) & (truth <= high)))

    assert coverage(plain, 0.3) < 0.75
    assert 0.92 < coverage(aware, 0.3) < 0.98
    assert 0.92 < coverage(gaps, 0.0) < 0.98


def test_clusters_on_both_sides_cancel() -> None:
    # Each cluster has an image in either group, with the same answer: the difference does not vary at all.
    x = np.random.default_rng(3).integers(0, 2, 100)
    one = np.ones(100)
    assert float(difference_design_effect(x, one, x, one)) == 1


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
