from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from audit.statistics.proportion.exact_intervals import exact_difference, exact_ratio
from audit.statistics.proportion.intervals import newcombe

HARD = np.array([1e-4, 0.002, 0.03, 0.2, 0.5, 0.8, 0.97, 0.9995])


def every_table(n1: int, n2: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(n1 + 1)[:, None], np.arange(n2 + 1)[None, :]


def chance(n: int, rate: float) -> np.ndarray:
    return stats.binom.pmf(np.arange(n + 1), n, rate)


@pytest.mark.parametrize("confidence", [0.95, 0.9998])
@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (2, 100), (7, 13), (40, 40), (20, 300)])
def test_coverage_over_all_tables_is_never_below_the_claim(n1: int, n2: int, confidence: float) -> None:
    x1, x2 = every_table(n1, n2)
    difference = exact_difference(x1, n1, x2, n2, confidence=confidence)
    ratio = exact_ratio(x1, n1, x2, n2, confidence=confidence)
    for p1 in HARD:
        for p2 in HARD:
            for (low, high), truth in ((difference, p1 - p2), (ratio, p1 / p2)):
                covered = (low <= truth) & (truth <= high)
                assert chance(n1, p1) @ covered @ chance(n2, p2) >= confidence


def test_newcombes_coverage_is_below_at_rates_near_0_and_1() -> None:
    # Why gates do not stand on it: of 7 and 13 images, rates of .05 and .95, nominal .9998.
    x1, x2 = every_table(7, 13)
    low, high = newcombe(x1, 7, x2, 13, confidence=0.9998)
    covered = (low <= -0.9) & (high >= -0.9)
    assert chance(7, 0.05) @ covered @ chance(13, 0.95) < 0.99


def test_equal_sizes_share_the_error_equally() -> None:
    # (1 - a)^2 = 1 - .025, and each limit is Clopper and Pearson's at a one-sided a.
    a = 1 - np.sqrt(0.975)
    (low1, high1), (low2, high2) = (proportion_confint(x, 60, alpha=2 * a, method="beta") for x in (9, 31))
    assert exact_difference(9, 60, 31, 60) == pytest.approx((low1 - high2, high1 - low2), abs=1e-10)
    assert exact_ratio(9, 60, 31, 60) == pytest.approx((low1 / high2, high1 / low2), abs=1e-10)


def test_it_contains_newcombes_interval_at_ordinary_rates() -> None:
    x1, x2 = np.meshgrid(np.arange(0, 51, 5), np.arange(0, 401, 40))
    low, high = exact_difference(x1, 50, x2, 400)
    inner_low, inner_high = newcombe(x1, 50, x2, 400)
    assert (low <= inner_low).all()
    assert (high >= inner_high).all()


def test_empty_groups_are_nan_and_no_event_in_the_second_gives_no_upper_ratio() -> None:
    for interval in (exact_difference, exact_ratio):
        assert np.isnan(interval([0, 3], [0, 9], [2, 0], [9, 0])).all()
    low, high = exact_ratio([0, 4], 10, 0, 10)
    assert low[0] == 0
    assert low[1] > 0
    assert np.isposinf(high).all()
