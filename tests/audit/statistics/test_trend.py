"""Trends: by hand, against statsmodels, and by simulation of equal rates."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from audit.statistics.trend import LevelCounts, grouped_logistic, linear_trend, natural_spline, smooth_rate

Images = tuple[np.ndarray, np.ndarray, np.ndarray]


def draw(seed: int, *, slope: float = 0.0, clusters: int = 60, levels: int = 7) -> Images:
    """Event, score and cluster of images; persons have one score each and a chance of their own."""
    generator = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), generator.integers(1, 6, clusters))
    score = generator.integers(0, levels, clusters)[cluster].astype(float)
    logit = -0.5 + slope * (score - levels / 2) + generator.normal(0, 1, clusters)[cluster]
    return (generator.random(len(cluster)) < 1 / (1 + np.exp(-logit))).astype(float), score, cluster


def counts_of(event: np.ndarray, score: np.ndarray, cluster: np.ndarray) -> LevelCounts:
    levels = np.unique(score)
    shape = (cluster.max() + 1, len(levels))
    images, events = np.zeros(shape), np.zeros(shape)
    place = np.searchsorted(levels, score)
    np.add.at(images, (cluster, place), 1)
    np.add.at(events, (cluster, place), event)
    return LevelCounts(events=events, images=images, scores=levels)


def test_armitage_by_hand() -> None:
    """Three levels of 10 images with 2, 5, 8 events: T = 6 and Sxx = 20, so slope 0.3.

    Variance under equal rates: 0.5 x 0.5 x 20 = 5, so z = 6 / sqrt 5 = 2.6833 and p = 0.00729.
    """
    trend = linear_trend(LevelCounts.independent([2, 5, 8], [10, 10, 10], [0, 1, 2]))
    assert trend.slope == pytest.approx(0.3)
    assert trend.p == pytest.approx(2 * stats.norm.sf(6 / np.sqrt(5)))
    assert trend.slope_low < 0.3 < trend.slope_high


@pytest.mark.parametrize("slope", [0.0, 0.4])
def test_slopes_equal_statsmodels(slope: float) -> None:
    """OLS and Logit with clustered covariance: estimates and standard errors to nine digits."""
    event, score, cluster = draw(3, slope=slope)
    counts = counts_of(event, score, cluster)
    design = sm.add_constant(score)
    kept = {"cov_type": "cluster", "cov_kwds": {"groups": cluster}}
    ols, logit = sm.OLS(event, design).fit(**kept), sm.Logit(event, design).fit(disp=0, **kept)
    t = stats.t.ppf(0.975, counts.clusters - 1)
    trend = linear_trend(counts)
    assert trend.slope == pytest.approx(ols.params[1], abs=1e-9)
    assert trend.slope_high - trend.slope == pytest.approx(t * ols.bse[1], rel=1e-7)
    assert np.log(trend.odds_ratio) == pytest.approx(logit.params[1], abs=1e-8)
    assert np.log(trend.odds_ratio_high / trend.odds_ratio) == pytest.approx(t * logit.bse[1], rel=1e-6)


def test_independent_images_are_clusters_of_one() -> None:
    event, score, _ = draw(5, slope=0.3)
    each = counts_of(event, score, np.arange(len(event)))
    levels = np.unique(score)
    n = np.array([(score == level).sum() for level in levels])
    x = np.array([event[score == level].sum() for level in levels])
    whole = linear_trend(LevelCounts.independent(x, n, levels))
    single = linear_trend(each)
    for name in ("slope", "slope_low", "slope_high", "odds_ratio", "odds_ratio_low"):
        assert getattr(whole, name) == pytest.approx(getattr(single, name), rel=1e-9)


def test_the_test_keeps_its_level_with_clusters() -> None:
    """400 audits of equal rates: 5 % of p below 0.05, within three standard errors (0.033)."""
    p = np.array([linear_trend(counts_of(*draw(seed))).p for seed in range(400)])
    assert abs((p < 0.05).mean() - 0.05) < 0.033


def test_without_events_levels_or_clusters_nothing_is_told() -> None:
    for x, n in (([0, 0, 0], [5, 5, 5]), ([5, 5, 5], [5, 5, 5]), ([1, 0, 0], [5, 0, 0])):
        assert np.isnan(linear_trend(LevelCounts.independent(x, n, [1, 2, 3])).p)


def test_separated_levels_have_no_odds_ratio_but_a_slope() -> None:
    """All events at the highest level: no finite log odds is best."""
    trend = linear_trend(LevelCounts.independent([0, 0, 9], [9, 9, 9], [1, 2, 3]))
    assert trend.slope > 0
    assert np.isnan([trend.odds_ratio, trend.odds_ratio_low, trend.odds_ratio_high]).all()
    assert trend.p < 0.001


def test_a_natural_spline_is_linear_beyond_its_knots() -> None:
    at = np.array([-3.0, -2.0, -1.0, 11.0, 12.0, 13.0])
    columns = natural_spline(at, [0, 3, 6, 10])
    assert (columns[:3] == 0).all()
    np.testing.assert_allclose(columns[3] - 2 * columns[4] + columns[5], 0, atol=1e-9)


def test_a_curve_finds_a_hump_and_not_a_line() -> None:
    """A rate of 0.2, 0.5, 0.2 over seven levels is curved; a straight log odds is not."""
    s = np.arange(7.0)
    n = np.full(7, 200.0)
    hump = smooth_rate(LevelCounts.independent(np.round(n * (0.5 - 0.033 * (s - 3) ** 2)), n, s))
    line = smooth_rate(LevelCounts.independent(np.round(n / (1 + np.exp(1 - 0.3 * s))), n, s))
    assert hump is not None and line is not None
    assert hump.curved_p < 1e-6 < 0.2 < line.curved_p
    assert hump.rate.max() == pytest.approx(0.5, abs=0.05)
    assert (hump.low < hump.rate).all() and (hump.rate < hump.high).all()


def test_too_few_levels_or_clusters_have_no_curve() -> None:
    assert smooth_rate(LevelCounts.independent([1, 2, 3], [9, 9, 9], [1, 2, 3])) is None
    event, score, cluster = draw(1, clusters=8)
    assert smooth_rate(counts_of(event, score, cluster)) is None


def test_a_basis_of_lower_rank_has_no_fit() -> None:
    counts = LevelCounts.independent([1, 2, 3], [9, 9, 9], [1, 2, 3])
    fit = grouped_logistic(counts, np.ones((3, 2)))
    assert np.isnan(fit.coefficients).all()
