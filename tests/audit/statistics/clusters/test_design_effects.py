from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from audit.statistics.clusters.design_effects import (
    change_design_effect,
    difference_design_effect,
    rate_design_effect,
)
from audit.statistics.proportion.intervals import newcombe, wilson


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


def test_a_weighted_design_effect_has_the_linearised_variance() -> None:
    """Of the mean change of single images: (w (c - mean))^2 over W^2, K / (K - 1), and Student's factor."""
    rng = np.random.default_rng(1)
    change = rng.integers(-1, 2, (60, 1)).astype(float)
    weight, counted = rng.lognormal(0, 0.8, 60), np.ones((60, 1), dtype=bool)
    found = change_design_effect(change, counted, np.ones(60), np.arange(60), weights=weight)
    share = weight / weight.sum()
    mean = share @ change[:, 0]
    robust = ((share * (change[:, 0] - mean)) ** 2).sum() * 60 / 59
    alone = (share @ (change[:, 0] - mean) ** 2) / 60
    student = (special.stdtrit(59, 0.975) / special.ndtri(0.975)) ** 2
    assert found[0] == pytest.approx(max(robust / alone * student, 60 * (share**2).sum()))


def test_equal_weights_change_no_design_effect() -> None:
    rng = np.random.default_rng(2)
    change, counted = rng.integers(-1, 2, (80, 3)).astype(float), rng.random((80, 3)) < 0.9
    change, side, cluster = change * counted, rng.integers(-1, 2, 80), rng.integers(0, 20, 80)
    plain = change_design_effect(change, counted, side, cluster)
    equal = change_design_effect(change, counted, side, cluster, weights=np.full(80, 2.5))
    np.testing.assert_allclose(equal, plain)
