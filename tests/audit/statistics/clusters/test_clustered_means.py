"""Cluster-robust differences of means against loops, known cases, and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from audit.statistics.clusters.clustered_means import Studentiser, clustered_mean, mean_difference


def naive_t(values: np.ndarray, inside: np.ndarray, clusters: np.ndarray) -> float:
    """Difference over the root of the summed squared influences, cluster by cluster."""
    influence, means = dict.fromkeys(clusters.tolist(), 0.0), []
    for own, sign in ((inside, 1), (~inside, -1)):
        present = sorted(set(clusters[own].tolist()))
        mean = values[own].mean()
        means.append(mean)
        for one in present:
            residual = float((values[own & (clusters == one)] - mean).sum()) / own.sum()
            influence[one] += sign * residual * np.sqrt(len(present) / (len(present) - 1))
    return float((means[0] - means[1]) / np.sqrt(sum(part**2 for part in influence.values())))


@pytest.mark.parametrize("mixed", [False, True])
def test_t_is_that_of_loops_over_clusters(mixed: bool) -> None:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(12), rng.integers(1, 6, 12))
    labels = (rng.random(len(clusters)) < 0.5 if mixed else (np.arange(12) % 3 == 0)[clusters]).astype(int)
    values = rng.random((len(clusters), 3))
    found = Studentiser(values, clusters).t(labels[None].astype(np.int16), 1, whole=not mixed)[0, 0]
    expected = [naive_t(column, labels == 1, clusters) for column in values.T]
    assert found == pytest.approx(expected)
    one = Studentiser(values[:, :1], clusters).t(labels[None].astype(np.int16), 1, whole=not mixed)
    assert one[0, 0, 0] == pytest.approx(expected[0])


def test_of_single_images_it_is_welchs_t() -> None:
    rng = np.random.default_rng(2)
    values, inside = rng.random(50), np.arange(50) < 15
    found = mean_difference(values[:, None], inside, np.arange(50))
    welch = stats.ttest_ind(values[inside], values[~inside], equal_var=False)
    assert found.difference[0] / found.error[0] == pytest.approx(welch.statistic)
    assert found.freedom[0] == pytest.approx(welch.df)
    low, high = found.interval()
    expected = welch.confidence_interval()
    assert (low[0], high[0]) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_pairs_within_clusters_give_the_paired_t() -> None:
    """Every cluster has one image on either side: the difference of means is the mean difference."""
    rng = np.random.default_rng(3)
    person = rng.normal(size=20)
    values = np.concatenate([person + 0.1 * rng.normal(size=20), person + 0.1 * rng.normal(size=20)])
    found = mean_difference(values[:, None], np.arange(40) < 20, np.tile(np.arange(20), 2))
    paired = stats.ttest_rel(values[:20], values[20:])
    assert found.difference[0] / found.error[0] == pytest.approx(paired.statistic)
    assert found.freedom[0] == pytest.approx(19)


def test_one_cluster_on_a_side_has_no_error() -> None:
    found = mean_difference(np.arange(6.0)[:, None], np.arange(6) < 3, np.array([0, 0, 0, 1, 2, 3]))
    assert np.isnan(found.error[0]) and found.clusters == (1, 3)


def test_a_floor_keeps_a_group_without_events_from_seeming_certain() -> None:
    """Of 1,030 images 50 have the event, and none of the 30 of the group: t of -1.2, not of -7."""
    values = np.zeros(1030)
    values[30:80] = 1
    labels = (np.arange(1030) < 30).astype(np.int16)[None]
    plain, floored = (
        Studentiser(values[:, None], np.arange(1030), floor=floor).t(labels, 1, whole=True)[0, 0, 0]
        for floor in (False, True)
    )
    assert plain < -7 and -1.4 < floored < -1.1


def test_intervals_of_persons_cover_what_they_claim() -> None:
    """12 persons x 5 against 60 x 3, ICC .3: 1,000 samples, three standard errors of .95 are .021."""
    rng = np.random.default_rng(4)
    clusters = np.concatenate([np.repeat(np.arange(12), 5), 12 + np.repeat(np.arange(60), 3)])
    inside = np.arange(len(clusters)) < 60
    covered = []
    for _ in range(1000):
        values = np.sqrt(0.3) * rng.normal(size=72)[clusters] + np.sqrt(0.7) * rng.normal(size=len(clusters))
        low, high = mean_difference(values[:, None], inside, clusters).interval()
        covered.append(low[0] <= 0 <= high[0])
    assert 0.929 <= np.mean(covered) <= 0.971


def test_the_mean_of_equal_clusters_is_that_of_their_means() -> None:
    # Three persons of two images each, means 0, .5 and 1: t interval of three numbers, 2 degrees of freedom.
    mean, low, high = clustered_mean([0.0, 0.0, 0.0, 1.0, 1.0, 1.0], np.array([7, 7, 3, 3, 5, 5]))
    half = stats.t.ppf(0.975, 2) * np.std([0.0, 0.5, 1.0], ddof=1) / np.sqrt(3)
    assert (mean, low, high) == (pytest.approx(0.5), pytest.approx(0.5 - half), pytest.approx(0.5 + half))


def test_the_mean_of_unequal_clusters_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(12), rng.integers(1, 6, 12))
    x = rng.standard_normal(len(clusters)) + rng.standard_normal(12)[clusters]
    variance, weights = 0.0, []
    for one in range(12):
        share = np.mean(clusters == one)
        weights.append(share**2)
        variance += (np.sum(x[clusters == one] - x.mean()) / len(x)) ** 2 / (1 - share)
    freedom = sum(weights) ** 2 / np.sum(np.square(weights)) - 1
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    mean, low, high = clustered_mean(x, clusters)
    assert (mean, low, high) == (
        pytest.approx(x.mean()), pytest.approx(x.mean() - half), pytest.approx(x.mean() + half),
    )  # fmt: skip


def test_one_cluster_and_nothing_have_no_interval() -> None:
    assert np.isnan(clustered_mean([], np.array([], int))).all()
    mean, low, high = clustered_mean([1.0, 0.0], np.array([3, 3]))
    assert mean == 0.5
    assert np.isnan([low, high]).all()


def weighted_sides(seed: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Values, sides, clusters and whole weights of 120 images; some clusters are on both sides."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, 25, 120)
    inside = (cluster < 12) ^ (rng.random(120) < 0.1)
    values = rng.normal(size=(120, 2)) + rng.normal(size=25)[cluster][:, None]
    return values, inside, cluster, rng.integers(1, 5, 120)


def test_a_weight_is_so_many_copies_in_the_same_cluster() -> None:
    values, inside, cluster, weight = weighted_sides()
    found = mean_difference(values, inside, cluster, weights=weight)
    copies = [np.repeat(each, weight, axis=0) for each in (values, inside, cluster)]
    expected = mean_difference(*copies)
    np.testing.assert_allclose(found.difference, expected.difference)
    np.testing.assert_allclose(found.error, expected.error)
    np.testing.assert_allclose(found.freedom, expected.freedom)
    own = clustered_mean(values[:, 0], cluster, weights=weight)
    assert own == pytest.approx(clustered_mean(copies[0][:, 0], copies[2]))


def test_the_weighted_error_is_that_of_weighted_least_squares() -> None:
    """statsmodels' WLS with errors by cluster, K / (K - 1) (N - 1) / (N - 2) taken out; ours has CR2."""
    values, inside, cluster, _ = weighted_sides()
    weight = np.random.default_rng(0).lognormal(0, 0.5, len(values))
    found = mean_difference(values[:, :1], inside, cluster, weights=weight)
    design = sm.add_constant(inside.astype(float))
    fit = sm.WLS(values[:, 0], design, weights=weight).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    assert found.difference[0] == pytest.approx(fit.params[1])
    assert 1.0 < found.error[0] / fit.bse[1] < 1.15


