from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from audit.statistics.multiplicity import benjamini_hochberg, holm, max_t

METHODS = [(holm, "holm"), (benjamini_hochberg, "fdr_bh")]


@pytest.mark.parametrize(("adjust", "method"), METHODS)
@pytest.mark.parametrize("size", [1, 2, 14, 200])
def test_adjusted_p_equals_statsmodels(adjust, method: str, size: int) -> None:
    p = np.random.default_rng(size).random(size) ** 3
    p[: size // 3] = p[0]  # ties
    np.testing.assert_allclose(adjust(p), multipletests(p, method=method)[1], rtol=0, atol=1e-10)


def test_by_hand() -> None:
    # Holm, sorted .01 .02 .04: 3 x .01, 2 x .02, 1 x .04, never falling: .03, .04, .04.
    assert holm([0.04, 0.01, 0.02]).tolist() == pytest.approx([0.04, 0.03, 0.04])
    # Benjamini-Hochberg: .01 x 3/1, .02 x 3/2, .04 x 3/3, never rising from the top: .03, .03, .04.
    assert benjamini_hochberg([0.04, 0.01, 0.02]).tolist() == pytest.approx([0.04, 0.03, 0.03])


@pytest.mark.parametrize(("adjust", "method"), METHODS)
def test_nan_stays_and_counts_for_no_test(adjust, method: str) -> None:
    p = np.array([0.03, np.nan, 0.01, np.nan, 0.5])
    adjusted = adjust(p)
    made = ~np.isnan(p)
    assert np.isnan(adjusted[~made]).all()
    np.testing.assert_allclose(adjusted[made], multipletests(p[made], method=method)[1], atol=1e-12)


@pytest.mark.parametrize(("adjust", "method"), METHODS)
def test_each_row_is_a_family_of_its_own(adjust, method: str) -> None:
    p = np.random.default_rng(0).random((4, 3, 6))
    p[0, 0, 2:] = np.nan
    p[1, 1] = np.nan
    rows = [adjust(row) for row in p.reshape(-1, 6)]
    np.testing.assert_array_equal(adjust(p), np.reshape(rows, p.shape))


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_no_tests_and_certain_ones(adjust) -> None:
    assert adjust(np.zeros(0)).shape == (0,)
    assert adjust([1.0, 0.9, 0.8]).max() <= 1


def test_max_t_by_hand() -> None:
    # Largest first: 3 against max of the rows 2.5, 3.5, 1; then 2 against what is left: 2.5, 1, 1.
    permuted = np.array([[2.5, -0.5], [1.0, 3.5], [-1.0, 0.2]])
    assert max_t([2.0, -3.0], permuted).tolist() == [0.5, 0.5]
    assert max_t([2.0, 4.0], permuted).tolist() == [0.5, 0.25]
    adjusted = max_t([np.nan, 4.0], permuted)
    assert np.isnan(adjusted[0])
    assert adjusted[1] == 0.25
