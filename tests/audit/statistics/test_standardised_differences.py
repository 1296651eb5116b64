"""Studentised permutation tests and intervals of C-ASC, SC-WEAT and WEAT."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm

from audit.statistics.standardised_differences import (
    labeling_test,
    mean_difference_variance,
    standardised_interval,
)


def welch(values: np.ndarray, first: np.ndarray) -> float:
    one, other = values[first], values[~first]
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return float((one.mean() - other.mean()) / error)


def test_p_is_a_count_of_all_splits() -> None:
    values, labels = np.random.default_rng(2).normal(size=9), np.repeat([0, 1], [4, 5])
    splits = [np.isin(np.arange(9), split) for split in combinations(range(9), 4)]
    t = np.array([welch(values, split) for split in splits])
    observed = welch(values, labels == 0)
    two = labeling_test(values[:, None], labels, 0, np.arange(9), permutations=99, seed=0)
    one = labeling_test(values[:, None], labels, 0, np.arange(9), permutations=99, seed=0, one_sided=True)
    assert two.exact and two.labelings == 126
    assert two.p[0, 0] == pytest.approx((np.abs(t) >= abs(observed) - 1e-9).mean())
    assert one.p[0, 0] == pytest.approx((t >= observed - 1e-9).mean())


def test_splits_of_few_people_are_all_looked_at() -> None:
    """Four people of one to three images, two of them in the first group: six splits."""
    clusters = np.array([0, 0, 1, 2, 2, 2, 3])
    values = np.array([3.0, 2.0, 4.0, 1.0, 0.0, 2.0, 1.5])
    found = labeling_test(
        values[:, None], np.repeat([0, 1], [3, 4]), 0, clusters, permutations=99, seed=0, one_sided=True
    )
    assert found.exact and found.labelings == 6
    assert found.p[0, 0] * 6 == pytest.approx(round(found.p[0, 0] * 6))


def test_many_splits_are_sampled_and_no_p_is_zero() -> None:
    values = np.concatenate([np.ones(30) + np.arange(30) / 99, -np.ones(30) - np.arange(30) / 99])
    found = labeling_test(values[:, None], np.repeat([0, 1], 30), 0, np.arange(60), permutations=99, seed=0)
    assert not found.exact and (found.p[0, 0], found.labelings) == (1 / 100, 100)


def test_the_largest_of_a_scan_of_noise_is_no_finding() -> None:
    """200 words x 9 groups of noise: uncorrected, about 90 lie below .05; corrected, none does."""
    rng = np.random.default_rng(11)
    values, labels = rng.normal(size=(300, 200)), rng.integers(0, 9, 300)
    for correction in ("max_t", "bh"):
        found = labeling_test(
            values, labels, np.arange(9), np.arange(300), permutations=199, seed=0, correction=correction
        )  # type: ignore[arg-type]
        assert (found.p < 0.05).sum() > 50
        assert found.p_adjusted.min() > 0.05


def test_a_planted_association_survives_the_correction() -> None:
    rng = np.random.default_rng(7)
    values, labels = rng.normal(size=(300, 50)), rng.integers(0, 4, 300)
    values[labels == 2, 13] += 1.5
    found = labeling_test(values, labels, np.arange(4), np.arange(300), permutations=499, seed=0)
    assert np.argwhere(found.p_adjusted < 0.05).tolist().count([2, 13]) == 1
    low, _ = standardised_interval(values, labels == 2, np.arange(300))
    assert low[13] > 0.9


def test_a_group_of_one_cluster_has_no_p_and_no_interval() -> None:
    rng = np.random.default_rng(0)
    labels, clusters = np.repeat([0, 1], 6), np.array([0] * 6 + [1, 1, 2, 2, 3, 3])
    found = labeling_test(rng.normal(size=(12, 1)), labels, [0, 1], clusters, permutations=9, seed=0)
    assert np.isnan(found.p).all()
    assert np.isnan(standardised_interval(rng.normal(size=(12, 1)), labels == 0, clusters)).all()


def test_the_variance_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(15), rng.integers(1, 6, 15))
    inside = rng.random(len(clusters)) < 0.4
    values = rng.normal(size=(len(clusters), 1))
    fitted = sm.OLS(values[:, 0], sm.add_constant(inside.astype(float))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    assert mean_difference_variance(values, inside, clusters)[0] == pytest.approx(fitted.bse[1] ** 2)


@pytest.mark.parametrize(("n", "sd"), [((20, 200), (3.0, 1.0)), ((200, 20), (3.0, 1.0))])
def test_unequal_variances_and_sizes_keep_the_level(n: tuple[int, int], sd: tuple[float, float]) -> None:
    """300 samples: three standard errors above .05 are .088; unstudentised, 20 with sd 3 reject in .5."""
    rng = np.random.default_rng(n[0])
    labels = np.repeat([0, 1], n)
    alarms = []
    for seed in range(300):
        values = np.concatenate([sd[0] * rng.normal(size=n[0]), sd[1] * rng.normal(size=n[1])])
        found = labeling_test(values[:, None], labels, 0, np.arange(sum(n)), permutations=199, seed=seed)
        alarms.append(found.p[0, 0] <= 0.05)
    assert np.mean(alarms) <= 0.088


def test_intervals_cover_the_effect_of_persons() -> None:
    """30 against 60 persons x 4, an effect of one standard deviation between persons; 400 samples."""
    rng = np.random.default_rng(8)
    clusters = np.repeat(np.arange(90), 4)
    inside = clusters < 30
    # The population's sd of all images, a third of them shifted by 1: sqrt(.5 + .5 + 1 * 2/9).
    truth = 1 / np.sqrt(1 + 2 / 9)
    covered = []
    for _ in range(400):
        noise = np.sqrt(0.5) * (rng.normal(size=90)[clusters] + rng.normal(size=360))
        low, high = standardised_interval((noise + inside)[:, None], inside, clusters)
        covered.append(low[0] <= truth <= high[0])
    assert 0.917 <= np.mean(covered) <= 0.983


def test_weighted_interval_and_test_of_equal_weights_are_the_plain_ones() -> None:
    rng = np.random.default_rng(0)
    values, inside = rng.normal(size=(80, 2)), np.arange(80) < 30
    cluster, weights = rng.integers(0, 30, 80), np.full(80, 1.7)
    np.testing.assert_allclose(
        standardised_interval(values, inside, cluster, weights=weights),
        standardised_interval(values, inside, cluster),
    )
    equal, plain = (
        labeling_test(values, inside.astype(int), [1], cluster, permutations=199, seed=0, weights=w)
        for w in (weights, None)
    )
    np.testing.assert_allclose(equal.p, plain.p)


def test_a_weighted_standardised_difference_is_covered() -> None:
    """Weights that go with the value: the interval covers the weighted effect of the population."""
    rng, covered = np.random.default_rng(1), 0
    base = rng.normal(size=200_000)
    heavy = np.exp(0.5 * base)
    spread = np.sqrt(np.average((base - np.average(base, weights=heavy)) ** 2, weights=heavy))
    # The second side is the same population moved by half a unit: so is its weighted mean.
    both = np.concatenate([base, base + 0.5])
    w = np.tile(heavy, 2)
    truth = -0.5 / np.sqrt(np.average((both - np.average(both, weights=w)) ** 2, weights=w))
    assert spread == pytest.approx(1.0, abs=0.02)
    for _ in range(300):
        x = rng.normal(size=160)
        inside = np.arange(160) < 60
        values = np.where(inside, x, x + 0.5)[:, None]
        low, high = standardised_interval(values, inside, np.arange(160), weights=np.exp(0.5 * x))
        covered += low[0] <= truth <= high[0]
    assert 0.91 <= covered / 300 <= 0.985
