from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special, stats

from audit.statistics.clusters.cluster_robust import (
    LEAST_CLUSTERS,
    ClusterMoments,
    Precision,
    common_correlation,
    independent_precision,
    precision_of,
    shortened,
    side_correlation,
)


def images(seed: int, *, clusters: int, groups: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Clusters of 1 to 8 images of correlated answers: events and images [K, G]."""
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 9, size=(clusters, groups))
    return rng.binomial(n, rng.beta(0.6, 1.4, size=(clusters, 1))), n


def test_the_variance_over_clusters_by_hand() -> None:
    # Clusters of 2, 2 and 4 images with 2, 0 and 1 events: rate 3/8, residuals 2 - .75, 0 - .75, 1 - 1.5.
    # Weights 1 / (1 - 2/8) = 4/3 twice and 1 / (1 - 4/8) = 2.
    by_hand = 4 / 3 * 1.25**2 + 4 / 3 * 0.75**2 + 2 * 0.5**2
    moments = ClusterMoments.of([[2], [0], [1]], [[2], [2], [4]])
    assert moments.rate[0] == 3 / 8
    assert moments.squared_residuals[0] == pytest.approx(by_hand)
    assert (moments.with_event[0], moments.without_event[0], moments.clusters[0]) == (2, 2, 3)


def two_groups() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Answers, design (intercept and group) and cluster of single images; events and sizes [K, 2]."""
    x, n = images(3, clusters=25)
    sides = [(x[:9, 0], n[:9, 0]), (x[9:, 0], n[9:, 0])]
    answers = np.concatenate(
        [np.repeat([1.0, 0.0], [a, b - a]) for x, n in sides for a, b in zip(x, n, strict=True)]
    )
    size = np.concatenate([side[1] for side in sides])
    group = np.repeat([1.0, 0.0], [sides[0][1].sum(), sides[1][1].sum()])
    return (
        answers,
        np.column_stack([np.ones(len(group)), group]),
        np.repeat(np.arange(25), size),
        np.array(sides, dtype=object),
    )


def test_the_variance_of_a_difference_is_cr2_of_the_regression() -> None:
    """By the matrices of Bell & McCaffrey 2002: residuals of a cluster times (1 - its hat matrix)^(-1/2)."""
    answers, design, cluster, sides = two_groups()
    bread = np.linalg.inv(design.T @ design)
    residual = answers - design @ bread @ design.T @ answers
    meat = np.zeros((2, 2))
    for k in range(25):
        own = design[cluster == k]
        values, vectors = np.linalg.eigh(np.eye(len(own)) - own @ bread @ own.T)
        scores = own.T @ (vectors / np.sqrt(values)) @ vectors.T @ residual[cluster == k]
        meat += np.outer(scores, scores)
    expected = (bread @ meat @ bread)[1, 1]
    moments = [ClusterMoments.of(x[:, None].astype(float), n[:, None].astype(float)) for x, n in sides]
    ours = sum(float(one.squared_residuals[0] / one.n[0] ** 2) for one in moments)
    assert ours == pytest.approx(expected)


def test_the_variance_lies_between_those_of_statsmodels_gee() -> None:
    """The plain sandwich is too small for few clusters, that of Mancl & DeRouen 2001 too large."""
    answers, design, cluster, sides = two_groups()
    model = sm.GEE(answers, design, groups=cluster, family=sm.families.Gaussian())
    plain, reduced = (
        float(model.fit(cov_type=kind).cov_params()[1, 1]) for kind in ("robust", "bias_reduced")
    )
    moments = [ClusterMoments.of(x[:, None].astype(float), n[:, None].astype(float)) for x, n in sides]
    ours = sum(float(one.squared_residuals[0] / one.n[0] ** 2) for one in moments)
    assert plain < ours < reduced


def test_without_the_leverage_the_variance_is_that_of_statsmodels() -> None:
    x, n = images(1, clusters=40)
    answers = np.concatenate([np.repeat([1, 0], [a, b - a]) for a, b in zip(x[:, 0], n[:, 0], strict=True)])
    cluster = np.repeat(np.arange(40), n[:, 0])
    fit = sm.OLS(answers, np.ones(len(answers))).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    p = answers.mean()
    plain = ((x[:, 0] - p * n[:, 0]) ** 2).sum() / len(answers) ** 2
    assert plain == pytest.approx(float(fit.cov_params()[0, 0]))
    ours = ClusterMoments.of(x, n).squared_residuals[0] / len(answers) ** 2
    # 40 clusters: the correction is about 1 / (1 - 1/40).
    assert 1.01 < ours / plain < 1.06


def test_a_gee_with_exchangeable_images_agrees() -> None:
    x, n = images(2, clusters=300)
    answers = np.concatenate([np.repeat([1, 0], [a, b - a]) for a, b in zip(x[:, 0], n[:, 0], strict=True)])
    cluster = np.repeat(np.arange(300), n[:, 0])
    gee = sm.GEE(answers, np.ones(len(answers)), groups=cluster, cov_struct=sm.cov_struct.Exchangeable())
    fit = gee.fit()
    moments = ClusterMoments.of(x, n)
    error = np.sqrt(moments.squared_residuals[0]) / moments.n[0]
    assert error == pytest.approx(float(fit.bse[0]), rel=0.12)
    assert float(common_correlation(moments)[0]) == pytest.approx(float(gee.cov_struct.dep_params), abs=0.06)


def test_equal_clusters_have_one_degree_of_freedom_less_than_clusters() -> None:
    """If the own design effect counts alone; else divided by the square of its share in the joined one.

    The own one is 2.65: 18.5, the squared residuals over 1 - 1/5, over 30 p (1 - p), p = 11/30. Four clusters
    have an event, so the common correlation goes a fifth of the way to 1: the common one is 2, 2.4 and 6. The
    share of five clusters is taken as .8.
    """
    moments = ClusterMoments.of(np.array([[1], [0], [3], [2], [5]]), np.full((5, 1), 6))
    for correlation, freedom in ((0.0, 4.0), (0.1, 4.0), (1.0, 4 / 0.64)):
        assert precision_of(moments, correlation).freedom[0] == pytest.approx(freedom)


def test_a_group_that_answers_alike_keeps_its_own_design_effect() -> None:
    """Twelve clusters that answer as one each, among others whose images are independent."""
    moments = ClusterMoments.of(np.array([[6], [0]] * 6), np.full((12, 1), 6))
    found = precision_of(moments, 0.0)
    # Squared residuals 12 x 9 over 1 - 1/12, over 72 / 4.
    assert 72 / found.effective[0] == pytest.approx(108 * 12 / 11 / 18)
    assert found.freedom[0] == pytest.approx(11)


def test_one_large_cluster_leaves_few_degrees_of_freedom() -> None:
    moments = ClusterMoments.of(np.array([[20], *[[1]] * 20]), np.array([[40], *[[2]] * 20]))
    # 21 clusters: the share of the own design effect is 21 / 26.
    assert precision_of(moments, 1.0).freedom[0] * (21 / 26) ** 2 == pytest.approx(1.0, abs=0.2)


def test_images_that_are_each_a_cluster_are_taken_as_they_are() -> None:
    found = precision_of(ClusterMoments.of(np.array([[1], [0], [0]]), np.ones((3, 1))), 0.4)
    assert found.effective[0] == 3
    assert np.isinf(found.freedom[0])
    assert found.enough[0]


@pytest.mark.parametrize("events", [0, 6])
def test_without_variance_clusters_count_as_images(events: int) -> None:
    moments = ClusterMoments.of(np.full((12, 1), events), np.full((12, 1), 6))
    # Nothing tells the correlation, so it is 1: a cluster of six equal images is one image.
    assert float(common_correlation(moments)[0]) == 1
    assert precision_of(moments, common_correlation(moments)).effective[0] == pytest.approx(12)


def test_equal_answers_within_a_cluster_are_a_correlation_of_one() -> None:
    moments = ClusterMoments.of(np.array([[6], [0]] * 50), np.full((100, 1), 6))
    assert float(common_correlation(moments)[0]) == pytest.approx(1, abs=1e-9)
    assert precision_of(moments, 1.0).effective[0] == pytest.approx(100, rel=0.02)


def test_few_clusters_do_not_suffice() -> None:
    for clusters in (LEAST_CLUSTERS - 1, LEAST_CLUSTERS):
        x = np.tile([[1], [0]], (clusters, 1))[:clusters]
        found = precision_of(ClusterMoments.of(x, np.full((clusters, 1), 2)), 0.2)
        assert bool(found.enough[0]) == (clusters >= LEAST_CLUSTERS)


def test_sides_of_the_same_clusters_are_correlated_and_others_are_not() -> None:
    x, n = images(3, clusters=60, groups=2)
    shared = side_correlation(x[:, [0]], n[:, [0]], x[:, [1]], n[:, [1]])[0]
    assert 0.2 < shared < 1
    half = np.arange(60)[:, None] < 30
    apart = [np.where(half, a[:, [0]], 0) for a in (x, n)] + [np.where(half, 0, a[:, [1]]) for a in (x, n)]
    assert side_correlation(*apart)[0] == 0
    assert side_correlation(x[:, [0]], n[:, [0]], x[:, [0]], n[:, [0]])[0] == pytest.approx(1)


def test_shortened_replaces_the_normal_quantile() -> None:
    size = shortened(100.0, 9.0, confidence=0.95)
    z, t = stats.norm.ppf(0.975), stats.t.ppf(0.975, 9)
    assert float(size) == pytest.approx(100 * (z / t) ** 2)
    assert float(shortened(100.0, np.inf)) == float(shortened(100.0, np.nan)) == 100


def test_other_groups_are_all_less_one() -> None:
    x, n = images(4, clusters=30, groups=3)
    nested = np.arange(30)[:, None] % 3 == np.arange(3)
    x, n = np.where(nested, x, 0), np.where(nested, n, 0)
    whole = ClusterMoments.of(x.sum(axis=1, keepdims=True), n.sum(axis=1, keepdims=True))
    rest = whole - ClusterMoments.of(x[:, [0]], n[:, [0]])
    direct = ClusterMoments.of(x[:, 1:].sum(axis=1, keepdims=True), n[:, 1:].sum(axis=1, keepdims=True))
    assert rest.count[0] == direct.count[0]
    assert rest.squared_residuals[0] == pytest.approx(direct.squared_residuals[0], rel=0.15)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
def test_the_effective_size_is_that_of_the_law(correlation: float) -> None:
    # 200 clusters of 5: design effect 1 + 4 rho.
    rng = np.random.default_rng(5)
    a = (1 - correlation) / max(correlation, 1e-9)
    rate = rng.beta(0.3 * a, 0.7 * a, size=(300, 200, 1)) if correlation else np.full((300, 200, 1), 0.3)
    moments = ClusterMoments.of(rng.binomial(5, rate), np.full((200, 1), 5))
    found = precision_of(moments, common_correlation(moments))
    assert float(np.median(found.effective)) == pytest.approx(1000 / (1 + 4 * correlation), rel=0.06)


def test_independent_precision() -> None:
    found = independent_precision([3, 5])
    assert isinstance(found, Precision)
    np.testing.assert_array_equal(found.effective, [3, 5])
    assert special.stdtr(found.freedom[0], 0.0) == 0.5


def test_without_an_event_a_group_tells_as_much_as_its_clusters() -> None:
    """Ten clusters of 8 images without an event, others hardly alike: 80 images are worth 10.

    With one such cluster, the correlation .1 goes four fifths of the way to 1, to .82.
    """
    n, other = np.full((10, 2), 8), np.arange(10) % 3
    none = ClusterMoments.of(np.column_stack([np.zeros(10), other]), n)
    assert precision_of(none, 0.1).effective[0] == pytest.approx(10)
    one = ClusterMoments.of(np.column_stack([np.eye(10)[0], other]), n)
    # Of one image in 80: squared residuals (1 - .1)^2 + 9 x .1^2 = .9 over 1 - 1/10, over 80 p (1 - p).
    own = (0.9 / 0.9) / (80 * 0.0125 * 0.9875)
    joined = (1 * own + 5 * (1 + 7 * 0.82)) / 6
    assert precision_of(one, 0.1).effective[0] == pytest.approx(80 / joined)
    # Another audit like it: the common one counts for twenty clusters.
    assert precision_of(one, 0.1).foreseen[0] == pytest.approx(80 / ((own + 20 * (1 + 7 * 0.82)) / 21))


def test_five_clusters_with_an_event_take_the_common_correlation_as_it_is() -> None:
    # Six of ten clusters have one event of 8 images; their own design effect is below the common one.
    count = np.repeat([[1.0], [0.0]], [6, 4], axis=0)
    moments = ClusterMoments.of(count, np.full((10, 1), 8))
    p = 6 / 80
    own = ((6 * (1 - 8 * p) ** 2 + 4 * (8 * p) ** 2) / 0.9) / (80 * p * (1 - p))
    joined = (6 * own + 5 * (1 + 7 * 0.1)) / 11
    assert precision_of(moments, 0.1).effective[0] == pytest.approx(80 / joined)
