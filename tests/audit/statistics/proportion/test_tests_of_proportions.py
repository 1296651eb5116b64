from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from audit.statistics.proportion.tests_of_proportions import (
    fisher_p,
    homogeneity_p,
    least_expected,
    permutation_homogeneity_p,
    score_p,
    two_sided_p,
)


def tables(largest: int, *, size: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    n1, n2 = rng.integers(1, largest, size), rng.integers(1, largest, size)
    return rng.binomial(n1, rng.random(size)), n1, rng.binomial(n2, rng.random(size)), n2


def crossed(x1: int, n1: int, x2: int, n2: int) -> list[list[int]]:
    return [[x1, n1 - x1], [x2, n2 - x2]]


@pytest.mark.parametrize("largest", [6, 60, 2000])
def test_fisher_equals_scipy(largest: int) -> None:
    rows = tables(largest, size=300, seed=largest)
    expected = [stats.fisher_exact(crossed(*row))[1] for row in zip(*rows, strict=True)]
    np.testing.assert_allclose(fisher_p(*rows), expected, rtol=0, atol=1e-10)


def test_fisher_by_hand() -> None:
    # Lady tasting tea, 3 of 4 right: (C(4,3) C(4,1) + C(4,4) C(4,0)) x 2 / C(8,4) = 34/70.
    assert float(fisher_p(3, 4, 1, 4)[0]) == pytest.approx(34 / 70, abs=1e-12)


def test_score_p_equals_scipys_chi_squared() -> None:
    rows = tables(300, size=200, seed=1)
    usable = np.array([0 < x1 + x2 < n1 + n2 for x1, n1, x2, n2 in zip(*rows, strict=True)])
    expected = [
        stats.chi2_contingency(crossed(*row), correction=False).pvalue
        for row, ok in zip(zip(*rows, strict=True), usable, strict=True)
        if ok
    ]
    np.testing.assert_allclose(score_p(*rows)[usable], expected, rtol=0, atol=1e-10)


def test_small_expected_counts_and_tails_are_tested_exactly_and_others_by_the_score() -> None:
    # Expected events of the smaller group: 10 x 6/110 = 0.55, 100 x 60/200 = 30 twice, 1000 x 600/2000 = 300.
    x1, n1 = np.array([3, 20, 27, 250]), np.array([10, 100, 100, 1000])
    x2, n2 = np.array([3, 40, 33, 350]), np.array([100, 100, 100, 1000])
    expected = least_expected(*(a.astype(float) for a in (x1, n1, x2, n2)))
    np.testing.assert_allclose(expected, [6 / 11, 30, 30, 300])
    tables = [crossed(*row) for row in zip(x1, n1, x2, n2, strict=True)]
    exact = [stats.fisher_exact(table)[1] for table in tables]
    score = [stats.chi2_contingency(table, correction=False).pvalue for table in tables]
    assert score[1] < 0.05 < score[2]
    np.testing.assert_allclose(two_sided_p(x1, n1, x2, n2), [*exact[:2], *score[2:]], rtol=1e-9)


def test_no_images_give_nan_and_no_variation_gives_one() -> None:
    p = two_sided_p([0, 3, 0, 9, 0], [0, 9, 50, 9, 0], [3, 0, 0, 8, 0], [9, 0, 60, 8, 0])
    np.testing.assert_array_equal(p, [np.nan, np.nan, 1, 1, np.nan])


def test_the_level_is_kept_under_equal_rates() -> None:
    rng = np.random.default_rng(5)
    for n1, n2, rate in [(30, 200, 0.05), (100, 100, 0.2), (8, 12, 0.5)]:
        p = two_sided_p(rng.binomial(n1, rate, 4000), n1, rng.binomial(n2, rate, 4000), n2)
        assert (p < 0.05).mean() < 0.062


def test_homogeneity_equals_scipy_row_by_row() -> None:
    rng = np.random.default_rng(2)
    n = rng.integers(20, 400, (50, 6))
    count = rng.binomial(n, 0.3)
    expected = [
        stats.chi2_contingency([x, size - x], correction=False).pvalue
        for x, size in zip(count, n, strict=True)
    ]
    np.testing.assert_allclose(homogeneity_p(count, n), expected, rtol=0, atol=1e-10)


def test_homogeneity_leaves_empty_groups_out() -> None:
    full = homogeneity_p([10, 20, 30], [100, 90, 80])
    assert homogeneity_p([10, 0, 20, 30, 0], [100, 0, 90, 80, 0]) == pytest.approx(float(full), abs=1e-14)
    assert np.isnan(homogeneity_p([3, 0], [9, 0]))
    assert np.isnan(homogeneity_p(np.zeros((2, 0)), np.zeros((2, 0)))).all()
    assert homogeneity_p([0, 0], [9, 7]) == 1


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
