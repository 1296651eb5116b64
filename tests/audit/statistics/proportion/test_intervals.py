from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    score_test_proportions_2indep,
)

from audit.statistics.proportion.intervals import (
    clopper_pearson,
    katz,
    koopman,
    newcombe,
    normal_quantile,
    wilson,
)

COUNTS = np.array([0, 1, 2, 5, 20, 20, 1, 3, 499, 0])
SIZES = np.array([1, 1, 3, 20, 20, 200, 1000, 7, 1000, 10_000])


@st.composite
def proportions(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 5000))
    return draw(st.integers(0, n)), n


def two_samples(*, seed: int = 3, size: int = 100) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    n1, n2 = rng.integers(2, 300, size), rng.integers(2, 300, size)
    x1, x2 = (rng.binomial(n, rng.uniform(0.02, 0.98, size)) for n in (n1, n2))
    return x1, n1, x2, n2


@pytest.mark.parametrize(("ours", "method"), [(wilson, "wilson"), (clopper_pearson, "beta")])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_intervals_of_a_proportion_equal_statsmodels(ours, method: str, confidence: float) -> None:
    low, high = ours(COUNTS, SIZES, confidence=confidence)
    expected = proportion_confint(COUNTS, SIZES, alpha=1 - confidence, method=method)
    np.testing.assert_allclose([low, high], expected, rtol=0, atol=1e-10)


def test_clopper_pearson_gives_the_published_interval() -> None:
    # Radford et al. 2021, section 7.1: 14.4 % of about 1,400 images, interval 12.6 to 16.4 %.
    low, high = clopper_pearson(202, 1400)
    assert (round(100 * float(low), 2), round(100 * float(high), 2)) == (12.63, 16.38)


def test_clopper_pearson_without_events_is_the_closed_form() -> None:
    # (1 - p)^n = 0.025 at the upper limit.
    assert float(clopper_pearson(0, 20)[1]) == pytest.approx(1 - 0.025 ** (1 / 20), abs=1e-12)


@pytest.mark.parametrize(("ours", "least"), [(wilson, 0.83), (clopper_pearson, 0.95)])
def test_coverage_is_exact_arithmetic_over_the_binomial(ours, least: float) -> None:
    n = 30
    low, high = ours(np.arange(n + 1), n)
    grid = np.linspace(0.005, 0.995, 199)
    mass = stats.binom.pmf(np.arange(n + 1)[:, None], n, grid)
    coverage = (mass * ((low[:, None] <= grid) & (grid <= high[:, None]))).sum(axis=0)
    assert coverage.min() >= least
    assert 0.945 <= coverage.mean() <= 0.985


def test_katz_equals_statsmodels_and_scipy() -> None:
    x1, n1, x2, n2 = two_samples()
    inside = (x1 > 0) & (x2 > 0) & (x1 < n1) & (x2 < n2)
    rows = list(zip(*(a[inside] for a in (x1, n1, x2, n2)), strict=True))
    ours = np.transpose(katz(*np.transpose(rows)))
    expected = [confint_proportions_2indep(*row, method="log", compare="ratio") for row in rows]
    np.testing.assert_allclose(ours, expected, rtol=1e-10)
    scipy_interval = stats.contingency.relative_risk(*map(int, rows[0])).confidence_interval(0.95)
    assert tuple(ours[0]) == pytest.approx((scipy_interval.low, scipy_interval.high), rel=1e-10)


def test_katz_refuses_zero_cells_and_certainty() -> None:
    # Without events the standard error is infinite; with events only it is 0, a width of zero.
    low, high = katz([0, 4, 0, 10], [10, 10, 10, 10], [4, 0, 0, 8], [10, 10, 10, 8])
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_koopman_equals_statsmodels_where_no_cell_is_zero() -> None:
    x1, n1, x2, n2 = two_samples()
    inside = (x1 > 0) & (x2 > 0) & (x1 < n1) & (x2 < n2)
    rows = list(zip(*(a[inside] for a in (x1, n1, x2, n2)), strict=True))
    ours = np.transpose(koopman(*np.transpose(rows)))
    expected = [
        confint_proportions_2indep(*row, method="score", compare="ratio", correction=False) for row in rows
    ]
    # As far as the root finder of statsmodels goes: brentq stops at 2e-12 of an absolute ratio.
    np.testing.assert_allclose(ours, expected, rtol=1e-8)
    score = score_test_proportions_2indep(*rows[0], value=ours[0, 0], compare="ratio", correction=False)
    assert score.statistic == pytest.approx(normal_quantile(0.95), abs=1e-10)


@pytest.mark.parametrize("row", [(0, 20, 5, 30), (15, 15, 63, 118), (14, 137, 5, 5), (7, 7, 9, 9)])
def test_koopman_limits_at_zero_cells_are_where_the_score_is_z(row: tuple[int, ...]) -> None:
    # statsmodels' search for the limits fails here, its score does not.
    limits = [float(limit) for limit in koopman(*row)]
    for limit, expected in zip(limits, [normal_quantile(0.95), -normal_quantile(0.95)], strict=True):
        if limit > 0:
            test = score_test_proportions_2indep(*row, value=limit, compare="ratio", correction=False)
            assert test.statistic == pytest.approx(expected, abs=1e-7)


def test_koopman_without_events() -> None:
    low, high = koopman([0, 6, 0], [10, 10, 10], [6, 0, 0], [10, 10, 10])
    assert low[0] == 0
    assert 0 < high[0] < 1
    assert 1 < low[1] < math.inf
    assert high[1] == math.inf
    assert (low[2], high[2]) == (0, math.inf)


def test_koopman_by_hand_where_all_have_the_event() -> None:
    # p2 = 1/ratio at the restricted maximum, so the score is n2 (ratio - 1): the limit is 1 + z^2/n2.
    low, high = koopman(10, 10, 20, 20)
    assert float(high) == pytest.approx(1 + 1.959963984540054**2 / 20, rel=1e-10)
    assert float(low) == pytest.approx(1 / (1 + 1.959963984540054**2 / 10), rel=1e-10)


@settings(deadline=None)
@given(proportions())
def test_an_interval_of_a_proportion_contains_it_and_stays_inside(pair: tuple[int, int]) -> None:
    count, n = pair
    for low, high in (wilson(count, n), clopper_pearson(count, n)):
        assert 0 <= low <= count / n <= high <= 1
        assert low < high


@settings(deadline=None, max_examples=50)
@given(proportions(), proportions())
def test_difference_and_ratio_turn_round_with_the_groups(one: tuple[int, int], two: tuple[int, int]) -> None:
    low, high = newcombe(*one, *two)
    assert -1 <= low <= one[0] / one[1] - two[0] / two[1] <= high <= 1
    assert low < high
    np.testing.assert_allclose(newcombe(*two, *one), (-high, -low), atol=1e-12)
    low, high = koopman(*one, *two)
    with np.errstate(divide="ignore"):
        mirrored = np.divide(1.0, [high, low])
    np.testing.assert_allclose(koopman(*two, *one), mirrored, rtol=1e-9)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_no_images_give_nan_and_shapes_broadcast(interval) -> None:
    low, high = interval([[0], [2]], [4, 4, 10])
    assert low.shape == high.shape == (2, 3)
    assert np.isnan(interval(0, 0)).all()


@pytest.mark.parametrize("interval", [newcombe, katz, koopman])
@pytest.mark.parametrize("row", [(0, 0, 3, 10), (3, 10, 0, 0), (0, 0, 0, 0)])
def test_a_contrast_with_an_empty_group_is_nan(interval, row: tuple[int, ...]) -> None:
    assert np.isnan(interval(*row)).all()
