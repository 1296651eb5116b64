from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from audit.statistics.power import cautious_rate, smallest_detectable_gap


@pytest.mark.parametrize(("n", "expected"), [(100, 0.159), (780, 0.057)])
def test_published_values_at_a_rate_of_one_fifth(n: int, expected: float) -> None:
    # (1.95996 + 0.84162) sqrt(0.2 x 0.8 x 2/n) = 2.80158 x 0.056569 = 0.15848 at n = 100.
    assert float(smallest_detectable_gap(0.2, n, n)) == pytest.approx(expected, abs=6e-4)


def test_bonferroni_over_91_pairs() -> None:
    assert float(smallest_detectable_gap(0.2, 780, 780, alpha=0.05 / 91)) == pytest.approx(0.087, abs=5e-4)


def test_a_gap_of_this_size_is_found_in_four_of_five_simulations() -> None:
    gap = float(smallest_detectable_gap(0.3, 400, 300))
    rng = np.random.default_rng(11)
    p1, p2 = (
        rng.binomial(400, 0.3 + gap * 3 / 7, 20_000) / 400,
        rng.binomial(300, 0.3 - gap * 4 / 7, 20_000) / 300,
    )
    pooled = (400 * p1 + 300 * p2) / 700
    z = (p1 - p2) / np.sqrt(pooled * (1 - pooled) * (1 / 400 + 1 / 300))
    assert (2 * stats.norm.sf(np.abs(z)) < 0.05).mean() == pytest.approx(0.8, abs=0.02)


def test_empty_groups_are_nan_and_a_gap_is_at_most_one() -> None:
    assert np.isnan(smallest_detectable_gap([0.2, 0.2, np.nan], [0, 10, 10], [10, 0, 10])).all()
    assert float(smallest_detectable_gap(0.5, 1, 1)) == 1.0


def test_a_rate_of_zero_claims_no_perfect_power() -> None:
    # z^2 / (n + z^2) = 3.841459 / 203.841459.
    assert float(cautious_rate(0, 200)) == pytest.approx(0.0188453, abs=1e-6)
    assert float(cautious_rate(200, 200)) == pytest.approx(1 - 0.0188453, abs=1e-6)
    assert float(cautious_rate(50, 200)) == 0.25
    assert float(cautious_rate(1, 1)) == 0.5
    assert np.isnan(cautious_rate(0, 0))


@pytest.mark.parametrize("wrong", [{"power": 1.0}, {"alpha": 0.0}, {"power": 80}])
def test_power_and_level_outside_0_1_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="power and alpha"):
        smallest_detectable_gap(0.2, 10, 10, **wrong)
