from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
)

from audit.statistics.proportion.intervals import (
    adjusted_wilson,
    newcombe,
    wilson,
)


def two_samples(*, seed: int = 3, size: int = 100) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    n1, n2 = rng.integers(2, 300, size), rng.integers(2, 300, size)
    x1, x2 = (rng.binomial(n, rng.uniform(0.02, 0.98, size)) for n in (n1, n2))
    return x1, n1, x2, n2


def test_wilson_by_hand() -> None:
    # x = 5, n = 10: centre 1/2, half z sqrt(0.25/10 + z^2/400) / (1 + z^2/10) with z^2 = 3.841459:
    # 1.959964 x sqrt(0.03460365) / 1.3841459 = 1.959964 x 0.1860206 / 1.3841459 = 0.263407.
    low, high = wilson(5, 10)
    assert float(low) == pytest.approx(0.5 - 0.263407, abs=1e-6)
    assert float(high) == pytest.approx(0.5 + 0.263407, abs=1e-6)
    # No event: (0, z^2 / (n + z^2)) = (0, 3.841459 / 13.841459).
    assert [float(limit) for limit in wilson(0, 10)] == pytest.approx([0.0, 3.841459 / 13.841459], abs=1e-7)


def test_newcombe_equals_statsmodels() -> None:
    x1, n1, x2, n2 = two_samples()
    expected = [
        confint_proportions_2indep(*row, method="newcomb") for row in zip(x1, n1, x2, n2, strict=True)
    ]
    np.testing.assert_allclose(np.transpose(newcombe(x1, n1, x2, n2)), expected, rtol=0, atol=1e-10)


def test_newcombe_gives_the_published_example() -> None:
    # Newcombe 1998, table II, example (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339.
    low, high = newcombe(56, 70, 48, 80)
    assert (round(float(low), 4), round(float(high), 4)) == (0.0524, 0.3339)


@pytest.mark.parametrize("count", [-1, 11])
def test_a_count_outside_its_n_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="between 0 and its n"):
        wilson(count, 10)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_outside_0_1_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        wilson(1, 2, confidence=confidence)


def test_few_events_get_the_poisson_limit_and_nothing_else_changes() -> None:
    # The 5 % quantile of the waiting time for the second event is 0.35536 (chi-squared, 4 degrees: 0.71072).
    low, high = adjusted_wilson([2, 28, 0, 30, 15], 30)
    plain_low, plain_high = wilson([2, 28, 0, 30, 15], 30)
    assert low[0] == pytest.approx(0.71072302 / 2 / 30, rel=1e-7)
    assert high[1] == pytest.approx(1 - low[0], rel=1e-12)
    np.testing.assert_array_equal(low[1:], plain_low[1:])
    np.testing.assert_array_equal(np.delete(high, 1), np.delete(plain_high, 1))


def test_the_adjusted_interval_holds_where_wilsons_does_not() -> None:
    # Wilson's interval of a single event among 50 starts just above .0035, that of no event is .84.
    rates = np.geomspace(0.0005, 0.5, 400)[:, None]
    for n in (20, 50):
        chances = stats.binom.pmf(np.arange(n + 1), n, rates)
        worst = []
        for interval in (wilson, adjusted_wilson):
            low, high = interval(np.arange(n + 1), n)
            worst.append((chances * ((low <= rates) & (rates <= high))).sum(axis=1).min())
        assert worst[0] < 0.85 < 0.92 < worst[1]
