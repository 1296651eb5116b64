from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import cochrans_q

from audit.statistics.multiplicity import holm, max_t
from audit.statistics.permutation import joint_counts, permuted_counts, rest_z
from audit.statistics.tests_of_proportions import (
    cochran_q_p,
    homogeneity_p,
    permutation_homogeneity_p,
    score_p,
)


def dependent_answers(n: int, *, prompts: int, seed: int, gap: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Images of three groups; each prompt repeats most of what the image is like."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 3, n)
    image = rng.random((n, 1)) + gap * (groups == 2)[:, None]
    return (image + 0.1 * rng.standard_normal((n, prompts)) > 0.7).astype(int), groups


def test_counts_of_groups_are_plain_sums() -> None:
    events, groups = dependent_answers(200, prompts=4, seed=1)
    groups[::7] = -1
    count, n = joint_counts(events, groups)
    for group in range(3):
        assert n[group] == (groups == group).sum()
        assert count[group].tolist() == events[groups == group].sum(axis=0).tolist()


def test_permuted_tables_have_the_law_of_shuffled_labels() -> None:
    events, groups = dependent_answers(120, prompts=3, seed=2)
    drawn = permuted_counts(events, groups, replicates=3000, seed=3)
    rng = np.random.default_rng(4)
    shuffled = np.stack([joint_counts(events, rng.permutation(groups))[0] for _ in range(3000)])
    assert (drawn.sum(axis=1) == events.sum(axis=0)).all()
    np.testing.assert_allclose(drawn.mean(axis=0), shuffled.mean(axis=0), atol=0.25)
    ours, theirs = (np.cov(table.reshape(3000, -1).T) for table in (drawn, shuffled))
    np.testing.assert_allclose(ours, theirs, atol=0.5)


def test_the_statistic_is_the_score_test_against_the_rest() -> None:
    events, groups = dependent_answers(90, prompts=2, seed=5)
    count, n = joint_counts(events, groups)
    z = rest_z(count, n)
    expected = score_p(count[1], n[1], count.sum(axis=0) - count[1], n.sum() - n[1])
    np.testing.assert_allclose(2 * stats.norm.sf(np.abs(z[1])), expected, rtol=1e-10)
    assert (rest_z([[0], [0]], [4, 5]) == 0).all()
    assert np.isnan(rest_z([[3], [0]], [4, 0])).all()


def test_max_t_by_hand() -> None:
    # Largest first: 3 against max of the rows 2.5, 3.5, 1; then 2 against what is left: 2.5, 1, 1.
    permuted = np.array([[2.5, -0.5], [1.0, 3.5], [-1.0, 0.2]])
    assert max_t([2.0, -3.0], permuted).tolist() == [0.5, 0.5]
    assert max_t([2.0, 4.0], permuted).tolist() == [0.5, 0.25]
    adjusted = max_t([np.nan, 4.0], permuted)
    assert np.isnan(adjusted[0])
    assert adjusted[1] == 0.25


def test_max_t_finds_more_than_holm_among_dependent_prompts() -> None:
    events, groups = dependent_answers(240, prompts=20, seed=6, gap=0.11)
    count, n = joint_counts(events, groups)
    z = rest_z(count, n)[2]
    permuted = rest_z(permuted_counts(events, groups, replicates=2000, seed=7), n)[:, 2]
    by_holm = holm(2 * stats.norm.sf(np.abs(z)))
    assert (max_t(z, permuted) < by_holm).mean() > 0.9


def test_max_t_raises_a_false_alarm_in_one_of_twenty() -> None:
    alarms = 0
    for seed in range(100):
        events, groups = dependent_answers(90, prompts=5, seed=1000 + seed)
        count, n = joint_counts(events, groups)
        permuted = rest_z(permuted_counts(events, groups, replicates=99, seed=seed), n)
        alarms += max_t(rest_z(count, n).ravel(), permuted.reshape(99, -1)).min() <= 0.05
    assert alarms <= 11


def test_cochran_equals_statsmodels_and_accepts_patterns() -> None:
    events, _ = dependent_answers(80, prompts=4, seed=8)
    expected = cochrans_q(events).pvalue
    assert cochran_q_p(events) == pytest.approx(expected, abs=1e-10)
    patterns, images = np.unique(events, axis=0, return_counts=True)
    assert cochran_q_p(patterns, images) == pytest.approx(expected, abs=1e-10)


def test_cochran_without_a_change_or_a_second_way() -> None:
    assert cochran_q_p(np.array([[1, 1, 1], [0, 0, 0]])) == 1
    assert np.isnan(cochran_q_p(np.ones((5, 1))))
    assert np.isnan(cochran_q_p(np.zeros((0, 3))))


def test_the_permutation_test_is_near_the_sum_over_all_tables() -> None:
    # All ways to deal 9 events to 9, 8, 5 and 7 images; those with a chi-squared as large as observed count.
    count, n = np.array([1, 6, 0, 2]), np.array([9, 8, 5, 7])
    tables = np.stack(np.meshgrid(*(np.arange(size + 1) for size in n), indexing="ij"), axis=-1).reshape(
        -1, 4
    )
    tables = tables[tables.sum(axis=1) == count.sum()]
    mass = stats.multivariate_hypergeom.pmf(tables, n, count.sum())
    statistic = [
        stats.chi2_contingency([row, n - row], correction=False).statistic for row in [count, *tables]
    ]
    exact = mass[np.array(statistic[1:]) >= statistic[0] - 1e-9].sum()
    assert float(permutation_homogeneity_p(count, n, replicates=20_000)) == pytest.approx(exact, abs=0.005)


def test_the_permutation_test_agrees_with_the_law_of_large_tables_and_keeps_the_conventions() -> None:
    large = permutation_homogeneity_p([[30, 45]], [[100, 100]])
    assert large == pytest.approx(homogeneity_p([[30, 45]], [[100, 100]]), abs=0.02)
    assert np.isnan(permutation_homogeneity_p([3, 0], [5, 0]))
    assert permutation_homogeneity_p([0, 0], [5, 3]) == 1