@pytest.mark.parametrize("whole", [True, False])
def test_weighted_t_of_labelings_are_those_of_copies(whole: bool) -> None:
    values, inside, cluster, weight = weighted_sides()
    labels = (cluster < 12).astype(int) if whole else inside.astype(int)
    found = Studentiser(values, cluster, weights=weight).t(labels[None], [1], whole=whole)
    copies = [np.repeat(each, weight, axis=0) for each in (values, cluster, labels)]
    expected = Studentiser(copies[0], copies[1]).t(copies[2][None], [1], whole=whole)
    np.testing.assert_allclose(found, expected)


def test_the_floor_of_a_weighted_side_is_of_kish_images() -> None:
    """Values all alike on the first side: its variance is that of all, over W^2 / sum of squared weights."""
    values = np.array([1.0, 1, 1, 0, 1, 0, 1, 1])[:, None]
    weight = np.array([1.0, 2, 3, 1, 1, 2, 2, 4])
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    t = Studentiser(values, np.arange(8), weights=weight, floor=True).t(labels[None], [1], whole=True)
    mean = np.average(values[:, 0], weights=weight)
    variance = np.average((values[:, 0] - mean) ** 2, weights=weight)
    own, other = weight[:3], weight[3:]
    rate = np.average(values[3:, 0], weights=other)
    spread = (other**2 * (values[3:, 0] - rate) ** 2).sum() / other.sum() ** 2 * 5 / 4
    floors = [variance * (w**2).sum() / w.sum() ** 2 for w in (own, other)]
    assert t[0, 0, 0] == pytest.approx((1 - rate) / np.sqrt(floors[0] + max(spread, floors[1])))
