"""Multiple imputation of labels, against loops and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from audit.statistics.variation.annotator_disagreement import drawn_labels, imputed_difference


def test_without_disagreement_it_is_the_cluster_robust_interval() -> None:
    # Group 0: 3 of 4 events, group 1: 1 of 4; every image is a cluster; three annotators agree.
    event = np.array([1, 1, 1, 0, 1, 0, 0, 0], bool)
    votes = np.repeat(np.array([0, 0, 0, 0, 1, 1, 1, 1])[:, None], 3, axis=1)
    found = imputed_difference(event, votes, group=0, clusters=np.arange(8), imputations=10)
    assert found.difference == 0.5 and found.disagreement == 0 and found.share_of_variance == 0
    # Influences: (y - .75) / 4 and (.25 - y) / 4: their squares sum to 2 * (3 * .25^2 + .75^2) / 16 = .09375.
    # Variance .09375 * 8 / 7; degrees of freedom (6 + 1) / (6 + 3) * 6 = 4.667.
    half = stats.t.ppf(0.975, 7 / 9 * 6) * np.sqrt(0.09375 * 8 / 7)
    assert (found.low, found.high) == (pytest.approx(0.5 - half), pytest.approx(0.5 + half))


def test_disagreement_widens_the_interval_by_rubins_rule() -> None:
    rng = np.random.default_rng(1)
    event = rng.random(60) < 0.5
    truth = np.arange(60) % 2
    votes = np.where(rng.random((60, 3)) < 0.3, 1 - truth[:, None], truth[:, None])
    votes[:5, 2] = -1
    clusters = np.arange(60) // 3
    found = imputed_difference(event, votes, group=0, clusters=clusters, imputations=40, seed=7)
    draws, differences, variances = np.random.default_rng(7), [], []
    for _ in range(40):
        own = drawn_labels(votes, draws) == 0
        p, q = event[own].mean(), event[~own].mean()
        sums = [
            sum((event[i] - p) / own.sum() if own[i] else (q - event[i]) / (~own).sum()
                for i in range(60) if clusters[i] == c)
            for c in range(20)
        ]  # fmt: skip
        differences.append(p - q)
        variances.append(sum(s**2 for s in sums) * 20 / 19)
    between = 41 / 40 * np.var(differences, ddof=1)
    assert found.difference == pytest.approx(np.mean(differences))
    assert found.share_of_variance == pytest.approx(between / (between + np.mean(variances)))
    plain = 2 * stats.t.ppf(0.975, 18) * np.sqrt(np.mean(variances))
    assert found.high - found.low > plain


def test_a_label_is_drawn_from_those_that_were_given() -> None:
    votes = np.array([[0, -1, -1], [1, 1, -1], [0, 1, -1]])
    drawn = np.stack([drawn_labels(votes, np.random.default_rng(seed)) for seed in range(200)])
    assert set(drawn[:, 0]) == {0} and set(drawn[:, 1]) == {1}
    assert 0.35 < drawn[:, 2].mean() < 0.65


def test_intervals_cover_where_there_is_no_gap() -> None:
    """Events do not depend on the group, labels are noisy: 95 % of the intervals hold zero."""
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(200):
        truth = rng.integers(0, 2, 80)
        votes = np.where(rng.random((80, 3)) < 0.2, 1 - truth[:, None], truth[:, None])
        event = rng.random(80) < 0.4
        found = imputed_difference(event, votes, group=0, clusters=np.arange(80), imputations=20, seed=seed)
        held += found.low <= 0 <= found.high
    assert held >= 182  # 200 times .95 less 2.6 standard deviations of 3.1


def test_an_empty_side_and_one_cluster_have_no_interval() -> None:
    event, votes = np.array([True, False]), np.array([[0], [0]])
    assert np.isnan(imputed_difference(event, votes, group=0, clusters=np.arange(2)).low)
    two = np.array([[0], [1]])
    assert np.isnan(imputed_difference(event, two, group=0, clusters=np.zeros(2, np.int64)).low)
